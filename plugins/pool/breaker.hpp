// Stops calling an endpoint that cannot be reached. It opens after five failed attempts to connect in a row, or when
// half of at least twenty within ten seconds fail. Open, calls are refused and a prober alone tries; half-open, a few
// attempts at once may; two successes close it.
//
// Attempts to connect count; each includes one statement, so that a pooler without a server behind it fails. One
// without any answer in its time counts as three, as it has cost a caller seconds. A refusal that the next attempt will
// meet as well (password, unknown database) opens it at once, and so does an endpoint that stands still (silence.hpp).
// A connection that breaks while it is used says that it was ended, not that the endpoint is gone; what the server
// answers to statements says nothing at all.
//
// Threads: none of its own; the owner's mutex guards it. Time is passed in.
#pragma once

#include <array>
#include <cstdint>

#include "config.hpp"

namespace howdah::pool {

class Breaker {
public:
    enum class State : std::uint8_t { closed, open, half_open };

    static constexpr std::uint32_t kFailuresToOpen = 5;
    static constexpr std::uint32_t kSilenceCounts = 3;
    static constexpr std::uint32_t kAttemptsToJudge = 20;  // of the last ten seconds; half of them failed opens it
    static constexpr std::uint32_t kSuccessesToClose = 2;
    static constexpr std::uint32_t kTrialsMax = 3;  // attempts to connect at once while half-open
    static constexpr std::uint64_t kProbeEveryNs = 250'000'000;
    static constexpr std::uint64_t kProbeSlowNs = 2 * kSecondNs;  // after a minute, and for refused passwords
    static constexpr std::uint64_t kSlowAfterNs = 60 * kSecondNs;

    struct Failed {
        bool lasting = false;   // another try will end the same: probed slowly
        bool answered = false;  // the server is there and lets nobody (else) in; connections there are may go on
        bool silent = false;    // no answer at all until the attempt's time was over
        bool still = false;     // whoever is connected hears nothing either: opens at once
    };

    State state() const { return state_; }
    bool isOpen() const { return state_ == State::open; }
    bool wasAnswered() const { return answered_; }

    // An attempt worked, or a connection has proved good while half-open. True when this closes it.
    bool succeeded(std::uint64_t now_ns) {
        failures_ = 0;
        ++second(now_ns).good;
        if (state_ == State::closed) return false;
        if (state_ == State::open) {
            state_ = State::half_open;
            successes_ = 0;
        }
        if (++successes_ < kSuccessesToClose) return false;
        state_ = State::closed;
        seconds_ = {};
        return true;
    }

    // jitter is 0..1. True when this failure opened it.
    bool failed(std::uint64_t now_ns, Failed how, double jitter) {
        failures_ += how.silent ? kSilenceCounts : 1;
        ++second(now_ns).bad;
        answered_ = how.answered;
        bool opens = false;
        if (state_ == State::half_open) {
            state_ = State::open;  // once more; since when it is down stays
            opens = true;
        } else if (state_ == State::closed &&
                   (how.lasting || how.still || failures_ >= kFailuresToOpen || halfFailed(now_ns))) {
            state_ = State::open;
            opened_ns_ = now_ns;
            opens = true;
        }
        bool slow = how.lasting || (state_ == State::open && now_ns - opened_ns_ >= kSlowAfterNs);
        auto every = static_cast<double>(slow ? kProbeSlowNs : kProbeEveryNs);
        next_probe_ns_ = now_ns + static_cast<std::uint64_t>(every * (0.75 + 0.5 * jitter));
        return opens;
    }

    // When the prober tries next; meaningful while open.
    std::uint64_t nextProbeNs() const { return next_probe_ns_; }

    // What a refused caller is told; at least 1.
    std::uint64_t retryAfterMs(std::uint64_t now_ns) const {
        return next_probe_ns_ > now_ns ? (next_probe_ns_ - now_ns) / 1'000'000 + 1 : 1;
    }

    const char* name() const {
        return state_ == State::closed ? "closed" : state_ == State::open ? "open" : "half-open";
    }

private:
    static constexpr std::uint64_t kSeconds = 10;
    struct Second {
        std::uint64_t number = 0;
        std::uint32_t good = 0, bad = 0;
    };

    Second& second(std::uint64_t now_ns) {
        std::uint64_t number = now_ns / kSecondNs;
        Second& one = seconds_[number % kSeconds];
        if (one.number != number) one = {number, 0, 0};
        return one;
    }
    bool halfFailed(std::uint64_t now_ns) const {
        std::uint32_t good = 0, bad = 0;
        for (const Second& one : seconds_) {
            if (one.number + kSeconds <= now_ns / kSecondNs) continue;
            good += one.good;
            bad += one.bad;
        }
        return good + bad >= kAttemptsToJudge && bad >= good;
    }

    State state_ = State::closed;
    bool answered_ = false;        // of the last failure
    std::uint32_t failures_ = 0;   // in a row
    std::uint32_t successes_ = 0;  // since half-open
    std::array<Second, kSeconds> seconds_{};
    std::uint64_t opened_ns_ = 0;
    std::uint64_t next_probe_ns_ = 0;
};

}  // namespace howdah::pool
