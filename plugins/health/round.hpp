// One round: some checks of one database, several at a time, each with a deadline of its own. The caller works too;
// what hangs holds up one of those who work, never the checks behind it.
//
// Threads: run() on the caller's fiber; helpers on fibers of their own. One mutex, not held across host calls.
// Owns:    itself, shared with its helpers: a caller that leaves early leaves them behind with it.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <howdah/waiting.hpp>

#include "plugins/health/reader.hpp"

namespace howdah::health {

struct RoundResult {
    std::string database;
    Server server;
    std::string unreachable;  // why, where it is
    std::string hint;
    std::vector<Outcome> outcomes;  // in the order of allChecks()
    double at_s = 0;
    double took_ms = 0;
    double latency_ms = 0;

    Status status() const;
};

struct RoundOrder {
    std::string database;
    std::vector<const Check*> checks;
    unsigned helpers = 0;                    // 0: all in the caller's own context
    std::shared_ptr<const History> history;  // never null
    double latency_best_ms = -1;             // the quickest of the last probes, if there were any
};

class Round : public std::enable_shared_from_this<Round> {
public:
    // Errors: cancelled and timeout of the caller; what a check meets stands in its outcome.
    static Result<std::shared_ptr<const RoundResult>> run(const Reader& reader, const Context& context,
                                                          RoundOrder order);

private:
    Round(const Reader& reader, RoundOrder order, Server server);
    void work(const Context& context);
    std::vector<Outcome> close();  // what is there; the rest is said to be late

    const Reader& reader_;
    const RoundOrder order_;
    const Server server_;
    Event done_;
    std::mutex mutex_;
    std::size_t next_ = 0;
    std::size_t left_;
    bool closed_ = false;
    std::vector<Outcome> outcomes_;
};

}  // namespace howdah::health
