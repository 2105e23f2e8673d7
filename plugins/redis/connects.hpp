// Connecting on a worker, which may block: names, TLS and AUTH take milliseconds. Whoever waits may leave early; what
// has been made then is for the next one.
//
// It is started for the plugin itself and waited for by an event, because a function of a service is given the context
// of the plugin that calls it, and offload.run() would give the work to that one.
//
// Threads: any; open() on a fiber.
// Owns:    each attempt from hand-over until it has run or was dropped; connections whose waiter has left.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <howdah/waiting.hpp>

#include "plugins/redis/backoff.hpp"
#include "plugins/redis/connection.hpp"

namespace howdah::redis {

class Connects {
public:
    Connects(const Host& host, const Config& config) : host_(host), config_(config), backoff_(host.nowNs()) {}

    // Errors: timeout when the deadline comes first; the attempt goes on.
    Result<Connection> open(const Context& context, std::uint64_t deadline_ns);
    unsigned failures() const { return backoff_.failures(); }

    // The kernel's calls.
    void work(std::uint64_t token);
    void drop(std::uint64_t token);

private:
    struct Attempt {
        Attempt(const Host& host, const Backoff::Turn& its_turn) : over(host), turn(its_turn) {}
        Event over;
        const Backoff::Turn turn;
        bool left = false;  // nobody waits any more; this and what follows under the lock
        std::optional<Result<Connection>> made;
    };
    std::optional<Connection> takeSpare();
    std::shared_ptr<Attempt> take(std::uint64_t token);
    void settle(Attempt& attempt, Result<Connection> made);

    const Host& host_;
    const Config& config_;
    Backoff backoff_;
    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Attempt>> attempts_;
    std::vector<Connection> spare_;
};

}  // namespace howdah::redis
