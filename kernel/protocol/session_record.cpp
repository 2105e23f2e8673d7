#include "kernel/protocol/session_record.hpp"

#include <optional>

#include "kernel/base/json.hpp"
#include "kernel/protocol/resource_watch.hpp"

namespace howdah::kernel {
namespace {

template <typename T>
bool takeMember(const Json& object, const char* key, T& into) {
    const auto found = object.find(key);
    if (found == object.end()) return false;
    if constexpr (std::is_same_v<T, bool>) {
        if (!found->is_boolean()) return false;
    } else if constexpr (std::is_integral_v<T>) {
        if (!found->is_number_unsigned() || found->get<std::uint64_t>() > UINT32_MAX) return false;
    } else {
        if (!found->is_string()) return false;
    }
    into = found->get<T>();
    return true;
}

}  // namespace

std::string SessionRecord::text() const {
    return dumpJson({{"revision", name(revision)},
                     {"client", client.name},
                     {"version", client.version},
                     {"askable", client.askable},
                     {"samples_with_tools", client.samples_with_tools},
                     {"samples_with_context", client.samples_with_context},
                     {"subject", subject},
                     {"tenant", tenant},
                     {"log_level", log_level},
                     {"watched", watched}});
}

Result<SessionRecord> SessionRecord::read(std::string_view text) {
    const Error bad = Error::unavailable("the record of a session that instances share is of another version");
    const Json json = Json::parse(text, nullptr, false);
    SessionRecord record;
    std::string revision;
    if (!json.is_object() || !takeMember(json, "revision", revision) ||
        !takeMember(json, "client", record.client.name) || !takeMember(json, "version", record.client.version) ||
        !takeMember(json, "askable", record.client.askable) ||
        !takeMember(json, "samples_with_tools", record.client.samples_with_tools) ||
        !takeMember(json, "samples_with_context", record.client.samples_with_context) ||
        !takeMember(json, "subject", record.subject) || !takeMember(json, "tenant", record.tenant) ||
        !takeMember(json, "log_level", record.log_level))
        return bad;
    const auto known = revisionNamed(revision);
    if (!known || isModern(*known)) return bad;
    record.revision = *known;
    record.client.protocol = name(*known);
    record.client.structured = hasStructuredContent(*known);
    const auto watched = json.find("watched");
    if (watched == json.end() || !watched->is_array() || watched->size() > ResourceWatch::kUrisMax) return bad;
    for (const Json& uri : *watched) {
        if (!uri.is_string()) return bad;
        record.watched.insert(uri.get<std::string>());
    }
    return record;
}

}  // namespace howdah::kernel
