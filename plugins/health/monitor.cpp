#include "plugins/health/monitor.hpp"

#include <algorithm>

namespace howdah::health {
namespace {

constexpr std::size_t kLatencies = 3;
constexpr std::uint64_t kMs = 1'000'000;            // nanoseconds
constexpr std::uint64_t kStartingEvery = 50 * kMs;  // looks whether the server serves already
constexpr std::uint64_t kSoon = 200 * kMs;          // between probes until the first answer

// False when the task is to end.
bool pause(const Context& context, const Event& wakes, std::uint64_t until_ns) {
    const howdah_status woken = wakes.wait(context, until_ns);
    return woken >= 0 || woken == HOWDAH_ERROR_TIMEOUT;
}

LogLevel levelOf(Status status) {
    return status >= Status::warning ? LogLevel::warn : LogLevel::info;
}

}  // namespace

std::vector<const Check*> checksOf(const Config& config) {
    std::vector<const Check*> chosen;
    for (const Check* check : allChecks()) {
        if (std::find(config.checks_off.begin(), config.checks_off.end(), check->name) == config.checks_off.end())
            chosen.push_back(check);
    }
    return chosen;
}

Monitor::Monitor(const Reader& reader, std::string database, bool required, bool known_ready, History history,
                 Events events)
    : reader_(reader),
      database_(std::move(database)),
      required_(required),
      events_(std::move(events)),
      probe_wakes_(reader.host()),
      round_wakes_(reader.host()),
      readiness_(reader.config().unready_after, known_ready),
      history_(std::make_shared<const History>(std::move(history))),
      random_(static_cast<std::minstd_rand::result_type>(reader.host().nowNs())) {}

// A plugin starts before its generation serves.
bool Monitor::untilServed(const Context& context, const Event& wakes) const {
    while (!reader_.describe(context).contains("generation")) {
        if (!pause(context, wakes, reader_.host().nowNs() + kStartingEvery)) return false;
    }
    return true;
}

void Monitor::probe(const Context& context) {
    if (!untilServed(context, probe_wakes_)) return;
    for (;;) {
        note(context, reader_.pingMs(context, database_));
        const auto every = static_cast<std::uint64_t>(reader_.config().probe_interval.count()) * kMs;
        const std::uint64_t wait = settled() ? every : std::min(every, kSoon);
        if (!pause(context, probe_wakes_, reader_.host().nowNs() + wait)) return;
    }
}

void Monitor::note(const Context& context, const Result<double>& latency_ms) {
    if (!latency_ms && !context.goOn()) return;  // this task ends: that says nothing of the database
    bool changed = false, ready = false;
    {
        const std::lock_guard lock(mutex_);
        changed = readiness_.note(latency_ms.has_value());
        ready = readiness_.ready();
        if (latency_ms) {
            latencies_.push_back(*latency_ms);
            if (latencies_.size() > kLatencies) latencies_.pop_front();
            auto next = std::make_shared<History>(*history_);
            next->baseline.add(Reader::now_s(), *latency_ms);
            history_ = std::move(next);
        }
    }
    if (!changed) return;
    if (ready) {
        reader_.host().log(LogLevel::info, "database ", database_, " answers");
    } else {
        reader_.host().log(LogLevel::warn, "database ", database_, " does not answer: ", latency_ms.error().message);
    }
    events_.state_changed(context);
}

void Monitor::schedule(const Context& context) {
    if (!untilServed(context, round_wakes_)) return;
    for (;;) {
        auto result = Round::run(reader_, context,
                                 {database_, checksOf(reader_.config()), helpers(context), history(), bestLatency()});
        if (!context.goOn()) return;
        if (result) {
            record(context, std::move(*result));
        } else {
            reader_.host().log(LogLevel::warn, "database ", database_, " was not checked: ", result.error().message);
        }
        if (!pause(context, round_wakes_, nextRoundNs())) return;
    }
}

std::uint64_t Monitor::nextRoundNs() {
    const double share = reader_.config().jitter_percent / 100.0;
    double factor = 1;
    {
        const std::lock_guard lock(mutex_);
        factor = std::uniform_real_distribution<double>(1 - share, 1 + share)(random_);
    }
    const auto interval_ns = std::chrono::nanoseconds(reader_.config().interval).count();
    return reader_.host().nowNs() + static_cast<std::uint64_t>(static_cast<double>(interval_ns) * factor);
}

void Monitor::record(const Context& context, std::shared_ptr<const RoundResult> result) {
    const double now_s = Reader::now_s();
    std::vector<std::pair<LogLevel, std::string>> lines;
    bool changed = false;
    {
        const std::lock_guard lock(mutex_);
        auto next = std::make_shared<History>(*history_);
        for (const Outcome& outcome : result->outcomes) {
            const auto change =
                next->record(std::string(outcome.check->name), outcome.judgement, now_s, reader_.config());
            if (!change) continue;
            // No statement of somebody's stands in a summary, as it may in a finding.
            lines.emplace_back(levelOf(std::max(change->from, change->to)),
                               concat("database ", database_, ": ", outcome.check->name, " is ", nameOf(change->to),
                                      " (was ", nameOf(change->from), "): ", outcome.judgement.summary));
        }
        changed = !latest_ || latest_->status() != result->status();
        history_ = std::move(next);
        latest_ = std::move(result);
    }
    for (const auto& [level, line] : lines)
        reader_.host().log(level, line);
    if (changed) events_.state_changed(context);
    events_.round_recorded(context);
}

Result<std::shared_ptr<const RoundResult>> Monitor::check(const Context& context, std::vector<const Check*> checks,
                                                          bool apart) {
    if (apart) {
        std::erase_if(checks,
                      [](const Check* check) { return check != &kReachability && check->origin != Origin::statement; });
        return Round::run(reader_, context, {database_, std::move(checks), 0, std::make_shared<const History>(), -1});
    }
    return Round::run(reader_, context, {database_, std::move(checks), helpers(context), history(), bestLatency()});
}

// Never more than a quarter of the connections: the others are for those the server is there for.
unsigned Monitor::helpers(const Context& context) const {
    const auto connections = reader_.poolState(context, database_).value("max", 1U);
    const unsigned at_once = std::clamp(connections / 4, 1U, reader_.config().parallel);
    return at_once - 1;
}

double Monitor::bestLatency() const {
    const std::lock_guard lock(mutex_);
    return latencies_.empty() ? -1 : *std::min_element(latencies_.begin(), latencies_.end());
}

bool Monitor::ready() const {
    const std::lock_guard lock(mutex_);
    return !required_ || readiness_.ready();
}
bool Monitor::settled() const {
    const std::lock_guard lock(mutex_);
    return readiness_.settled();
}
Status Monitor::worst() const {
    const std::lock_guard lock(mutex_);
    return latest_ ? latest_->status() : Status::ok;
}
std::shared_ptr<const RoundResult> Monitor::latest() const {
    const std::lock_guard lock(mutex_);
    return latest_;
}
std::shared_ptr<const History> Monitor::history() const {
    const std::lock_guard lock(mutex_);
    return history_;
}

}  // namespace howdah::health
