// How many connections this process may have to one database as one user, whoever opens them: while a reload drains the
// pool of the old generation beside the new one, both draw on one budget. Its size is that of the newest.
//
// A pool that gets nothing takes the place of an idle connection of the other. While one waits for a place, another
// that has more than its share closes what comes back to it; pools that wait take turns.
//
// Budgets belong to the image of this library: another build of the plugin has its own. (ADR 18.)
//
// Threads: any; a Member calls only tryTake(), starving() and the notes with a lock held that its own functions take.
// Owns:    the count of places, what is being closed; members are borrowed from join() to leave().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connection.hpp"

namespace howdah::pool {

class Budget {
public:
    using Served = std::vector<std::shared_ptr<const Event>>;  // to be set once no lock is held

    class Member {
    public:
        virtual ~Member() = default;
        // One idle connection, its place with it; null if none is idle.
        virtual std::unique_ptr<Connection> giveUpIdle() = 0;
        // Places have come free: take what you wait for.
        virtual void serveWaiting(Served& served) = 0;
    };

    // The budget of that name, made when nobody has it.
    static std::shared_ptr<Budget> named(const std::string& name);

    void join(Member& member, std::uint32_t connections_max);
    void leave(Member& member);

    bool tryTake() {
        std::uint32_t used = used_.load(std::memory_order_relaxed);
        while (used < limit_.load(std::memory_order_relaxed)) {
            if (used_.compare_exchange_weak(used, used + 1)) return true;
        }
        return false;
    }
    // Closes an idle connection of another member; true if there was one. Its place is now the caller's.
    bool takeOver(Member& by);
    // Closes a connection without giving its place back. The server counts it until it has noticed: whoever connects
    // next waits for that, and lets go of its socket. At most as many are kept as there are places.
    void close(std::unique_ptr<Connection> connection);
    std::vector<std::shared_ptr<WatchedDescriptor>> closing();
    // Places are free again.
    void giveBack(std::uint32_t places = 1);

    // Members that wait for a place; noteStarving() and noteFed() come in pairs.
    std::int32_t starving() const { return starving_.load(std::memory_order_relaxed); }
    // Whether a member with so many places is to give one up to those that starve, itself not counted.
    bool shouldYield(std::uint32_t places, bool starves_itself) const {
        return starving() > (starves_itself ? 1 : 0) && places * member_count_ > limit_;
    }
    void noteStarving() { ++starving_; }
    void noteFed() { --starving_; }

    std::uint32_t used() const { return used_; }
    std::uint32_t limit() const { return limit_; }

private:
    struct Joined {
        Member* member;
        std::uint32_t connections_max;
    };
    std::atomic<std::uint32_t> used_{0};
    std::atomic<std::uint32_t> limit_{0};
    std::atomic<std::int32_t> starving_{0};
    std::atomic<std::uint32_t> member_count_{0};
    std::mutex mutex_;
    std::vector<Joined> members_;  // the newest last
    std::size_t turn_ = 0;         // of whoever is served first next time
    std::mutex closing_mutex_;
    std::vector<std::shared_ptr<WatchedDescriptor>> closing_;
};

}  // namespace howdah::pool
