// Reads under way. Who asks for what another call is reading waits for its answer in place of asking the database too.
//
// A read that fails lets one of those that wait go on in its place; a read whose answer cannot be shared lets all of
// them go on at once. Keys whose answers are too large to be kept are not waited for again for a while. A read that has
// been under way for longer than anybody would wait is not joined: another one begins in its place, also if it has
// ended without a word.
//
// Threads: any, at once; no lock is held across a host call.
// Owns:    each flight until it has landed and nobody waits any more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <howdah/waiting.hpp>

#include "plugins/cache/entry.hpp"

namespace howdah::cache {

class Flights {
public:
    // Nobody waits for longer.
    explicit Flights(std::uint64_t patience_ns) : patience_ns_(patience_ns) {}

    class Flight;
    using FlightPtr = std::shared_ptr<Flight>;

    // What a call that needs this answer is to do. Leader: read it, and land(), whatever comes of it.
    enum class Part { leader, follower, alone };
    struct Ticket {
        Part part = Part::alone;
        FlightPtr flight;
    };
    Ticket board(std::uint64_t hash, const SharedKey& key, std::uint64_t now_ns);

    // Of a follower; may wait. An entry: the answer, which may have grown too old on the way. Else the part it has now;
    // late: it waited in vain.
    struct Outcome {
        EntryPtr entry;
        Part part = Part::alone;
        bool late = false;
    };
    Outcome wait(const Context& context, const FlightPtr& flight);

    std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }  // calls, at this moment

    enum class Landing { shared, failed, apart, kept_by_nobody };
    void land(const FlightPtr& flight, Landing landing, EntryPtr entry = nullptr);

private:
    static constexpr std::size_t kSegments = 16;
    static constexpr std::size_t kLonersMax = 1024;  // of each segment; more, and all are forgotten
    struct Segment {
        std::mutex mutex;
        std::unordered_multimap<std::uint64_t, FlightPtr> flying;
        std::unordered_map<std::uint64_t, unsigned> loners;  // boardings left without company
    };
    Segment& segmentOf(std::uint64_t hash) { return segments_[hash >> 60]; }
    static void remove(Segment& segment, const Flight& flight);

    const std::uint64_t patience_ns_;
    std::array<Segment, kSegments> segments_;
    std::atomic<std::size_t> waiting_{0};
};

}  // namespace howdah::cache
