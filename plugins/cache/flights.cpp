#include "plugins/cache/flights.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace howdah::cache {
namespace {

constexpr unsigned kAloneFor = 64;  // reads of a key whose answer was not kept

}  // namespace

// Its members are guarded by the mutex of its segment.
class Flights::Flight {
public:
    struct Waiter {
        explicit Waiter(const Host& host) : wakes(host) {}
        Event wakes;
        bool leads = false;
    };

    Flight(std::uint64_t key_hash, SharedKey its_key, std::uint64_t now_ns)
        : hash(key_hash), key(std::move(its_key)), begun_ns(now_ns) {}

    const std::uint64_t hash;
    const SharedKey key;
    std::uint64_t begun_ns;  // by who reads now
    bool landed = false;
    EntryPtr entry;
    std::deque<std::shared_ptr<Waiter>> waiters;
};

Flights::Ticket Flights::board(std::uint64_t hash, const SharedKey& key, std::uint64_t now_ns) {
    Segment& segment = segmentOf(hash);
    const std::lock_guard lock(segment.mutex);
    if (const auto loner = segment.loners.find(hash); loner != segment.loners.end()) {
        if (--loner->second == 0) segment.loners.erase(loner);
        return {};
    }
    const auto [first, last] = segment.flying.equal_range(hash);
    const auto known =
        std::find_if(first, last, [&](const auto& other) { return other.second->key.bytes() == key.bytes(); });
    if (known != last) {
        if (now_ns <= known->second->begun_ns + patience_ns_) return {Part::follower, known->second};
        segment.flying.erase(known);  // who waits for it goes on waiting
    }
    auto flight = std::make_shared<Flight>(hash, key, now_ns);
    segment.flying.emplace(hash, flight);
    return {Part::leader, std::move(flight)};
}

Flights::Outcome Flights::wait(const Context& context, const FlightPtr& flight) {
    auto waiter = std::make_shared<Flight::Waiter>(context.host());
    Segment& segment = segmentOf(flight->hash);
    {
        const std::lock_guard lock(segment.mutex);
        if (flight->landed) return {flight->entry, Part::alone, false};
        flight->waiters.push_back(waiter);
    }
    waiting_.fetch_add(1, std::memory_order_relaxed);
    // What became of it is read below, whatever ended the wait.
    (void)waiter->wakes.wait(context, context.host().nowNs() + patience_ns_);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    const std::uint64_t now_ns = context.host().nowNs();
    const std::lock_guard lock(segment.mutex);
    if (waiter->leads) {
        flight->begun_ns = now_ns;
        return {nullptr, Part::leader, false};
    }
    if (flight->landed) return {flight->entry, Part::alone, false};
    std::erase(flight->waiters, waiter);
    return {nullptr, Part::alone, true};
}

void Flights::land(const FlightPtr& flight, Landing landing, EntryPtr entry) {
    Segment& segment = segmentOf(flight->hash);
    std::deque<std::shared_ptr<Flight::Waiter>> woken;
    {
        const std::lock_guard lock(segment.mutex);
        if (landing == Landing::failed && !flight->waiters.empty()) {
            woken.push_back(std::move(flight->waiters.front()));
            flight->waiters.pop_front();
            woken.front()->leads = true;
        } else {
            flight->landed = true;
            flight->entry = std::move(entry);
            woken.swap(flight->waiters);
            remove(segment, *flight);
        }
        if (landing == Landing::kept_by_nobody) {
            if (segment.loners.size() >= kLonersMax) segment.loners.clear();
            segment.loners[flight->hash] = kAloneFor;
        }
    }
    for (const auto& waiter : woken)
        waiter->wakes.set();
}

void Flights::remove(Segment& segment, const Flight& flight) {
    const auto [first, last] = segment.flying.equal_range(flight.hash);
    const auto own = std::find_if(first, last, [&](const auto& known) { return known.second.get() == &flight; });
    if (own != last) segment.flying.erase(own);
}

}  // namespace howdah::cache
