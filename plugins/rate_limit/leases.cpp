#include "plugins/rate_limit/leases.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "plugins/rate_limit/shared_name.hpp"

namespace howdah::rate_limit {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

}  // namespace

Leases::Window Leases::windowOf(const Rate& rate, std::int64_t now_ns) {
    Window window;
    window.length_ns = lengthOf(rate.period);
    if (rate.period == Period::second)
        window.length_ns =
            static_cast<std::int64_t>(std::ceil(rate.burst / rate.amount * static_cast<double>(kSecond_ns)));
    window.begin_ns = now_ns - now_ns % window.length_ns;
    return window;
}

std::string Leases::nameOfLimit(const Key& key, const Rate& rate) {
    return concat(nameOfKey(key), ' ', nameOf(rate.measure), ' ', nameOf(rate.period));
}

double Leases::leaseOf(const Rate& rate) const {
    return std::floor(rate.burst * sharing_.lease_percent / 100);
}

std::vector<Leases::Part> Leases::partsOf(const AppliedLimits& limits, Measure measure, std::int64_t now_ns) const {
    std::vector<Part> parts;
    for (const Applied& applied : limits) {
        for (const Rate& rate : applied.limits->rates) {
            if (rate.measure != measure) continue;
            parts.push_back({&applied, &rate, windowOf(rate, now_ns), nameOfLimit(applied.key, rate)});
        }
    }
    return parts;
}

// A sweep looks at everything, so the next one comes when there is twice as much as this one has left: each entry pays
// for about one look.
Leases::Held& Leases::Holdings::of(const Part& part, std::int64_t now_ns) {
    if (held_.size() >= sweep_at_) {
        std::erase_if(held_, [&](const auto& item) { return item.second.ends_ns <= now_ns; });
        sweep_at_ = std::max(kBeforeSweep, 2 * held_.size());
    }
    Held& held = held_[concat(part.name, ' ', part.rate->amount, ' ', part.rate->burst)];
    // A clock that was set back goes on with the window it was in.
    if (held.window_ns < part.window.begin_ns)
        held = Held{.window_ns = part.window.begin_ns, .ends_ns = part.window.begin_ns + part.window.length_ns};
    return held;
}

// --- drawing

Result<std::optional<Exceeded>> Leases::draw(const Context& context, const AppliedLimits& limits, Measure measure,
                                             double least, double& amount, std::int64_t now_ns) {
    std::vector<Part> parts = partsOf(limits, measure, now_ns);
    if (parts.empty()) return std::optional<Exceeded>{};
    takeHeld(parts, amount, now_ns);
    const auto isSpent = [&](const Part& part) { return part.needs <= 0 && part.taken < least; };
    auto spent = std::find_if(parts.begin(), parts.end(), isSpent);
    for (Part& part : parts) {
        if (spent != parts.end()) break;
        if (part.needs <= 0) continue;
        if (auto taken = takeShared(context, part, amount, now_ns); !taken) {
            putBack(parts, 0, now_ns);
            return std::move(taken).error();
        }
        spent = std::find_if(parts.begin(), parts.end(), isSpent);
    }
    if (spent != parts.end()) {
        putBack(parts, 0, now_ns);
        return std::optional(exceededBy(*spent, least, now_ns));
    }
    for (const Part& part : parts)
        amount = std::min(amount, part.taken);
    putBack(parts, amount, now_ns);
    return std::optional<Exceeded>{};
}

Exceeded Leases::exceededBy(const Part& part, double least, std::int64_t now_ns) {
    const Key& key = part.applied->key;
    Exceeded exceeded;
    exceeded.scope = key.scope;
    exceeded.part = key.part;
    exceeded.owner = key.scope == Scope::tenant ? key.tenant : key.subject;
    exceeded.rate = *part.rate;
    exceeded.limit = part.rate->burst;
    exceeded.used = part.rate->burst;
    exceeded.asked = least;
    exceeded.now_ns = now_ns;
    exceeded.room_at_ns = least > part.rate->burst ? kNever : part.window.begin_ns + part.window.length_ns;
    return exceeded;
}

// What this instance has at hand. A shared count that was used up a moment ago is not asked again so soon.
void Leases::takeHeld(std::vector<Part>& parts, double amount, std::int64_t now_ns) {
    const std::lock_guard lock(holdings_.mutex_);
    for (Part& part : parts) {
        Held& held = holdings_.of(part, now_ns);
        if (now_ns >= held.look_again_ns) part.needs = std::max(0.0, amount - held.left);
        part.taken = std::clamp(held.left, 0.0, amount);
        held.left -= part.taken;
        part.leases = part.needs > 0 && !std::exchange(held.leasing, true);
    }
}

