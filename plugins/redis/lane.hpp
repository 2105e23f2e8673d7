// The connections of one shard. Each is lent to one caller at a time; who finds none waits in line for the next one
// that comes back.
//
// Threads: any that stands for the shard; a short lock.
// Owns:    the idle connections, with their watches.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include <howdah/waiting.hpp>

#include "plugins/redis/connection.hpp"

namespace howdah::redis {

struct Line {
    explicit Line(Connection opened) : connection(std::move(opened)) {}
    Connection connection;
    Socket watch;  // released before the connection is closed
};

class Lane {
public:
    explicit Lane(unsigned connections_max) : connections_max_(connections_max) {}

    // An idle line, or null when the caller is to make one; either way giveBack() follows once. Not after an error,
    // which is that the wait ended first.
    Result<std::unique_ptr<Line>> take(const Host& host, const Context& context, std::uint64_t deadline_ns) {
        std::unique_lock lock(mutex_);
        if (!idle_.empty()) {
            auto line = std::move(idle_.back());
            idle_.pop_back();
            return line;
        }
        if (count_ < connections_max_) {
            ++count_;
            return std::unique_ptr<Line>();
        }
        Waiter waiter(host);
        waiters_.push_back(&waiter);
        lock.unlock();
        const howdah_status woken = waiter.served.wait(context, deadline_ns);
        lock.lock();
        if (waiter.is_served) return std::move(waiter.line);
        std::erase(waiters_, &waiter);
        return woken < 0 ? context.lastError() : Error::internal("woken without a connection");
    }
    // A line that is good, or null: one less.
    void giveBack(std::unique_ptr<Line> line) {
        const std::lock_guard lock(mutex_);
        if (!waiters_.empty()) {
            Waiter& waiter = *waiters_.front();
            waiters_.pop_front();
            waiter.line = std::move(line);
            waiter.is_served = true;
            waiter.served.set();
        } else if (line) {
            idle_.push_back(std::move(line));
        } else {
            --count_;
        }
    }
    void closeIdle() {
        const std::lock_guard lock(mutex_);
        count_ -= static_cast<unsigned>(idle_.size());
        idle_.clear();
    }
    unsigned count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }

private:
    struct Waiter {
        explicit Waiter(const Host& host) : served(host) {}
        Event served;
        bool is_served = false;
        std::unique_ptr<Line> line;
    };

    const unsigned connections_max_;
    mutable std::mutex mutex_;
    unsigned count_ = 0;  // idle, lent, or being made
    std::vector<std::unique_ptr<Line>> idle_;
    std::deque<Waiter*> waiters_;
};

}  // namespace howdah::redis
