#include "config.hpp"

namespace howdah::embedded {

// The kernel has checked types and ranges by plugin.json.
Result<Config> Config::parse(const Json& section) {
    Config config;
    config.keep = section.value("keep", config.keep);
    config.sample = section.value("sample", config.sample);
    config.port = section.value("port", config.port);
    config.bin_dir = section.value("bin_dir", config.bin_dir);
    config.data_dir = section.value("data_dir", config.data_dir);
    for (const auto* folder : {&config.bin_dir, &config.data_dir}) {
        if (!folder->empty() && folder->front() != '/') {
            return Error::invalidArgument(folder == &config.bin_dir ? "bin_dir" : "data_dir",
                                          " must be an absolute path, got ", *folder);
        }
    }
    if (!config.data_dir.empty() && !config.keep) {
        return Error::invalidArgument("data_dir is only used with keep: true, got ", config.data_dir);
    }
    return config;
}

}  // namespace howdah::embedded
