#include "kernel/protocol/methods.hpp"

#include <string>
#include <string_view>

#include <howdah/json_text.hpp>

#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/protocol.hpp"

namespace howdah::kernel {
namespace {

// The same for every set of plugins, as a session keeps what it was told: a reload may bring the first prompt.
constexpr std::string_view kCapabilities =
    R"("capabilities":{"tools":{"listChanged":true},"prompts":{"listChanged":true},)"
    R"("resources":{"listChanged":true,"subscribe":true},)"
    R"("completions":{},"logging":{})";
constexpr std::string_view kExtensions = R"(,"extensions":{"io.modelcontextprotocol/tasks":{}}})";
constexpr std::size_t kClientNameMax = 128;  // bytes of a client's name or version that are kept

// What follows kCapabilities in a session. Tasks are listed only where that shows nobody the tasks of others (MCP
// 2025-11-25 "Tasks: Security Considerations").
std::string taskCapability(const Exchange& exchange) {
    if (exchange.revision != Revision::v2025_11_25) return "}";
    return concat(",\"tasks\":{", tellsClientsApart(exchange) ? "\"list\":{}," : "",
                  R"("cancel":{},"requests":{"tools":{"call":{}}}}})");
}

}  // namespace

void initialize(Exchange& exchange) {
    if (exchange.session && !exchange.http()) {
        return exchange.refuse({.http_status = 200, .message = "initialize came twice on this connection"});
    }
    const auto& params = exchange.message.params;
    auto requested = params ? textMember(*params, "protocolVersion") : std::nullopt;
    if (!requested) return exchange.refuse(badParams("initialize needs params.protocolVersion, a string"));
    auto info = objectMember(*params, "clientInfo");
    Client client{.name = "unknown"};
    if (info) {
        client.name = textMember(*info, "name").value_or("unknown").substr(0, kClientNameMax);
        client.version = textMember(*info, "version").value_or("").substr(0, kClientNameMax);
    }
    auto revision = revisionNamed(*requested);
    if (!revision || isModern(*revision)) revision = kLatestLegacy;
    client.protocol = name(*revision);
    client.structured = hasStructuredContent(*revision);
    if (auto capabilities = objectMember(*params, "capabilities")) readAskable(*capabilities, *revision, client);
    exchange.revision = *revision;
    exchange.client = &client;
    if (!greet(exchange)) return;

    if (exchange.http()) {
        SharedSessions* const shared = exchange.sharedSessions();
        auto session = shared && shared->offered() ? shared->create(*revision, client, exchange.principal)
                                                   : exchange.sessions().create(*revision, client, exchange.principal);
        if (!session) {
            Refusal refusal = refusalOf(session.error());
            refusal.http_status = 503;
            return exchange.refuse(refusal);
        }
        exchange.sink.header("Mcp-Session-Id", (*session)->id);
    } else if (exchange.connection) {
        auto session = std::make_shared<Session>("", *revision, client, exchange.principal);
        if (!exchange.connection->begin(std::move(session)))
            return exchange.refuse({.http_status = 200, .message = "initialize came twice on this connection"});
    }
    std::string instructions = ",\"instructions\":";
    appendJsonString(instructions, exchange.options().instructions);
    exchange.answer({R"("protocolVersion":")", name(*revision), "\",", kCapabilities, taskCapability(exchange),
                     R"(,"serverInfo":)", exchange.serverInfo(), instructions});
}

void ping(Exchange& exchange) {
    exchange.answer({});
}

void discover(Exchange& exchange) {
    std::string instructions = ",\"instructions\":";
    appendJsonString(instructions, exchange.options().instructions);
    std::string ttl = cacheHints(exchange.options().list_ttl, false);
    exchange.answer(
        {R"("supportedVersions":)", supportedRevisionsJson(), ",", kCapabilities, kExtensions, instructions, ttl});
}

// Nothing waits for it: a client may send requests as soon as it has the answer to initialize.
void initialized(Exchange&) {}

// Over HTTP the stateless era cancels by closing the stream; there this names nothing and is ignored. So is an id that
// is not in flight: the answer and the notification may cross.
void cancelled(Exchange& exchange) {
    auto id = exchange.message.params ? member(*exchange.message.params, "requestId") : std::nullopt;
    auto text = id ? idText(*id, exchange.options().message.id_bytes_max) : std::nullopt;
    if (!text) return;
    if (exchange.connection) {
        exchange.connection->requests().cancel(*text, CancelReason::requested);
    } else if (exchange.session) {
        const bool is_here = exchange.session->in_flight.cancel(*text, CancelReason::requested);
        if (is_here || !exchange.session->shared) return;
        if (const auto refusal = exchange.sharedSessions()->cancelElsewhere(*exchange.session, *text))
            exchange.refuse(*refusal);
    }
}

}  // namespace howdah::kernel
