#include "plugins/rate_limit/slots.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "plugins/rate_limit/shared_name.hpp"

namespace howdah::rate_limit {
namespace {

// Of a counter, from its first use, which is kAhead_ns before its term at the earliest.
constexpr std::uint64_t kTtl_ms = 2 * (Slots::kAhead_ns + Slots::kTerm_ns) / 1'000'000;

std::string nameOfSlots(const Key& key) {
    return concat(nameOfKey(key), " concurrency");
}

// Those that count calls at once. A call that is refused has been counted for a moment where it was asked about before,
// so what only its own principal shares comes first and what a whole tenant shares last.
std::vector<const Applied*> narrowFirst(const AppliedLimits& limits) {
    std::vector<const Applied*> parts;
    for (const Applied& applied : limits)
        if (applied.limits->concurrency > 0) parts.push_back(&applied);
    const auto width = [](const Applied* applied) {
        const Scope scope = applied->key.scope;
        return scope == Scope::tenant ? 2 : scope == Scope::principal ? 1 : 0;
    };
    std::sort(parts.begin(), parts.end(), [&](const auto* a, const auto* b) { return width(a) < width(b); });
    return parts;
}

Exceeded exceededBy(const Applied& applied, std::int64_t now_ns) {
    const Key& key = applied.key;
    Exceeded exceeded;
    exceeded.scope = key.scope;
    exceeded.part = key.part;
    exceeded.owner = key.scope == Scope::tenant ? key.tenant : key.subject;
    exceeded.limit = exceeded.used = applied.limits->concurrency;
    exceeded.now_ns = now_ns;
    exceeded.room_at_ns = now_ns + kSecond_ns;  // when some call is likely to be over
    return exceeded;
}

// Whether the store can be asked in it. A hook's own time may be over before the request's is.
bool isInTime(const Context& context) {
    return context.host().nowNs() < context.deadlineNs() && context.goOn();
}

}  // namespace

// --- a call

Result<std::optional<Exceeded>> Slots::take(const Context& context, const AppliedLimits& limits, std::int64_t now_ns) {
    const auto parts = narrowFirst(limits);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        auto refused = takeOne(context, *parts[i], now_ns);
        if (refused && !*refused) continue;
        while (i > 0)
            giveBackOne(context, parts[--i]->key, now_ns);
        return refused;
    }
    return std::optional<Exceeded>{};
}

Result<std::optional<Exceeded>> Slots::takeOne(const Context& context, const Applied& applied, std::int64_t now_ns) {
    const std::string name = nameOfSlots(applied.key);
    {
        const std::lock_guard lock(open_.mutex_);
        if (now_ns < open_.of(name, now_ns).look_again_ns) return std::optional(exceededBy(applied, now_ns));
    }
    const Terms terms(now_ns);
    std::int64_t next = terms.first;  // not counted in it yet
    Result<std::int64_t> count = std::int64_t{0};
    while (next <= terms.last && count && *count <= applied.limits->concurrency) {
        count = add(context, name, next, 1);
        if (count) ++next;
    }
    const bool taken = count && *count <= applied.limits->concurrency;
    {
        const std::lock_guard lock(open_.mutex_);
        Entry& entry = open_.of(name, now_ns);
        for (std::int64_t term = terms.first; term < next; ++term)
            ++entry.toldOf(term);
        if (taken) ++entry.held;
        if (count && !taken) entry.look_again_ns = now_ns + std::chrono::nanoseconds(sharing_.recheck).count();
    }
    if (taken) return std::optional<Exceeded>{};
    // What was counted in vain is more than there is now. A request that is over can send nothing: settle() does it.
    if (isInTime(context)) (void)settleOne(context, name, now_ns);
    if (!count) return count.error();
    return std::optional(exceededBy(applied, now_ns));
}

void Slots::hold(const AppliedLimits& limits, std::int64_t now_ns) {
    for (const Applied* applied : narrowFirst(limits)) {
        const std::string name = nameOfSlots(applied->key);
        const std::lock_guard lock(open_.mutex_);
        ++open_.of(name, now_ns).held;
    }
}

bool Slots::giveBack(const Context& context, const AppliedLimits& limits, std::int64_t now_ns) {
    bool all = true;
    for (const Applied* applied : narrowFirst(limits))
        all = giveBackOne(context, applied->key, now_ns) && all;
    return all;
}

bool Slots::giveBackOne(const Context& context, const Key& key, std::int64_t now_ns) {
    const std::string name = nameOfSlots(key);
    {
        const std::lock_guard lock(open_.mutex_);
        Entry& entry = open_.of(name, now_ns);
        --entry.held;
        entry.look_again_ns = 0;
    }
    return isInTime(context) && settleOne(context, name, now_ns);
}

// --- what is open, and what the counters have of it

void Slots::settle(const Context& context, std::int64_t now_ns) {
    const Terms terms(now_ns);
    std::vector<std::string> differing;
    {
        const std::lock_guard lock(open_.mutex_);
        for (auto item = open_.entries_.begin(); item != open_.entries_.end();) {
            Entry& entry = item->second;
            bool differs = false;
            for (std::int64_t term = terms.first; term <= terms.last; ++term)
                differs = differs || entry.toldOf(term) != entry.held;
            if (differs) differing.push_back(item->first);
            const bool idle = !differs && entry.held == 0 && now_ns - entry.used_ns > kAhead_ns;
            item = idle ? open_.entries_.erase(item) : std::next(item);
        }
    }
    for (const std::string& name : differing)
        if (!settleOne(context, name, now_ns)) return;  // the store is away; the next time is soon
}

Result<void> Slots::settleOne(const Context& context, const std::string& name, std::int64_t now_ns) {
    const Terms terms(now_ns);
    for (std::int64_t term = terms.first; term <= terms.last; ++term) {
        std::int64_t missing = 0;
        {
            const std::lock_guard lock(open_.mutex_);
            Entry& entry = open_.of(name, now_ns);
            missing = entry.held - std::exchange(entry.toldOf(term), entry.held);
        }
        if (missing == 0) continue;
        const auto count = add(context, name, term, missing);
        if (count) continue;
        // It may have been counted all the same. What was to be added is tried again, what was to be taken off is not:
        // fewer than the limit until the term is over, never more.
        const std::lock_guard lock(open_.mutex_);
        if (missing > 0) open_.of(name, now_ns).toldOf(term) -= missing;
        return count.error();
    }
    return {};
}

std::uint32_t Slots::count(const Context& context, const Key& key, std::uint32_t own, std::int64_t now_ns) {
    const std::string name = nameOfSlots(key);
    std::unique_lock lock(open_.mutex_);
    if (now_ns - open_.of(name, now_ns).seen_ns >= std::chrono::nanoseconds(sharing_.recheck).count()) {
        lock.unlock();
        const auto seen = add(context, name, Terms(now_ns).first, 0);
        if (!seen) return own;
        lock.lock();
        Entry& entry = open_.of(name, now_ns);
        entry.seen = *seen;
        entry.seen_ns = now_ns;
    }
    return static_cast<std::uint32_t>(std::max<std::int64_t>(own, open_.of(name, now_ns).seen));
}

Result<std::int64_t> Slots::add(const Context& context, const std::string& name, std::int64_t term,
                                std::int64_t calls) const {
    return kv_.add(context, concat("rate_limit/", digestOf(name), "/", term), calls, kTtl_ms);
}

}  // namespace howdah::rate_limit
