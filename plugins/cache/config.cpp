#include "plugins/cache/config.hpp"

namespace howdah::cache {
namespace {

using Json = nlohmann::json;

void read(const Json& section, const char* key, std::size_t& value) {
    value = section.value(key, value);
}
void readMs(const Json& section, const char* key, std::uint64_t& value_ns) {
    value_ns = section.value(key, value_ns / kMs) * kMs;
}
void read(const Json& section, const char* level, Budget& budget) {
    const Json own = section.value(level, Json::object());
    read(own, "entries_max", budget.entries);
    read(own, "bytes_max", budget.bytes);
}

// A write that nobody was told of would leave its old answers to all.
Result<void> checkShared(const Config::Shared& shared) {
    const std::string& path = shared.answers.key_file;
    if (!path.empty() && path.front() != '/')
        return Error::invalidArgument("cache.shared.answers.key_file must be an absolute path, got ", path);
    if (!shared.answers.on) return {};
    if (!shared.on)
        return Error::invalidArgument(
            "cache.shared.answers.enabled needs cache.shared.enabled: true, so that writes are "
            "known to all who share answers");
    if (!shared.refuses_writes)
        return Error::invalidArgument(
            "cache.shared.answers.enabled needs cache.shared.writes_alone: refuse, as a write that "
            "nobody was told of would leave old answers to all");
    if (path.empty())
        return Error::invalidArgument(
            "cache.shared.answers.enabled needs cache.shared.answers.key_file: the path of 32 "
            "random bytes that all instances have, and only the server's user may read");
    return {};
}

}  // namespace

Result<Config> Config::parse(const Json& section) {
    Config config;
    readMs(section, "ttl_ms", config.ttl_ns);
    readMs(section, "negative_ttl_ms", config.negative_ttl_ns);
    readMs(section, "coalesce_ms", config.coalesce_ns);
    readMs(section, "unsettled_ms", config.unsettled_ns);
    read(section, "entry_bytes_max", config.entry_bytes_max);
    read(section, "relations_max", config.relations_max);
    read(section, "l1", config.l1);
    read(section, "l2", config.l2);
    read(section, "l3", config.l3.budget);
    const Json disk = section.value("l3", Json::object());
    config.l3.on = disk.value("enabled", config.l3.on);
    config.l3.key_file = disk.value("key_file", config.l3.key_file);
    readMs(disk, "read_ms", config.l3.read_ns);
    const Json notify = section.value("notify", Json::object());
    config.notify.databases = notify.value("databases", config.notify.databases);
    config.notify.channel = notify.value("channel", config.notify.channel);
    readMs(notify, "bound_ms", config.notify.bound_ns);
    readMs(notify, "ttl_ms", config.notify.ttl_ns);
    const Json shared = section.value("shared", Json::object());
    config.shared.on = shared.value("enabled", config.shared.on);
    config.shared.name = shared.value("name", config.shared.name);
    readMs(shared, "lease_ms", config.shared.lease_ns);
    config.shared.refuses_writes = shared.value("writes_alone", std::string("refuse")) == "refuse";
    const Json answers = shared.value("answers", Json::object());
    config.shared.answers.on = answers.value("enabled", config.shared.answers.on);
    config.shared.answers.key_file = answers.value("key_file", config.shared.answers.key_file);
    read(answers, "entry_bytes_max", config.shared.answers.entry_bytes);
    read(answers, "bytes_max", config.shared.answers.bytes);
    readMs(answers, "read_ms", config.shared.answers.read_ns);
    config.databases_off = section.value("databases_off", config.databases_off);
    if (config.entry_bytes_max > config.l2.bytes / 16)
        return Error::invalidArgument("cache.entry_bytes_max is ", config.entry_bytes_max,
                                      ", more than a sixteenth of cache.l2.bytes_max with ", config.l2.bytes);
    if (!config.l3.key_file.empty() && config.l3.key_file.front() != '/')
        return Error::invalidArgument("cache.l3.key_file must be an absolute path, got ", config.l3.key_file);
    if (auto fits = checkShared(config.shared); !fits) return std::move(fits).error();
    return config;
}

}  // namespace howdah::cache
