#include "kernel/protocol/era.hpp"

#include <cstddef>

#include <howdah/json_text.hpp>

#include "kernel/base/base64.hpp"
#include "kernel/protocol/questions.hpp"

namespace howdah::kernel {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25",
                                                    "2026-07-28"};

constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view kCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
constexpr std::string_view kClientKey = "io.modelcontextprotocol/clientInfo";

constexpr std::size_t kShown = 64;           // bytes of a client's value repeated in a message
constexpr std::size_t kClientNameMax = 128;  // bytes of a client's name or version that are kept

bool present(std::string_view header) {
    return header.data() != nullptr;
}

Refusal mismatch(std::string message) {
    return {.code = kHeaderMismatch, .message = std::move(message)};
}

Refusal badMeta(std::string message) {
    return {.code = kInvalidParams, .message = std::move(message)};
}

Refusal unsupported(std::string_view requested) {
    Refusal refusal{.code = kUnsupportedProtocolVersion};
    refusal.message = concat("unsupported protocol version \"", requested.substr(0, kShown), "\"");
    refusal.data = "{\"supported\":";
    if (revisionNamed(requested)) {
        // Known, but it has no requests that describe themselves.
        refusal.message += ", it is served after initialize only";
        refusal.data += "[\"2026-07-28\"]";
    } else {
        refusal.data += supportedRevisionsJson();
    }
    refusal.data += ",\"requested\":";
    appendJsonString(refusal.data, requested.substr(0, kShown));
    refusal.data += '}';
    return refusal;
}

// Which member of params Mcp-Name repeats, "" for none.
std::string_view namedBy(std::string_view method) {
    if (method == "tools/call" || method == "prompts/get") return "name";
    if (method == "resources/read") return "uri";
    if (method == "tasks/get" || method == "tasks/update" || method == "tasks/cancel") return "taskId";
    return {};
}

std::optional<Refusal> checkHeaders(const Message& message, const Inbound& inbound) {
    if (!present(inbound.mcp_method)) return mismatch("the header Mcp-Method is missing");
    if (inbound.mcp_method != message.method) {
        return mismatch(concat("the header Mcp-Method \"", inbound.mcp_method.substr(0, kShown),
                               "\" differs from the method \"", message.method.substr(0, kShown), "\""));
    }
    std::string_view key = namedBy(message.method);
    if (key.empty()) return std::nullopt;
    auto name = message.params ? textMember(*message.params, key) : std::nullopt;
    if (!name) return std::nullopt;  // the method says what is wrong with its params
    if (!present(inbound.mcp_name)) return mismatch("the header Mcp-Name is missing");
    auto header = decodedHeader(inbound.mcp_name);
    if (!header) return mismatch("the header Mcp-Name has bytes outside printable ASCII or is not valid Base64");
    if (*header != *name) {
        return mismatch(concat("the header Mcp-Name \"", std::string_view(*header).substr(0, kShown),
                               "\" differs from params.", key, " \"", name->substr(0, kShown), "\""));
    }
    return std::nullopt;
}

std::optional<Refusal> readClient(const Message& message, Client& client) {
    auto info = member(*message.meta, kClientKey);
    if (!info) return std::nullopt;
    simdjson::dom::object object;
    if (info->get(object)) return badMeta(concat("_meta \"", kClientKey, "\" must be an object"));
    auto client_name = textMember(object, "name");
    auto version = textMember(object, "version");
    if (!client_name || !version) return badMeta(concat("_meta \"", kClientKey, "\" needs name and version"));
    client.name = client_name->substr(0, kClientNameMax);
    client.version = version->substr(0, kClientNameMax);
    return std::nullopt;
}

}  // namespace

std::string_view name(Revision revision) {
    return kNames[static_cast<std::size_t>(revision)];
}

std::optional<Revision> revisionNamed(std::string_view text) {
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (kNames[i] == text) return static_cast<Revision>(i);
    return std::nullopt;
}

std::string supportedRevisionsJson() {
    std::string out = "[";
    for (std::size_t i = kNames.size(); i-- > 0;)
        out += concat('"', kNames[i], i > 0 ? "\"," : "\"]");
    return out;
}

bool speaksModern(const Message& message, const Inbound& inbound) {
    if (message.meta && member(*message.meta, kVersionKey)) return true;
    if (message.method == "initialize") return false;
    if (message.method == "server/discover" || message.method == "subscriptions/listen") return true;
    // A header alone marks a client of this era that forgot `_meta`; one naming no known revision is refused as such,
    // unless a session says the sender is a legacy client (then its answer is 400 all the same).
    if (!present(inbound.protocol_version)) return false;
    auto revision = revisionNamed(inbound.protocol_version);
    return revision && isModern(*revision);
}

std::optional<Refusal> checkModern(const Message& message, const Inbound& inbound, Client& client) {
    if (!message.meta) return badMeta(concat("params._meta is missing; 2026-07-28 wants \"", kVersionKey, "\" in it"));
    auto version = textMember(*message.meta, kVersionKey);
    if (!version) return badMeta(concat("_meta \"", kVersionKey, "\" is missing or not a string"));
    bool http = inbound.transport == "http";
    if (http && !present(inbound.protocol_version)) return mismatch("the header MCP-Protocol-Version is missing");
    if (http && inbound.protocol_version != *version) {
        return mismatch(concat("the header MCP-Protocol-Version \"", inbound.protocol_version.substr(0, kShown),
                               "\" differs from _meta \"", version->substr(0, kShown), "\""));
    }
    auto revision = revisionNamed(*version);
    if (!revision || !isModern(*revision)) return unsupported(*version);
    auto capabilities = objectMember(*message.meta, kCapabilitiesKey);
    if (!capabilities) return badMeta(concat("_meta \"", kCapabilitiesKey, "\" is missing or not an object"));
    readAskable(*capabilities, *revision, client);
    client.protocol = name(*revision);
    client.structured = true;
    if (auto refusal = readClient(message, client)) return refusal;
    return http ? checkHeaders(message, inbound) : std::nullopt;
}

std::optional<Refusal> checkLegacyHeader(const Inbound& inbound) {
    if (!present(inbound.protocol_version) || revisionNamed(inbound.protocol_version)) return std::nullopt;
    return unsupported(inbound.protocol_version);
}

std::optional<std::string> decodedHeader(std::string_view value) {
    for (char c : value) {
        auto byte = static_cast<unsigned char>(c);
        if (byte != '\t' && (byte < 0x20 || byte > 0x7E)) return std::nullopt;
    }
    constexpr std::string_view kPrefix = "=?base64?", kSuffix = "?=";
    if (value.size() < kPrefix.size() + kSuffix.size() || !value.starts_with(kPrefix) || !value.ends_with(kSuffix))
        return std::string(value);
    value.remove_prefix(kPrefix.size());
    value.remove_suffix(kSuffix.size());
    return fromBase64(value);
}

}  // namespace howdah::kernel
