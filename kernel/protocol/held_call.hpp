// A call whose answer is held until it is whole, and whose errors are protocol errors: prompts, resources, completions.
//
// Threads: the request's fiber.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/held_answer.hpp"

namespace howdah::kernel {

enum class MayAsk : std::uint8_t { yes, no };

// Runs one call and ends it: `reply` writes the answer, `refusal_of` makes what it is told of its error.
template <typename Call, typename Reply, typename RefusalOf>
void serveHeld(Exchange& exchange, MayAsk may_ask, Call&& call, Reply&& reply, RefusalOf&& refusal_of) {
    auto notices = noticesOf(exchange);
    if (!notices) return;
    Questions questions(exchange);
    Questions* const asking = may_ask == MayAsk::yes ? &questions : nullptr;
    if (auto refusal = asking ? questions.open() : std::nullopt) return exchange.refuse(*refusal);
    if (!greetIfNew(exchange)) return;
    Request request;
    exchange.prepare(request);
    HeldAnswer answer(exchange.sink, std::move(*notices), asking, exchange.options().held_max);
    auto done = call(request, answer);
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
