#include "kernel/protocol/methods.hpp"

#include <string>
#include <string_view>

#include <howdah/json_text.hpp>

#include "kernel/pipeline/calls.hpp"
#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/protocol.hpp"
#include "kernel/protocol/tool_answer.hpp"

namespace howdah::kernel {
namespace {

// The same for every set of plugins, as a session keeps what it was told: a reload may bring the first prompt.
constexpr std::string_view kCapabilities =
    R"("capabilities":{"tools":{"listChanged":true},"prompts":{"listChanged":true},)"
    R"("resources":{"listChanged":true,"subscribe":true},)"
    R"("completions":{},"logging":{}})";
constexpr std::size_t kClientNameMax = 128;  // bytes of a client's name or version that are kept

// The SQL of a call, for the caret under an error: by convention the argument is called sql.
std::string_view statementOf(simdjson::dom::element arguments) {
    return textMember(simdjson::dom::object(arguments), "sql").value_or(std::string_view());
}

std::string subscriptionMeta(const Exchange& exchange) {
    return concat(R"("_meta":{"io.modelcontextprotocol/subscriptionId":)", exchange.message.id, "}");
}

// Those of the URIs that are there, as JSON, comma-separated; the watch then holds them.
std::string watchedOf(const Exchange& exchange, const std::optional<simdjson::dom::array>& uris, ResourceWatch& watch) {
    std::string json;
    GenerationPin generation = exchange.generations().pin();
    if (!generation || !uris) return json;
    for (simdjson::dom::element element : *uris) {
        std::string_view uri;
        if (element.get(uri) || !generation->hasResource(uri) || !watch.add(uri)) continue;
        if (!json.empty()) json += ',';
        appendJsonString(json, uri);
    }
    return json;
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
    if (auto capabilities = objectMember(*params, "capabilities")) client.askable = askableOf(*capabilities);
    exchange.revision = *revision;
    exchange.client = &client;
    if (!greet(exchange)) return;

    if (exchange.http()) {
        auto session = exchange.sessions().create(*revision, client, exchange.principal);
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
    exchange.answer({R"("protocolVersion":")", name(*revision), "\",", kCapabilities, R"(,"serverInfo":)",
                     exchange.serverInfo(), instructions});
}

void ping(Exchange& exchange) {
    exchange.answer({});
}

void discover(Exchange& exchange) {
    std::string instructions = ",\"instructions\":";
    appendJsonString(instructions, exchange.options().instructions);
    std::string ttl = cacheHints(exchange.options().list_ttl, false);
    exchange.answer({R"("supportedVersions":)", supportedRevisionsJson(), ",", kCapabilities, instructions, ttl});
}

void toolsCall(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto tool = params ? textMember(*params, "name") : std::nullopt;
    if (!tool) return exchange.refuse(badParams("tools/call needs params.name, a string"));
    auto arguments = member(*params, "arguments").value_or(emptyObject());
    if (!arguments.is_object()) return exchange.refuse(badParams("params.arguments must be an object"));
    auto notices = noticesOf(exchange);
    if (!notices) return;
    Questions questions(exchange);
    if (auto refusal = questions.open()) return exchange.refuse(*refusal);
    if (!greetIfNew(exchange)) return;

    Request request;
    exchange.prepare(request);
    ToolAnswer answer(exchange.sink, {.id = exchange.message.id,
                                      .revision = exchange.revision,
                                      .meta = exchange.resultMeta(),
                                      .structured_max = exchange.options().structured_max,
                                      .notices = std::move(*notices),
                                      .questions = &questions,
                                      .outlives_client = exchange.http() && !exchange.modern()});
    auto called = callTool(request, *tool, arguments, answer);
    // A request the client took back gets no answer, unless part of it has gone out and must be brought to an end.
    bool taken_back = request.cancellation && request.cancellation->reason() == CancelReason::requested;
    if (taken_back && answer.untouched()) return;
    if (questions.inputRequired()) return answerInputRequired(exchange, questions);
    if (called) {
        (void)answer.finish();
        return;
    }
    if (auto refusal = questions.missingCapability(); refusal && answer.untouched()) return exchange.refuse(*refusal);
    const Error& error = called.error();
    const auto& tools = request.generation->tools_by_name;
    auto known = tools.find(*tool);
    if (known == tools.end()) return exchange.refuse(badParams(error.message.substr(0, kMessageMax)));
    if (error.code == Code::invalid_argument && !argumentErrorsAreResults(exchange.revision) && answer.untouched() &&
        known->second->arguments.validate(arguments)) {
        return exchange.refuse(badParams(error.message.substr(0, kMessageMax)));
    }
    (void)answer.finishWithError(error, statementOf(arguments));
}

void listen(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto wanted = params ? objectMember(*params, "notifications") : std::nullopt;
    if (!wanted) return exchange.refuse(badParams("subscriptions/listen needs params.notifications, an object"));
    if (exchange.http() && !exchange.inbound.accepts_events)
        return exchange.refuse({.http_status = 406, .message = "subscriptions/listen answers as text/event-stream"});
    Changes asked;
    std::string agreed;  // what was asked for and is served
    for (const ListKind& kind : kListKinds) {
        auto flag = member(*wanted, kind.filter);
        if (flag && flag->get(asked.*kind.changed))
            return exchange.refuse(badParams(concat(kind.filter, " must be true or false")));
        if (asked.*kind.changed) agreed += concat(agreed.empty() ? "\"" : ",\"", kind.filter, "\":true");
    }
    std::optional<simdjson::dom::array> uris;
    if (auto list = member(*wanted, "resourceSubscriptions")) {
        if (list->get(uris.emplace()))
            return exchange.refuse(badParams("resourceSubscriptions must be an array of URIs"));
    }
    if (!greetIfNew(exchange)) return;
    auto listener = exchange.subscriptions().open(exchange.options().subscriptions_max);
    if (!listener) {
        return exchange.refuse({.code = kInternalError,
                                .http_status = 503,
                                .message = concat("no more than ", exchange.options().subscriptions_max,
                                                  " subscriptions can be open, or the server is shutting down")});
    }
    if (auto watched = watchedOf(exchange, uris, listener->watched); !watched.empty())
        agreed += concat(agreed.empty() ? "" : ",", R"("resourceSubscriptions":[)", watched, "]");
    std::string meta = subscriptionMeta(exchange);
    auto sent = exchange.sink.notify(
        concat(R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{)", meta,
               R"(,"notifications":{)", agreed, "}}}"));
    while (sent) {
        const auto woken = listener->wait(exchange.cancellation);
        if (woken.by == Listener::Wake::cancelled) return;
        if (woken.by == Listener::Wake::ended) break;
        for (const ListKind& kind : kListKinds) {
            if (!sent || !(asked.*kind.changed) || !(woken.changes.*kind.changed)) continue;
            sent = exchange.sink.notify(
                concat(R"({"jsonrpc":"2.0","method":")", kind.notification, R"(","params":{)", meta, "}}"));
        }
        for (const std::string& uri : woken.changes.updated) {
            if (!sent) break;
            std::string json =
                concat(R"({"jsonrpc":"2.0","method":"notifications/resources/updated","params":{)", meta, ",\"uri\":");
            appendJsonString(json, uri);
            sent = exchange.sink.notify(json + "}}");
        }
    }
    if (!sent) return;
    // The last word. On stdio the stream has no end of its own to see, so the protocol wants it said as well.
    if (!exchange.http())
        sent =
            exchange.sink.notify(concat(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)",
                                        exchange.message.id, R"(,"reason":"the server is shutting down"}})"));
    if (sent)
        (void)exchange.sink.write(concat(R"({"jsonrpc":"2.0","id":)", exchange.message.id,
                                         R"(,"result":{"resultType":"complete",)", meta, "}}"));
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
        exchange.session->in_flight.cancel(*text, CancelReason::requested);
    }
}

}  // namespace howdah::kernel
