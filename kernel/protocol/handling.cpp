#include "kernel/protocol/handling.hpp"

#include <howdah/json_text.hpp>

#include "kernel/base/base64.hpp"
#include "kernel/pipeline/calls.hpp"
#include "kernel/pipeline/scopes.hpp"

namespace howdah::kernel {
namespace {

constexpr std::size_t kTokenMax = 1024;  // bytes of a progress token
constexpr std::string_view kCursorMark = "after:";
constexpr std::string_view kLogLevelKey = "io.modelcontextprotocol/logLevel";

std::string progressToken(const Exchange& exchange) {
    if (!exchange.message.meta) return {};
    auto token = member(*exchange.message.meta, "progressToken");
    return token ? idText(*token, kTokenMax).value_or("") : "";
}

}  // namespace

Refusal badParams(std::string message) {
    return {.code = kInvalidParams, .http_status = 200, .message = std::move(message)};
}

Refusal noResource(const Exchange& exchange, std::string_view uri, std::string message) {
    Refusal refusal{.code = exchange.modern() ? kInvalidParams : kResourceNotFound,
                    .http_status = 200,
                    .message = std::move(message),
                    .data = "{\"uri\":"};
    appendJsonString(refusal.data, uri.substr(0, kMessageMax));
    refusal.data += '}';
    return refusal;
}

bool greet(Exchange& exchange) {
    Request request;
    exchange.prepare(request);
    auto greeted = connectClient(request);
    if (!greeted) exchange.refuse(refusalOf(greeted.error()));
    return static_cast<bool>(greeted);
}

bool greetIfNew(Exchange& exchange) {
    if (!exchange.modern()) return true;
    const Principal& principal = exchange.principal;
    constexpr char kBetween = '\x1f';
    std::string key = concat(principal.subject, kBetween, principal.tenant, kBetween, exchange.client->name, kBetween,
                             exchange.client->version);
    if (exchange.recentClients().seen(key)) return true;
    if (!greet(exchange)) return false;
    exchange.recentClients().remember(key);
    return true;
}

bool mayRead(Exchange& exchange) {
    Request request;
    exchange.prepare(request);
    auto may = requireScopes(request, readScopes());
    if (!may) exchange.refuseScopes(may.error(), readScopes());
    return static_cast<bool>(may);
}

bool mayStand(Exchange& exchange) {
    if (auto may = exchange.sink.stands(); !may) {
        exchange.refuse(refusalOf(may.error()));
        return false;
    }
    exchange.sink.standsUntil(exchange.cancellation->shared_from_this());
    return true;
}

bool tellsClientsApart(const Exchange& exchange) {
    return exchange.authenticated() || exchange.inbound.transport == "stdio";
}

simdjson::dom::element emptyObject() {
    static simdjson::dom::parser parser;
    static const simdjson::dom::element empty = parser.parse(std::string_view("{}")).value_unsafe();
    return empty;
}

std::string_view statementOf(simdjson::dom::element arguments) {
    return textMember(simdjson::dom::object(arguments), "sql").value_or(std::string_view());
}

std::string cursorAfter(std::string_view key) {
    return toBase64Url(concat(kCursorMark, key));
}

std::optional<std::string> cursorOf(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto cursor = params ? member(*params, "cursor") : std::nullopt;
    if (!cursor || cursor->is_null()) return std::string();
    std::string_view text;
    auto key = cursor->get(text) == simdjson::SUCCESS ? fromBase64Url(text) : std::nullopt;
    if (key && key->starts_with(kCursorMark)) return key->substr(kCursorMark.size());
    exchange.refuse(
        badParams(concat("unknown cursor; ", exchange.message.method, " without one begins at the first page")));
    return std::nullopt;
}

std::optional<Notices::Settings> noticesOf(Exchange& exchange) {
    Notices::Settings settings{.revision = exchange.revision,
                               .progress_token = progressToken(exchange),
                               .progress_interval = exchange.options().progress_interval,
                               .log_level = std::nullopt};
    if (!exchange.modern()) {
        if (exchange.session) settings.log_level = exchange.session->log_level.load(std::memory_order_relaxed);
        return settings;
    }
    auto wanted = exchange.message.meta ? member(*exchange.message.meta, kLogLevelKey) : std::nullopt;
    if (!wanted) return settings;
    std::string_view name;
    if (wanted->get(name) == simdjson::SUCCESS) settings.log_level = logLevelNamed(name);
    if (settings.log_level) return settings;
    exchange.refuse(badParams(concat("_meta \"", kLogLevelKey,
                                     "\" must be debug, info, notice, warning, error, critical, "
                                     "alert or emergency")));
    return std::nullopt;
}

void answerInputRequired(Exchange& exchange, const Questions& questions) {
    auto members = questions.members();
    if (!members) return exchange.refuse(refusalOf(members.error()));
    exchange.answer({*members}, "input_required");
}

std::string cacheHints(std::chrono::milliseconds ttl, bool only_this_client) {
    return concat(R"(,"ttlMs":)", ttl.count(), R"(,"cacheScope":")", only_this_client ? "private" : "public", '"');
}

}  // namespace howdah::kernel
