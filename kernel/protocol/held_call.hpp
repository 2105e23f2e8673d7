// A call whose answer is held until it is whole, and whose errors are protocol errors: prompts, resources, completions.
//
// Threads: the request's fiber.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/held_answer.hpp"

namespace howdah::kernel {

enum class MayAsk : std::uint8_t { yes, no };

// Runs one call and ends it: `reply` writes the answer, `refusal_of` makes what it is told of its error. `before` and
// `behind` are what stands around the elements of an answer that may be sent before it is whole; null for one that is
// not.
template <typename Call, typename Reply, typename RefusalOf, typename Behind = std::nullptr_t>
void serveHeld(Exchange& exchange, MayAsk may_ask, Call&& call, Reply&& reply, RefusalOf&& refusal_of,
               std::string_view before = {}, Behind&& behind = nullptr) {
    constexpr bool kMayStream = !std::is_same_v<std::remove_cvref_t<Behind>, std::nullptr_t>;
    auto notices = noticesOf(exchange);
    if (!notices) return;
    Questions questions(exchange);
    Questions* const asking = may_ask == MayAsk::yes ? &questions : nullptr;
    if (auto refusal = asking ? questions.open() : std::nullopt) return exchange.refuse(*refusal);
    if (!greetIfNew(exchange)) return;
    Request request;
    exchange.prepare(request);
    HeldAnswer answer(exchange.sink, std::move(*notices), asking, exchange.options().held_max);
    if constexpr (kMayStream) answer.mayStream(concat(exchange.resultHead(), exchange.modern() ? "," : "", before));
    auto done = call(request, answer);
    if constexpr (kMayStream) {
        // Part of it has gone out and must be brought to an end, whatever has happened.
        if (answer.streamed() && done) return answer.endStream(behind(answer));
        if (answer.streamed()) return answer.endStream(behind(answer), done.error());
    }
    if (request.cancellation && request.cancellation->reason() == CancelReason::requested) return;
    if (questions.inputRequired()) return answerInputRequired(exchange, questions);
    if (done) return reply(answer);
    if (auto refusal = questions.missingCapability()) return exchange.refuse(*refusal);
    if (request.scopes_needed) return exchange.refuseScopes(done.error(), *request.scopes_needed);
    Refusal refusal = refusal_of(done.error());
    refusal.message.resize(std::min(refusal.message.size(), kMessageMax));
    exchange.refuse(refusal);
}

}  // namespace howdah::kernel
