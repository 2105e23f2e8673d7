// The watch over one database: probes whether it answers, runs all checks on a schedule, and remembers what they said.
//
// Threads: the two loops on fibers of their own; all else any. One mutex, not held across host calls.
// Owns:    the history and the latest round of its database.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include <howdah/waiting.hpp>

#include "plugins/health/readiness.hpp"
#include "plugins/health/round.hpp"

namespace howdah::health {

class Monitor {
public:
    struct Events {
        std::function<void(const Context&)> state_changed;  // readiness, or the worst status
        std::function<void(const Context&)> round_recorded;
    };
    Monitor(const Reader& reader, std::string database, bool required, bool known_ready, History history,
            Events events);

    void probe(const Context& context);     // until its context is cancelled
    void schedule(const Context& context);  // likewise

    // A round for somebody who asks. With `apart` it runs in his context alone, so that what scopes his statements
    // scopes these too, and nothing is told that others have seen.
    Result<std::shared_ptr<const RoundResult>> check(const Context& context, std::vector<const Check*> checks,
                                                     bool apart);

    const std::string& database() const { return database_; }
    bool required() const { return required_; }
    bool ready() const;    // answers, or need not
    bool settled() const;  // readiness is known
    Status worst() const;  // of the latest round of the schedule
    std::shared_ptr<const RoundResult> latest() const;
    std::shared_ptr<const History> history() const;

private:
    bool untilServed(const Context& context, const Event& wakes) const;
    void note(const Context& context, const Result<double>& latency_ms);
    void record(const Context& context, std::shared_ptr<const RoundResult> result);
    double bestLatency() const;
    unsigned helpers(const Context& context) const;
    std::uint64_t nextRoundNs();

    const Reader& reader_;
    const std::string database_;
    const bool required_;
    const Events events_;
    const Event probe_wakes_, round_wakes_;

    mutable std::mutex mutex_;
    Readiness readiness_;
    std::deque<double> latencies_;  // of the last probes that were answered
    std::shared_ptr<const History> history_;
    std::shared_ptr<const RoundResult> latest_;
    std::minstd_rand random_;
};

// The checks of a round nobody has chosen.
std::vector<const Check*> checksOf(const Config& config);

}  // namespace howdah::health
