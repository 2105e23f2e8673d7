// What a session of the legacy era asks to hear: changes of resources, log messages.
#include <functional>
#include <string>
#include <string_view>

#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/methods.hpp"
#include "kernel/protocol/session_refusals.hpp"

namespace howdah::kernel {
namespace {

// What other instances must know too is changed for all of them before it is answered.
void changeShared(Exchange& exchange, const std::function<Result<void>(SessionRecord&)>& how) {
    auto changed = exchange.sharedSessions()->change(*exchange.session, how);
    if (!changed) {
        const Error& error = changed.error();
        return exchange.refuse(error.code == Code::unavailable ? cannotReach(error) : refusalOf(error));
    }
    if (!*changed) return exchange.refuse(noSuchSession());
    exchange.answer({});
}

}  // namespace

void resourcesSubscribe(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto uri = params ? textMember(*params, "uri") : std::nullopt;
    if (!uri || !exchange.session) return exchange.refuse(badParams("resources/subscribe needs params.uri, a string"));
    if (!mayRead(exchange)) return;
    GenerationPin generation = exchange.generations().pin();
    if (!generation || !generation->hasResource(*uri))
        return exchange.refuse(
            noResource(exchange, *uri,
                       "there is no such resource; resources/list and resources/templates/list tell which are there"));
    const std::string too_many = concat("a session subscribes to at most ", ResourceWatch::kUrisMax, " resources");
    if (exchange.session->shared) {
        return changeShared(exchange, [&](SessionRecord& record) -> Result<void> {
            if (record.watched.size() >= ResourceWatch::kUrisMax && !record.watched.contains(*uri))
                return Error::invalidArgument(too_many);
            record.watched.emplace(*uri);
            return {};
        });
    }
    if (!exchange.session->watched.add(*uri)) return exchange.refuse(badParams(too_many));
    exchange.answer({});
}

void resourcesUnsubscribe(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto uri = params ? textMember(*params, "uri") : std::nullopt;
    if (!uri || !exchange.session)
        return exchange.refuse(badParams("resources/unsubscribe needs params.uri, a string"));
    if (exchange.session->shared) {
        return changeShared(exchange, [&](SessionRecord& record) -> Result<void> {
            if (auto found = record.watched.find(*uri); found != record.watched.end()) record.watched.erase(found);
            return {};
        });
    }
    exchange.session->watched.remove(*uri);
    exchange.answer({});
}

// The least level of log messages for a session; 2026-07-28 asks per request instead.
void setLogLevel(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto name = params ? textMember(*params, "level") : std::nullopt;
    auto level = name ? logLevelNamed(*name) : std::nullopt;
    if (!level) {
        return exchange.refuse(badParams(
            "logging/setLevel needs params.level: debug, info, notice, warning, error, critical, alert or emergency"));
    }
    if (exchange.session && exchange.session->shared) {
        return changeShared(exchange, [&](SessionRecord& record) -> Result<void> {
            record.log_level = *level;
            return {};
        });
    }
    if (exchange.session) exchange.session->log_level.store(*level, std::memory_order_relaxed);
    exchange.answer({});
}

}  // namespace howdah::kernel
