#include "plugins/rate_limit/ledger.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace howdah::rate_limit {
namespace {

// How long until some call is likely to be over, or room for another key to be looked for again.
constexpr std::int64_t kSoon_ns = kSecond_ns;

std::string ownerOf(const Key& key) {
    return std::string(key.scope == Scope::tenant ? key.tenant : key.subject);
}

}  // namespace

void Ledger::setKeysMax(std::size_t keys_max) {
    const std::lock_guard lock(mutex_);
    keys_max_ = keys_max;
}

// --- calls

std::optional<Exceeded> Ledger::admit(std::uint64_t call_id, const AppliedLimits& limits, std::int64_t now_ns) {
    OpenCall call;
    call.at_ns = now_ns;
    const std::lock_guard lock(mutex_);
    auto exceeded = enter(call, limits, now_ns);
    if (!exceeded) exceeded = judge(call, Measure::calls, 1, now_ns);
    if (exceeded) {
        letGo(call);
        return exceeded;
    }
    take(call, Measure::calls, 1);
    ++totals_.admitted;
    calls_.emplace(call_id, std::move(call));
    return std::nullopt;
}

// One more call at once for each of its meters. Counted before the next meter is looked for: one that is open is not
// forgotten to make room for it.
std::optional<Exceeded> Ledger::enter(OpenCall& call, const AppliedLimits& limits, std::int64_t now_ns) {
    for (const Applied& applied : limits) {
        Meter* meter = findOrMake(applied.key, now_ns);
        if (!meter) return noRoomFor(applied.key, now_ns);
        const Ticket ticket{meter, applied.limits};
        const std::uint32_t most = applied.limits->concurrency;
        if (most > 0 && meter->open >= most) return refuse(ticket, nullptr, 1, now_ns);
        ++meter->open;
        call.tickets[call.count++] = ticket;
    }
    return std::nullopt;
}

void Ledger::letGo(const OpenCall& call) {
    for (std::size_t i = 0; i < call.count; ++i)
        --call.tickets[i].meter->open;
}

// What a query of it has left reserved stays used: how much of it went out is not known.
void Ledger::end(std::uint64_t call_id) {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call_id);
    if (found == calls_.end()) return;
    letGo(found->second);
    calls_.erase(found);
}

void Ledger::takeBack(std::uint64_t call_id, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call_id);
    if (found == calls_.end()) return;
    correct(found->second, Measure::calls, -1, found->second.at_ns, now_ns);
    letGo(found->second);
    calls_.erase(found);
}

// --- queries

std::optional<Exceeded> Ledger::reserve(std::uint64_t call_id, Amounts& wanted, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call_id);
    if (found == calls_.end()) {
        wanted = {};
        return std::nullopt;
    }
    OpenCall& call = found->second;
    if (auto exceeded = lowerToRoom(call, Measure::rows, 1, wanted.rows, now_ns)) return exceeded;
    if (auto exceeded = lowerToRoom(call, Measure::bytes, kQueryBytesMin, wanted.bytes, now_ns)) return exceeded;
    take(call, Measure::rows, wanted.rows);
    take(call, Measure::bytes, wanted.bytes);
    call.rows.push_back({wanted.rows, now_ns, false});
    call.bytes.push_back({wanted.bytes, now_ns, false});
    return std::nullopt;
}

void Ledger::drawn(std::uint64_t call_id, const Amounts& reserved, const Amounts& drawn, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call_id);
    if (found == calls_.end()) return;
    const auto note = [&](Measure measure, std::vector<Reservation>& all, double from, double to) {
        const auto one =
            std::find_if(all.begin(), all.end(), [&](const auto& it) { return it.amount == from && !it.drawn; });
        if (one == all.end() || to <= 0) return;
        one->amount = to;
        one->drawn = true;
        correct(found->second, measure, to - from, one->at_ns, now_ns);
    };
    note(Measure::rows, found->second.rows, reserved.rows, drawn.rows);
    note(Measure::bytes, found->second.bytes, reserved.bytes, drawn.bytes);
}

std::optional<Ledger::Settled> Ledger::settle(std::uint64_t call_id, const Amounts& used, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call_id);
    if (found == calls_.end() || found->second.rows.empty()) return std::nullopt;
    OpenCall& call = found->second;
    const Amounts passed = std::exchange(call.streamed, {});
    const Amounts all{used.rows + passed.rows, used.bytes + passed.bytes};
    const Reservation rows = settleSmallest(call, Measure::rows, call.rows, all.rows, now_ns);
    const Reservation bytes = settleSmallest(call, Measure::bytes, call.bytes, all.bytes, now_ns);
    // The earlier of the two: what may be of a window that is over is not given back.
    return Settled{{rows.drawn ? rows.amount - all.rows : 0, bytes.drawn ? bytes.amount - all.bytes : 0},
                   std::min(rows.at_ns, bytes.at_ns)};
}

