// The issuer's keys as they are known here, and when to ask for them again. Knows no clock and fetches nothing itself:
// time comes in, and whoever is told to fetch brings back what came of it.
//
// A set is used for `lifetime`, then asked for again while it goes on being used; when the issuer does not answer it
// is good up to `stale_max` in all. A token that names an unknown key asks at once, since keys are rotated. However
// many ask, one fetch runs at a time and the next begins `retry` after the last at the earliest: a flood of invented
// key ids costs the issuer one request in that time.
//
// Threads: any; a lock is held for a look-up only.
// Source:  RFC 7517, section 5; OpenID Connect Core 1.0, section 10.1.1 (rotation).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <howdah/result.hpp>

#include "discovery.hpp"

namespace howdah::auth {

class KeySource {
public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    struct Limits {
        std::chrono::seconds lifetime{600};
        std::chrono::seconds stale_max{86400};
        std::chrono::seconds retry{10};
    };
    struct Keys {
        KeySet set;
        std::uint64_t version = 0;  // another number: the set has changed
    };
    struct State {
        std::size_t keys = 0;
        bool usable = false;
        std::string error;                     // of the last fetch, "" = it worked or there was none
        std::chrono::seconds age{-1};          // of the set, -1 = none
        std::chrono::seconds since_fetch{-1};  // since the last one began, -1 = none
        std::uint64_t fetches = 0;
    };

    explicit KeySource(Limits limits) : limits_(limits) {}

    // The set that may be used now; null when there is none or it is too old.
    std::shared_ptr<const Keys> current(Time now) const;

    // True: the caller fetches now and ends with settle(). `sooner` says that a key was missing.
    bool beginFetch(Time now, bool sooner);
    void settle(Result<FetchedKeys> fetched, Time now);
    void abandon();  // the fetch will not happen

    // Until a fetch may begin again.
    std::chrono::milliseconds retryIn(Time now) const;
    State state(Time now) const;

private:
    bool usable(Time now) const { return keys_ && now < fetched_at_ + limits_.lifetime + limits_.stale_max; }

    const Limits limits_;
    mutable std::mutex mutex_;
    std::shared_ptr<const Keys> keys_;
    std::string text_;  // of the set
    std::string error_;
    Time fetched_at_{};  // when the set came
    Time begun_at_{};    // the last fetch
    bool fetching_ = false;
    bool begun_ = false;
    std::uint64_t fetches_ = 0;
    std::uint64_t version_ = 0;
};

}  // namespace howdah::auth
