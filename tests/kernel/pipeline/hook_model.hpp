// What docs/hooks.md says a chain does, as a few lines that know nothing of the implementation.
#pragma once

#include <ranges>
#include <string>
#include <vector>

#include "kernel/pipeline/scripted.hpp"

namespace howdah::kernel {

inline Seen modelOf(const std::vector<Script>& chain, Ends ends) {
    Seen seen;
    std::vector<std::size_t> entered;
    bool is_error = false;
    bool streamed = false;
    bool ask_database = true;
    std::string what = "db";

    auto failed = [&](std::size_t i) {
        if (chain[i].on_failure == OnFailure::quarantine) ++seen.quarantined;
        const bool keeps_apart = chain[i].stage == Stage::scope || chain[i].stage == Stage::guard;
        const bool denies =
            chain[i].on_failure == OnFailure::deny || (chain[i].on_failure == OnFailure::quarantine && keeps_apart);
        return denies && chain[i].mode == Mode::enforce;
    };
    auto end = [&](bool error, std::string text) {
        is_error = error;
        what = std::move(text);
    };

    for (std::size_t i = 0; i < chain.size() && ask_database; ++i) {
        const Script& hook = chain[i];
        seen.calls += concat("b", i, " ");
        const bool may_reply = hook.stage == Stage::recall;
        const bool decides = hook.forward == Forward::deny || (hook.forward == Forward::reply && may_reply);
        const bool cancels = hook.forward == Forward::cancel || hook.forward == Forward::cancel_fault;
        if (cancels || hook.forward == Forward::expire) {
            // The request is over: nobody further in is called, and a fault with it is not the hook's.
            if (hook.forward != Forward::cancel_fault) entered.push_back(i);
            ask_database = false;
            end(true, cancels ? "cancelled" : "timeout");
        } else if (hook.forward == Forward::proceed || hook.forward == Forward::reload ||
                   (decides && hook.mode == Mode::audit)) {
            entered.push_back(i);
        } else if (decides) {
            ask_database = false;
            const bool deny = hook.forward == Forward::deny;
            end(deny, concat(deny ? "deny b" : "b", i));
        } else if (failed(i)) {
            ask_database = false;
            end(true, concat("fault ", i));
        }
    }
    if (ask_database) {
        seen.calls += "x ";
        streamed = ends != Ends::result && ends != Ends::error;
        if (ends == Ends::error || ends == Ends::error_in_stream) is_error = true;
        if (ends == Ends::stops_reading) end(true, "stopped");
    }
    for (const std::size_t at : std::views::reverse(entered)) {
        const Script& hook = chain[at];
        const bool was_error = is_error;
        seen.calls += concat(was_error ? "e" : "a", at, " ");
        Backward verdict = hook.backward;
        if (verdict == Backward::reply && streamed) verdict = Backward::fault;  // rows that are out are out
        if (verdict == Backward::fault) {
            if (failed(at) && !was_error) end(true, concat("fault ", at));
        } else if (verdict != Backward::proceed && hook.mode == Mode::enforce) {
            const bool deny = verdict == Backward::deny;
            end(deny, concat(deny ? "deny r" : "r", at));
        }
    }
    const bool out_of_sight = ask_database && ends == Ends::stops_reading;  // nobody is left to be told
    seen.outcome = out_of_sight ? "" : concat(is_error ? "error " : "rows ", what);
    return seen;
}

}  // namespace howdah::kernel
