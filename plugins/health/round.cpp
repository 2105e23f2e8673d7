#include "plugins/health/round.hpp"

#include <algorithm>

namespace howdah::health {
namespace {

constexpr std::chrono::milliseconds kGrace{500};  // beyond a check's own deadline, for a cancel to come back

}  // namespace

Status RoundResult::status() const {
    Status worst = unreachable.empty() ? Status::ok : Status::critical;
    for (const Outcome& outcome : outcomes) {
        if (outcome.judgement.status != Status::skipped) worst = worseOf(worst, outcome.judgement.status);
    }
    return worst;
}

Round::Round(const Reader& reader, RoundOrder order, Server server)
    : reader_(reader),
      order_(std::move(order)),
      server_(std::move(server)),
      done_(reader.host()),
      left_(order_.checks.size()),
      outcomes_(order_.checks.size()) {}

void Round::work(const Context& context) {
    for (;;) {
        std::size_t mine = 0;
        {
            const std::lock_guard lock(mutex_);
            if (closed_ || next_ == outcomes_.size()) return;
            mine = next_++;
        }
        Outcome outcome = reader_.run(context, order_.database, *order_.checks[mine], server_, *order_.history);
        bool last = false;
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return;
            outcomes_[mine] = std::move(outcome);
            last = --left_ == 0;
        }
        if (last) done_.set();
    }
}

std::vector<Outcome> Round::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (std::size_t i = 0; i < outcomes_.size(); ++i) {
        if (outcomes_[i].check) continue;
        outcomes_[i] = {order_.checks[i],
                        Judgement::skipped(concat("timed out after ", reader_.config().check_timeout.count(), " ms")),
                        0};
    }
    return std::move(outcomes_);
}

Result<std::shared_ptr<const RoundResult>> Round::run(const Reader& reader, const Context& context, RoundOrder order) {
    const Host& host = reader.host();
    const std::uint64_t began_ns = host.nowNs();
    auto result = std::make_shared<RoundResult>();
    result->database = order.database;
    result->at_s = Reader::now_s();

    auto told = reader.ask(context, order.database, kServerStatement);
    if (told && told->empty()) told = Error::internal("the server told nothing of itself");
    auto latency_ms = told ? reader.pingMs(context, order.database) : Result<double>(told.error());
    if (!latency_ms) {
        // A database nobody configured, or a request that is over: the caller's, not the server's.
        if (latency_ms.error().code == Code::not_found) return latency_ms.error();
        if (auto going = context.goOn(); !going) return going.error();
        result->unreachable = latency_ms.error().message;
        result->hint = latency_ms.error().hint;
    } else {
        result->server = Server::of(*told);
        result->latency_ms = *latency_ms;
    }

    const bool reachability = std::erase(order.checks, &kReachability) > 0;
    std::vector<const Check*> asked = order.checks;
    if (!result->unreachable.empty())
        std::erase_if(order.checks, [](const Check* check) { return check->origin == Origin::statement; });
    if (reachability && result->unreachable.empty()) {
        // One slow answer is none: the quickest of the last ones counts.
        const double best_ms = order.latency_best_ms < 0 ? *latency_ms : std::min(order.latency_best_ms, *latency_ms);
        result->outcomes.push_back(reader.judgeReachability(result->server, *order.history, best_ms));
    } else if (reachability) {
        Judgement judgement;
        judgement.summary = concat("database ", order.database, " cannot be reached");
        judgement.add(
            {Status::critical, result->unreachable, result->hint.empty() ? "howdah doctor" : result->hint, {}});
        result->outcomes.push_back({&kReachability, std::move(judgement), reader.msSince(began_ns)});
    }

    const std::shared_ptr<Round> round(new Round(reader, order, result->server));
    const std::size_t helpers =
        std::min<std::size_t>(order.helpers, order.checks.empty() ? 0 : order.checks.size() - 1);
    for (std::size_t i = 0; i < helpers; ++i) {
        if (!reader.jobs().spawn([round](const Context& helping) { round->work(helping); })) break;
    }
    round->work(context);
    if (helpers > 0 && !order.checks.empty()) {
        const auto limit = std::chrono::nanoseconds(reader.config().check_timeout + kGrace).count();
        (void)round->done_.wait(context, host.nowNs() + static_cast<std::uint64_t>(limit));
    }
    auto outcomes = round->close();
    if (auto going = context.goOn(); !going) return going.error();
    std::move(outcomes.begin(), outcomes.end(), std::back_inserter(result->outcomes));
    if (!result->unreachable.empty()) {
        for (const Check* check : asked) {
            if (check->origin == Origin::statement)
                result->outcomes.push_back({check, Judgement::skipped("the database cannot be reached"), 0});
        }
    }
    const auto all = allChecks();
    std::sort(result->outcomes.begin(), result->outcomes.end(), [&](const Outcome& a, const Outcome& b) {
        return std::find(all.begin(), all.end(), a.check) < std::find(all.begin(), all.end(), b.check);
    });
    result->took_ms = reader.msSince(began_ns);
    return std::shared_ptr<const RoundResult>(std::move(result));
}

}  // namespace howdah::health