Ledger::Reservation Ledger::settleSmallest(const OpenCall& call, Measure measure, std::vector<Reservation>& reserved,
                                           double used, std::int64_t now_ns) {
    const auto smallest =
        std::min_element(reserved.begin(), reserved.end(),
                         [](const Reservation& a, const Reservation& b) { return a.amount < b.amount; });
    const Reservation settled = *smallest;
    reserved.erase(smallest);
    correct(call, measure, used - settled.amount, settled.at_ns, now_ns);
    // While others are open, what is more than the smallest may have been reserved for one of them.
    if (reserved.empty() && settled.amount > 0 && used > settled.amount)
        totals_.overshoot[static_cast<std::size_t>(measure)] += used - settled.amount;
    return settled;
}

AppliedLimits Ledger::limitsOf(std::uint64_t call_id) const {
    AppliedLimits limits;
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call_id);
    if (found == calls_.end()) return limits;
    for (std::size_t i = 0; i < found->second.count; ++i)
        limits.add(found->second.tickets[i].meter->key(), *found->second.tickets[i].limits);
    return limits;
}

void Ledger::streamed(std::uint64_t call_id, const Amounts& passed) {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call_id);
    if (found == calls_.end()) return;
    found->second.streamed.rows += passed.rows;
    found->second.streamed.bytes += passed.bytes;
}

std::optional<Exceeded> Ledger::spend(std::uint64_t call_id, Measure measure, double amount, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call_id);
    if (found == calls_.end()) return std::nullopt;
    if (auto exceeded = judge(found->second, measure, amount, now_ns)) return exceeded;
    take(found->second, measure, amount);
    return std::nullopt;
}

void Ledger::unspend(std::uint64_t call_id, Measure measure, double amount, std::int64_t at_ns, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    if (const auto found = calls_.find(call_id); found != calls_.end())
        correct(found->second, measure, -amount, at_ns, now_ns);
}

// --- limits of one call; all of them before any is taken

std::optional<Exceeded> Ledger::judge(const OpenCall& call, Measure measure, double amount, std::int64_t now_ns) {
    for (std::size_t i = 0; i < call.count; ++i) {
        for (const Rate& rate : call.tickets[i].limits->rates) {
            if (rate.measure != measure) continue;
            Usage& usage = call.tickets[i].meter->usage(rate);
            usage.advance(rate, now_ns);
            if (!usage.hasRoom(rate, amount)) return refuse(call.tickets[i], &rate, amount, now_ns);
        }
    }
    return std::nullopt;
}

std::optional<Exceeded> Ledger::lowerToRoom(const OpenCall& call, Measure measure, double least, double& wanted,
                                            std::int64_t now_ns) {
    if (auto exceeded = judge(call, measure, least, now_ns)) return exceeded;
    bool counted = false;
    for (std::size_t i = 0; i < call.count; ++i) {
        for (const Rate& rate : call.tickets[i].limits->rates) {
            if (rate.measure != measure) continue;
            counted = true;
            wanted = std::min(wanted, std::floor(call.tickets[i].meter->usage(rate).left(rate)));
        }
    }
    wanted = counted ? std::max(wanted, 1.0) : 0;
    return std::nullopt;
}

void Ledger::take(const OpenCall& call, Measure measure, double amount) {
    for (std::size_t i = 0; i < call.count; ++i) {
        for (const Rate& rate : call.tickets[i].limits->rates)
            if (rate.measure == measure) call.tickets[i].meter->usage(rate).take(rate, amount);
    }
    changed_ = true;
}

// Of what was taken at `at_ns`. A window that began later has not seen it, so there is nothing to correct in it.
void Ledger::correct(const OpenCall& call, Measure measure, double amount, std::int64_t at_ns, std::int64_t now_ns) {
    for (std::size_t i = 0; i < call.count; ++i) {
        for (const Rate& rate : call.tickets[i].limits->rates) {
            if (rate.measure != measure) continue;
            Usage& usage = call.tickets[i].meter->usage(rate);
            usage.advance(rate, now_ns);
            if (rate.period == Period::second || usage.since() <= at_ns) usage.take(rate, amount);
        }
    }
    changed_ = true;
}

Exceeded Ledger::refuse(const Ticket& ticket, const Rate* rate, double asked, std::int64_t now_ns) {
    const Key key = ticket.meter->key();
    Exceeded exceeded;
    exceeded.scope = key.scope;
    exceeded.part = key.part;
    exceeded.owner = ownerOf(key);
    exceeded.asked = asked;
    exceeded.now_ns = now_ns;
    if (rate) {
        const Usage& usage = ticket.meter->usage(*rate);
        exceeded.rate = *rate;
        exceeded.limit = rate->burst;
        exceeded.used = usage.used();
        exceeded.room_at_ns = usage.roomAt(*rate, asked);
        ++totals_.refused[static_cast<std::size_t>(rate->measure)];
    } else {
        exceeded.limit = ticket.limits->concurrency;
        exceeded.used = ticket.meter->open;
        exceeded.room_at_ns = now_ns + kSoon_ns;
        ++totals_.refused_concurrency;
    }
    return exceeded;
}

Exceeded Ledger::noRoomFor(const Key& key, std::int64_t now_ns) {
    Exceeded full;
    full.scope = key.scope;
    full.owner = ownerOf(key);
    full.limit = static_cast<double>(keys_max_);
    full.now_ns = now_ns;
    full.room_at_ns = now_ns + kSoon_ns;
    full.too_many_keys = true;
    ++totals_.refused_keys;
    return full;
}

}  // namespace howdah::rate_limit
