#include "plugins/multi_tenant/audit/calls.hpp"

#include "plugins/multi_tenant/audit/crypto.hpp"

namespace howdah::multi_tenant {
namespace {

std::string_view nameOf(CallKind kind) {
    switch (kind) {
        case CallKind::tool: return "tool";
        case CallKind::prompt: return "prompt";
        case CallKind::resource: return "resource";
        case CallKind::completion: return "completion";
        case CallKind::resource_list: return "resource_list";
    }
    return "call";
}

// No more than `max` bytes, and no character cut in two.
std::string_view beginning(std::string_view text, std::size_t max) {
    if (text.size() <= max) return text;
    while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80)
        --max;
    return text.substr(0, max);
}

// What a client names, or is called, may be as long as a message.
constexpr std::size_t kNameMax = 1024;

std::string_view shortened(std::string_view name) {
    return beginning(name, kNameMax);
}

}  // namespace

nlohmann::json recordOf(const Call& call) {
    return {{"kind", nameOf(call.kind())},
            {"name", shortened(call.name())},
            {"subject", shortened(fromAbi(call.principal().subject))},
            {"client", shortened(call.clientName())},
            {"transport", fromAbi(call.raw()->transport)},
            {"request", call.raw()->request_id},
            {"statements", nlohmann::json::array()}};
}

nlohmann::json recordOf(const Query& query, std::size_t text_max) {
    nlohmann::json record{{"database", shortened(query.database())},
                          {"plugin", query.plugin()},
                          {"sha256", sha256Hex(query.sql())},
                          {"values", query.parameters().size()},
                          {"writes", !query.readOnly()}};
    // A plugin's own text is known by its digest: it stands in the plugin.
    if (query.fromClient() && text_max > 0) record["sql"] = beginning(query.sql(), text_max);
    return record;
}

void addOutcome(nlohmann::json& body, const Error* error, std::uint64_t took_ns) {
    body["took_ms"] = took_ns / 1'000'000;
    body["outcome"] = error ? "error" : "ok";
    if (!error) return;
    body["code"] = name(error->code);
    if (!error->rule.empty()) body["rule"] = error->rule;
    if (!error->sqlstate.empty()) body["sqlstate"] = error->sqlstate;
}

}  // namespace howdah::multi_tenant
