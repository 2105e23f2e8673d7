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

    Flight(std::uint64_t key_hash, std::string_view its_key) : hash(key_hash), key(its_key) {}

    const std::uint64_t hash;
    const std::string key;
    bool landed = false;
    EntryPtr entry;
    std::deque<std::shared_ptr<Waiter>> waiters;
};

Flights::Ticket Flights::board(std::uint64_t hash, std::string_view key) {
    Segment& segment = segmentOf(hash);
    const std::lock_guard lock(segment.mutex);
    if (const auto loner = segment.loners.find(hash); loner != segment.loners.end()) {
        if (--loner->second == 0) segment.loners.erase(loner);
        return {};
    }
    const auto [first, last] = segment.flying.equal_range(hash);
    for (auto other = first; other != last; ++other)
        if (other->second->key == key) return {Part::follower, other->second};
    auto flight = std::make_shared<Flight>(hash, key);
    segment.flying.emplace(hash, flight);
    return {Part::leader, std::move(flight)};
}

Flights::Outcome Flights::wait(const Context& context, const FlightPtr& flight, std::uint64_t deadline_ns) {
    auto waiter = std::make_shared<Flight::Waiter>(context.host());
    Segment& segment = segmentOf(flight->hash);
    {
        const std::lock_guard lock(segment.mutex);
        if (flight->landed) return {flight->entry, Part::alone, false};
        flight->waiters.push_back(waiter);
    }
    (void)waiter->wakes.wait(context, deadline_ns);  // what became of it is read below, whatever ended the wait
    const std::lock_guard lock(segment.mutex);
    if (waiter->leads) return {nullptr, Part::leader, false};
    if (flight->landed) return {flight->entry, Part::alone, false};
    std::erase(flight->waiters, waiter);
    return {nullptr, Part::alone, true};
}

std::size_t Flights::waiting(const FlightPtr& flight) {
    const std::lock_guard lock(segmentOf(flight->hash).mutex);
    return flight->waiters.size();
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