// Adds to the shared count, keeps what lies below the limit and takes back what does not.
Result<void> Leases::takeShared(const Context& context, Part& part, double amount, std::int64_t now_ns) {
    const double wanted = std::ceil(std::max(part.needs, part.leases ? leaseOf(*part.rate) : 0));
    const auto count = add(context, part, wanted);
    if (!count) return count.error();
    const double granted = std::clamp(part.rate->burst - (*count - wanted), 0.0, wanted);
    deposit(part, granted, amount, now_ns);
    if (granted == wanted) return {};
    // What cannot be taken back only makes others wait for the next window.
    const auto corrected = add(context, part, granted - wanted);
    return corrected || context.goOn() ? Result<void>() : corrected.error();
}

// What was granted is held like all else, and first pays for what went out beyond earlier grants.
void Leases::deposit(Part& part, double granted, double amount, std::int64_t now_ns) {
    const std::lock_guard lock(holdings_.mutex_);
    Held& held = holdings_.of(part, now_ns);
    if (std::exchange(part.leases, false)) held.leasing = false;
    if (granted < part.needs) held.look_again_ns = now_ns + std::chrono::nanoseconds(sharing_.recheck).count();
    part.needs = 0;
    if (held.window_ns != part.window.begin_ns) return;  // another call has gone on to the next window
    held.left += granted;
    const double more = std::clamp(held.left, 0.0, amount - part.taken);
    held.left -= more;
    part.taken += more;
}

// What was taken beyond `kept`, of each limit.
void Leases::putBack(const std::vector<Part>& parts, double kept, std::int64_t now_ns) {
    const std::lock_guard lock(holdings_.mutex_);
    for (const Part& part : parts) {
        Held& held = holdings_.of(part, now_ns);
        if (part.leases) held.leasing = false;
        if (part.taken > kept && held.window_ns == part.window.begin_ns) held.left += part.taken - kept;
    }
}

void Leases::giveBack(const Context& context, const AppliedLimits& limits, Measure measure, double amount,
                      std::int64_t drawn_ns, std::int64_t now_ns) {
    for (const Part& part : partsOf(limits, measure, now_ns)) {
        if (part.window.begin_ns > drawn_ns) continue;  // of a window that is over
        double surplus = 0;
        {
            const std::lock_guard lock(holdings_.mutex_);
            Held& held = holdings_.of(part, now_ns);
            if (held.window_ns != part.window.begin_ns) continue;
            held.left += amount;
            const double keep = leaseOf(*part.rate);
            if (held.left <= 2 * keep) continue;
            surplus = std::floor(held.left - keep);
            held.left -= surplus;
        }
        // When this fails, nobody gets it: less than the limit, never more.
        if (surplus >= 1) (void)add(context, part, -surplus);
    }
}

// --- the shared count

Result<double> Leases::add(const Context& context, const Part& part, double amount) const {
    const std::string key = concat("rate_limit/", digestOf(part.name), "/", part.window.begin_ns / kSecond_ns);
    const auto ttl_ms = 2 * static_cast<std::uint64_t>(part.window.length_ns) / kNsPerMs + 1000;
    const auto value = kv_.add(context, key, static_cast<std::int64_t>(amount), ttl_ms);
    if (!value) return value.error();
    return static_cast<double>(*value);
}

// What others hold counts as used: it cannot be had here. Nobody limits how often it is looked at, so the store is
// asked no more often than recheck_ms says.
void Leases::show(const Context& context, const Applied& applied, Ledger::Standing& standing, std::int64_t now_ns) {
    for (std::size_t i = 0; i < standing.rates.size(); ++i) {
        const Rate& rate = applied.limits->rates[i];
        const Part part{&applied, &rate, windowOf(rate, now_ns), nameOfLimit(applied.key, rate)};
        std::unique_lock lock(holdings_.mutex_);
        if (now_ns - holdings_.of(part, now_ns).counted_ns >= std::chrono::nanoseconds(sharing_.recheck).count()) {
            lock.unlock();
            const auto count = add(context, part, 0);
            if (!count) return;
            lock.lock();
            holdings_.of(part, now_ns).count = *count;
            holdings_.of(part, now_ns).counted_ns = now_ns;
        }
        const Held& held = holdings_.of(part, now_ns);
        const double used = std::clamp(held.count - held.left, 0.0, rate.burst);
        standing.rates[i] = {used, rate.burst - used, part.window.begin_ns + part.window.length_ns};
    }
}

}  // namespace howdah::rate_limit
