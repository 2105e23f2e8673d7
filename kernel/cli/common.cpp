#include <cstdio>
#include <cstdlib>

#include "kernel/base/log.hpp"
#include "kernel/cli/commands.hpp"

namespace howdah::kernel::cli {

namespace fs = std::filesystem;

std::optional<fs::path> configFile(const CommonOptions& options) {
    if (!options.config.empty()) return options.config;
    if (const char* named = std::getenv("HOWDAH_CONFIG"); named && *named) return named;
    std::error_code ignored;
    if (fs::exists("howdah.yaml", ignored)) return "howdah.yaml";
    const char* xdg = std::getenv("XDG_CONFIG_HOME");
    const char* home = std::getenv("HOME");
    fs::path base = xdg && *xdg ? fs::path(xdg) : home ? fs::path(home) / ".config" : fs::path();
    if (!base.empty() && fs::exists(base / "howdah" / "howdah.yaml", ignored)) return base / "howdah" / "howdah.yaml";
    return std::nullopt;
}

Result<Config> loadConfig(const CommonOptions& options) {
    auto file = configFile(options);
    auto config = file ? Config::fromFile(*file) : Config::fromEnvironment();
    if (!config && config.error().code == Code::not_found) {
        return std::move(config).error().withHint(
            concat("name the file that is meant with ", options.config.empty() ? "HOWDAH_CONFIG" : "-c",
                   ", or leave it out: then ./howdah.yaml, ~/.config/howdah/howdah.yaml or DATABASE_URL serves"));
    }
    if (config && !options.log_level.empty()) config->log.level = options.log_level;
    return config;
}

int fail(const Error& error, int exit_code) {
    std::fprintf(stderr, "howdah: %s\n", error.message.c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", error.hint.c_str());
    return exit_code;
}

}  // namespace howdah::kernel::cli
