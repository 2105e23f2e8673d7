// What a session of the legacy era asks to hear: changes of resources, log messages.
#include <string>
#include <string_view>

#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/methods.hpp"

namespace howdah::kernel {

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
    if (!exchange.session->watched.add(*uri)) {
        return exchange.refuse(
            badParams(concat("a session subscribes to at most ", ResourceWatch::kUrisMax, " resources")));
    }
    exchange.answer({});
}

void resourcesUnsubscribe(Exchange& exchange) {
    const auto& params = exchange.message.params;
    auto uri = params ? textMember(*params, "uri") : std::nullopt;
    if (!uri || !exchange.session)
        return exchange.refuse(badParams("resources/unsubscribe needs params.uri, a string"));
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
    if (exchange.session) exchange.session->log_level.store(*level, std::memory_order_relaxed);
    exchange.answer({});
}

}  // namespace howdah::kernel
