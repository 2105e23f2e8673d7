#include "kernel/protocol/router.hpp"

#include <algorithm>
#include <span>

#include "kernel/protocol/methods.hpp"

namespace howdah::kernel {
namespace {

// The revisions that have a method, first and last.
struct Span {
    Revision first;
    Revision last;
};
constexpr Span kEvery{Revision::v2024_11_05, Revision::v2026_07_28};
constexpr Span kLegacy{Revision::v2024_11_05, kLatestLegacy};
constexpr Span kModern{Revision::v2026_07_28, Revision::v2026_07_28};
constexpr Span kSinceTasks{Revision::v2025_11_25, Revision::v2026_07_28};
constexpr Span kFirstTasks{Revision::v2025_11_25, Revision::v2025_11_25};

struct Method {
    std::string_view name;
    Span revisions;
    void (*handler)(Exchange&);

    bool servedIn(Revision revision) const { return revisions.first <= revision && revision <= revisions.last; }
};

// Every method there is. What is not here is answered with -32601.
constexpr Method kRequests[] = {
    {"tools/call", kEvery, &toolsCall},
    {"tools/list", kEvery, &toolsList},
    {"prompts/get", kEvery, &promptsGet},
    {"prompts/list", kEvery, &promptsList},
    {"resources/read", kEvery, &resourcesRead},
    {"resources/list", kEvery, &resourcesList},
    {"resources/templates/list", kEvery, &resourceTemplatesList},
    {"resources/subscribe", kLegacy, &resourcesSubscribe},
    {"resources/unsubscribe", kLegacy, &resourcesUnsubscribe},
    {"completion/complete", kEvery, &complete},
    {"logging/setLevel", kLegacy, &setLogLevel},
    {"ping", kLegacy, &ping},
    {"initialize", kLegacy, &initialize},
    {"server/discover", kModern, &discover},
    {"subscriptions/listen", kModern, &listen},
    {"tasks/get", kSinceTasks, &tasksGet},
    {"tasks/cancel", kSinceTasks, &tasksCancel},
    {"tasks/update", kModern, &tasksUpdate},
    {"tasks/list", kFirstTasks, &tasksList},
    {"tasks/result", kFirstTasks, &tasksResult},
};
constexpr Method kNotifications[] = {
    {"notifications/initialized", kLegacy, &initialized},
    {"notifications/cancelled", kEvery, &cancelled},
};

const Method* find(std::span<const Method> methods, const Exchange& exchange) {
    for (const Method& method : methods)
        if (method.name == exchange.message.method && method.servedIn(exchange.revision)) return &method;
    return nullptr;
}

}  // namespace

void route(Exchange& exchange) {
    if (const Method* method = find(kRequests, exchange)) return method->handler(exchange);
    exchange.refuse({.code = kMethodNotFound,
                     .http_status = exchange.modern() ? 404 : 200,
                     .message = concat("method \"", exchange.message.method.substr(0, 64), "\" is not served in ",
                                       name(exchange.revision))});
}

void routeNotification(Exchange& exchange) {
    if (const Method* method = find(kNotifications, exchange)) method->handler(exchange);
}

void Exchange::prepare(Request& request) const {
    request.generation = generations().pin();
    request.principal = &principal;
    request.client = client;
    request.transport = inbound.transport;
    request.cancellation = cancellation;
    auto timeout = options().request_timeout;
    if (message.meta) {
        std::int64_t wanted = 0;
        if (auto asked = member(*message.meta, "howdah/timeoutMs"); asked && !asked->get(wanted) && wanted > 0) {
            timeout = std::min(std::chrono::milliseconds(wanted), options().request_timeout_max);
        }
    }
    request.deadline = Deadline::in(timeout);
}

std::string Exchange::resultHead(std::string_view result_type) const {
    std::string json;
    json.reserve(128 + message.id.size() + resultMeta().size());
    json += R"({"jsonrpc":"2.0","id":)";
    json += message.id;
    json += ",\"result\":{";
    if (modern()) {
        json += R"("resultType":")";
        json += result_type;
        json += R"(","_meta":)";
        json += resultMeta();
    }
    return json;
}

// A failed write means the client has gone; there is nobody left to tell, and the transport knows already.
void Exchange::answer(std::initializer_list<std::string_view> members, std::string_view result_type) {
    std::string json = resultHead(result_type);
    std::size_t size = json.size() + 3;
    for (std::string_view part : members)
        size += part.size();
    json.reserve(size);
    std::string_view comma = modern() ? "," : "";
    for (std::string_view part : members) {
        if (part.empty()) continue;
        json += comma;
        json += part;
        comma = {};
    }
    json += "}}";
    (void)sink.write(json);
}

void Exchange::refuseScopes(const Error& error, const std::vector<std::string>& needed) {
    sink.needScopes(needed);
    refuse(scopeRefusal(error, needed));
}

void Exchange::refuse(const Refusal& refusal) {
    sink.status(refusal.http_status);
    (void)sink.write(errorResponse(message.id, refusal));
}

void refuseWith(ReplySink& sink, std::string_view id, const Refusal& refusal) {
    sink.status(refusal.http_status);
    (void)sink.write(errorResponse(id, refusal));
    (void)sink.finish();
}

}  // namespace howdah::kernel
