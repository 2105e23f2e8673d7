// subscriptions/listen: a request that stays open and tells its client what changes.
#include <optional>
#include <string>
#include <string_view>

#include <howdah/json_text.hpp>

#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/methods.hpp"
#include "kernel/protocol/subscriptions.hpp"
#include "kernel/protocol/tasks.hpp"

namespace howdah::kernel {
namespace {

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

// The same for tasks of this principal.
std::string watchedTasksOf(const Exchange& exchange, const std::optional<simdjson::dom::array>& ids,
                           ResourceWatch& watch) {
    std::string json;
    if (!ids) return json;
    for (simdjson::dom::element element : *ids) {
        std::string_view id;
        if (element.get(id) || !exchange.tasks().find(id, exchange.principal) || !watch.add(id)) continue;
        json += concat(json.empty() ? "\"" : ",\"", id, "\"");
    }
    return json;
}

}  // namespace

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
        if (!mayRead(exchange)) return;
    }
    std::optional<simdjson::dom::array> task_ids;
    if (auto list = member(*wanted, "taskIds")) {
        if (!takesTasks(*exchange.client)) return exchange.refuse(missingTasks());
        if (list->get(task_ids.emplace())) return exchange.refuse(badParams("taskIds must be an array of task ids"));
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
    if (auto watched = watchedTasksOf(exchange, task_ids, listener->watched_tasks); !watched.empty())
        agreed += concat(agreed.empty() ? "" : ",", R"("taskIds":[)", watched, "]");
    if (!mayStand(exchange)) return;
    std::string meta = subscriptionMeta(exchange);
    auto sent = exchange.sink.notify(
        concat(R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{)", meta,
               R"(,"notifications":{)", agreed, "}}}"));
    while (sent) {
        const auto woken = listener->wait(exchange.cancellation);
        if (woken.by == Listener::Wake::ended) break;
        if (woken.by == Listener::Wake::cancelled) {
            if (exchange.cancellation->reason() == CancelReason::credential) break;
            return;
        }
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
        for (const std::string& id : woken.changes.tasks) {
            auto task = sent ? exchange.tasks().find(id, exchange.principal) : nullptr;
            if (!task) continue;
            sent = exchange.sink.notify(concat(
                R"({"jsonrpc":"2.0","method":"notifications/tasks","params":{)", meta, ",",
                taskMembers(*task, task->view(), exchange.revision, true, exchange.tasks().limits().poll_interval),
                "}}"));
        }
    }
    if (!sent) return;
    // The last word. On a duplex channel the stream has no end of its own to see, so the protocol wants it said as
    // well.
    if (!exchange.http())
        sent =
            exchange.sink.notify(concat(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)",
                                        exchange.message.id, R"(,"reason":"the server is shutting down"}})"));
    if (sent)
        (void)exchange.sink.write(concat(R"({"jsonrpc":"2.0","id":)", exchange.message.id,
                                         R"(,"result":{"resultType":"complete",)", meta, "}}"));
}

}  // namespace howdah::kernel
