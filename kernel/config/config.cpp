#include "kernel/config/config.hpp"

#include <cassert>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/config/environment.hpp"
#include "kernel/config/read.hpp"

namespace howdah::kernel {

namespace {

const Schema& fileSchema() {
    static const Schema schema = [] {
        auto json = parseJson(configSchemaText());
        assert(json.has_value());
        auto compiled = Schema::compile(*json);
        assert(compiled.has_value());
        return std::move(*compiled);
    }();
    return schema;
}

Result<std::string> readFile(const std::filesystem::path& path) {
    // O_NONBLOCK: a named pipe must not hang the start.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return Error::notFound("cannot read ", path.string(), ": ", std::strerror(errno));
    struct stat about{};
    const bool regular = ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    std::string text(regular ? YamlLimits{}.bytes_max + 1 : 0, '\0');
    std::size_t size = 0;
    int failure = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) failure = errno;
        if (got <= 0) break;
        size += static_cast<std::size_t>(got);
    }
    ::close(fd);
    if (!regular) return Error::invalidArgument(path.string(), " is no regular file");
    if (failure != 0) return Error::unavailable("cannot read ", path.string(), ": ", std::strerror(failure));
    text.resize(size);
    return text;
}

}  // namespace

Result<Config> Config::fromFile(const std::filesystem::path& path, const Environment& environment) {
    auto text = readFile(path);
    if (!text) return text.error();
    std::error_code ignored;  // absolute() fails only without a working folder; relative paths then stay relative
    const auto whole = std::filesystem::absolute(path, ignored);
    auto config = fromText(*text, path.string(), whole.parent_path(), environment);
    if (config) config->file = whole;
    return config;
}

Result<Config> Config::fromText(std::string_view text, std::string name, const std::filesystem::path& folder,
                                const Environment& environment) {
    auto parsed = parseYaml(text, std::move(name));
    if (!parsed) return parsed.error();
    auto document = std::make_shared<YamlDocument>(std::move(*parsed));
    if (document->root.is_null()) {
        return Error::invalidArgument(document->file, ": the file is empty, begin it with howdah: 1");
    }
    auto secrets = resolveSecrets(*document, environment, folder);
    if (!secrets) return secrets.error();

    Config config;
    config.document = document;
    config.source = document->file;
    config.secrets = std::move(*secrets);
    config.warnings = config.secrets.warnings;
    if (auto violation = fileSchema().validate(document->root)) return config.errorAt("", *violation);
    if (auto read = readConfig(*document, folder, environment, config); !read) return read.error();
    if (config.databases.empty()) {
        auto found = databaseFromEnvironment(environment);
        config.databases.push_back(std::move(found));
    }
    return config;
}

Position Config::positionOf(std::string_view pointer) const {
    return document ? document->positionOf(pointer) : Position{};
}

std::string Config::describe(std::string_view pointer, std::string_view text) const {
    if (document) return document->describe(pointer, text);
    return concat(source, ": ", pointer.empty() ? "" : dotted(pointer) + ": ", text);
}

Error Config::errorAt(std::string_view prefix, const Violation& violation) const {
    const std::string pointer = concat(prefix, violation.pointer);
    // What was met may be a secret, or hold one further down, or a password that was written out.
    const bool hidden =
        secrets.contains(pointer) || pointer.find("password") != std::string::npos || pointer.ends_with("/dsn");
    std::string text = violation.expected;
    if (!violation.met.empty() && !hidden) text += ", got " + violation.met;
    return Error::invalidArgument(describe(pointer, text));
}

}  // namespace howdah::kernel
