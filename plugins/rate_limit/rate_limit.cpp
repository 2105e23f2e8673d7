// The plugin: its hooks around calls and queries, the tool get_quota, and the file in which quotas outlive a restart.
//
// Threads: as plugin.hpp says.
// Owns:    its part of the books, which another instance may share.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include <howdah/jobs.hpp>
#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "plugins/rate_limit/answer.hpp"
#include "plugins/rate_limit/applied.hpp"
#include "plugins/rate_limit/books.hpp"
#include "plugins/rate_limit/config.hpp"
#include "plugins/rate_limit/leases.hpp"
#include "plugins/rate_limit/planner.hpp"
#include "plugins/rate_limit/slots.hpp"

namespace howdah::rate_limit {
namespace {

constexpr std::string_view kQuotaTool = "get_quota";
constexpr std::uint64_t kRetryShared_ms = 1000;

class RateLimit final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        config_ = std::move(*config);
        return {};
    }

    Result<void> start(Offer& offer) override {
        const Context& context = offer.context();
        const auto folder = pathOf(context, HOWDAH_PATH_STATE);
        if (!folder) return folder.error();
        std::string note;
        auto books = Books::of(*folder, note);
        if (!books) return std::move(books).error();
        books_ = std::move(*books);
        if (!note.empty()) host().log(LogLevel::warn, "quotas begin anew: ", note);
        books_->ledger().setKeysMax(config_.keys_max);
        if (auto found = acquire(offer); !found) return found;
        offer.bind(std::string(kQuotaTool), [this](ToolCall& call) { return quota(call); });
        wakes_.emplace(host());
        unsettled_.emplace(host());
        jobs_.emplace(host());
        if (!jobs_->spawn([this](const Context& own) { keep(own); }))
            return Error::internal("the task that writes down what was used could not be started");
        if (slots_ && !jobs_->spawn([this](const Context& own) { settleSlots(own); }))
            return Error::internal("the task that tells other instances of open calls could not be started");
        return {};
    }

    void stop() override {
        if (books_) save();  // not where the start was refused
    }

    // --- around a call
    Verdict beforeCall(Call& call) override {
        if (isForQuota(call)) return proceed();
        const howdah_principal& principal = call.principal();
        const auto limits =
            limitsFor(config_.tierOf(fromAbi(principal.tier)).second, principal, toolOf(call), call.clientName());
        if (limits.count == 0) return proceed();
        const std::uint64_t id = call.raw()->request_id;
        const std::int64_t now_ns = unixNowNs();
        if (auto exceeded = ledger().admit(id, limits, now_ns)) return deny(refusalOf(*exceeded));
        if (!leases_) return proceed();
        auto refused = admitShared(call.context(), limits, now_ns);
        if (!refused) return proceed();
        ledger().takeBack(id, unixNowNs());
        return std::move(*refused);
    }
    void afterCall(Call& call, const Error*) override {
        const std::uint64_t id = call.raw()->request_id;
        if (slots_) {
            giveSlotsBack(call.context(), ledger().limitsOf(id));
            call.context().fail({});  // a call that was cancelled, or a store that is away, is no failure of this hook
        }
        ledger().end(id);
    }

    // --- its queries; those of hooks inside them are nobody's
    Verdict beforeQuery(Query& query) override {
        if (query.depth() > 0) return proceed();
        if (config_.counts_cost && query.fromClient() && query.readOnly())
            if (auto refused = payForPlan(query)) return std::move(*refused);
        return config_.counts_rows ? reserve(query) : proceed();
    }
    Verdict afterQuery(Query& query, const howdah_result& result) override {
        if (!config_.counts_rows || query.depth() > 0) return proceed();
        Amounts used;
        if ((result.flags & HOWDAH_RESULT_STREAMED) == 0) {
            for (std::uint64_t i = 0; i < result.batch_count; ++i) {
                used.rows += static_cast<double>(result.batches[i].row_count);
                used.bytes += static_cast<double>(result.batches[i].size);
            }
        }
        settle(query, used);
        return proceed();
    }
    Verdict onError(Query& query, const Error&) override {
        if (config_.counts_rows && query.depth() == 0) settle(query, {});
        return proceed();
    }
    Verdict onRows(Query& query, const howdah_batch& in, howdah_batch&) override {
        if (config_.counts_rows && query.depth() == 0)
            ledger().streamed(query.requestId(), {static_cast<double>(in.row_count), static_cast<double>(in.size)});
        return proceed();
    }

    // --- the file
    void task(Context& context, std::uint64_t token) override { jobs_->doTask(context, token); }
    void work(std::uint64_t token) override { jobs_->doWork(token); }
    void drop(std::uint64_t token) override { jobs_->drop(token); }

    Result<Json> report(Context&) override {
        const Ledger::Totals totals = ledger().totals();
        Json refused = Json::object(), overshoot = Json::object();
        for (std::size_t i = 0; i < kMeasures; ++i) {
            refused[std::string(kMeasureNames[i])] = totals.refused[i];
            overshoot[std::string(kMeasureNames[i])] = totals.overshoot[i];
        }
        refused["concurrency"] = totals.refused_concurrency;
        refused["keys_max"] = totals.refused_keys;
        Json check{{"name", "file of quotas"}, {"status", "ok"}, {"text", "is written"}};
        if (const std::string trouble = books_->trouble(); !trouble.empty()) {
            check["status"] = "warn";
            check["text"] = concat(trouble, "; what was used since is forgotten at the next restart");
            check["remedy"] = "make room there and let this user write; it is tried again after each save_interval_ms";
        }
        return Json{{"status", check["status"]},      {"checks", Json::array({check})},
                    {"admitted", totals.admitted},    {"refused", refused},
                    {"overshoot", overshoot},         {"keys", totals.meters},
                    {"open_calls", totals.open_calls}};
    }

private:
    using Refused = std::optional<Verdict>;

    Result<void> acquire(Offer& offer) {
        if (config_.sharing.on) {
            auto kv = Kv::acquire(offer);
            if (!kv) return kv.error();
            if (!kv->isShared())
                return Error::unavailable(
                    "rate_limit.shared needs a howdah.kv/1 that other instances see, and no plugin offers one: add the "
                    "plugin redis, or leave shared out where there is one instance");
            leases_.emplace(config_.sharing, *kv, books_->holdings());
            slots_.emplace(config_.sharing, *kv, books_->slots());
        }
        if (config_.counts_cost) {
            auto statement = offer.acquire<howdah_statement_v1>(HOWDAH_STATEMENT_1);
            if (!statement) return statement.error();
            planner_ = Planner(statement->table, statement->self);
            if (!planner_)
                return Error::unavailable(
                    "limits of cost need the service howdah.statement/1, which plugin guard offers");
        }
        return {};
    }

    Ledger& ledger() { return books_->ledger(); }

    // What this instance grants, of the counts that are shared. Mostly the calls are at hand, and the slots are not.
    Refused admitShared(const Context& context, const AppliedLimits& limits, std::int64_t now_ns) {
        double one = 1;
        auto refused = draw(context, limits, Measure::calls, 1, one, now_ns);
        if (refused) return refused;
        refused = takeSlots(context, limits);
        if (refused && one > 0) leases_->giveBack(context, limits, Measure::calls, one, now_ns, unixNowNs());
        return refused;
    }

    // Of the count that is shared; nothing to do where there is none. Empty = go on, and with an amount of 0 nothing
    // was drawn.
    Refused draw(const Context& context, const AppliedLimits& limits, Measure measure, double least, double& amount,
                 std::int64_t now_ns) {
        if (!leases_) return std::nullopt;
        auto drawn = leases_->draw(context, limits, measure, least, amount, now_ns);
        const bool late = isLate(context);
        if (drawn && *drawn) return deny(refusalOf(**drawn));
        if (drawn && !late) return std::nullopt;
        if (drawn) leases_->giveBack(context, limits, measure, amount, now_ns, unixNowNs());
        auto refused = withoutShared(context, late, drawn ? nullptr : &drawn.error());
        if (!refused) amount = 0;
        return refused;
    }
    Refused takeSlots(const Context& context, const AppliedLimits& limits) {
        const std::int64_t now_ns = unixNowNs();
        auto taken = slots_->take(context, limits, now_ns);
        const bool late = isLate(context);
        if (taken && *taken) return deny(refusalOf(**taken));
        if (taken && !late) return std::nullopt;
        if (taken) giveSlotsBack(context, limits);
        auto refused = withoutShared(context, late, taken ? nullptr : &taken.error());
        if (!refused) slots_->hold(limits, now_ns);
        return refused;
    }
    void giveSlotsBack(const Context& context, const AppliedLimits& limits) {
        if (!slots_->giveBack(context, limits, unixNowNs())) unsettled_->set();
    }

    // Past its time the kernel takes the hook for failed whatever it says, and calls neither afterCall nor afterQuery:
    // so the hook must give back what it has taken, and that is what a refusal does.
    bool isLate(const Context& context) const { return host().nowNs() >= context.deadlineNs(); }

    // What a shared count means that could not be asked, or (no error) answered too late. Empty = go on without it.
    Refused withoutShared(const Context& context, bool late, const Error* failed) {
        if (auto wanted = context.goOn(); !wanted) return deny(std::move(wanted).error());
        if (!late && config_.sharing.when_unavailable == WhenUnavailable::open) return std::nullopt;
        Error error = Error::unavailable("the shared count of rate_limit cannot be asked: ",
                                         failed ? failed->message : "it answers too slowly");
        error.rule = "rate_limit.shared";
        error.retry_after_ms = failed && failed->retry_after_ms > 0 ? failed->retry_after_ms : kRetryShared_ms;
        return deny(std::move(error));
    }

    Verdict reserve(Query& query) {
        const std::uint64_t id = query.requestId();
        const std::int64_t now_ns = unixNowNs();
        const std::uint64_t rows_max = query.rowsMax(), bytes_max = query.raw()->bytes_max;
        Amounts wanted{static_cast<double>(rows_max > 0 ? rows_max : config_.query_rows_max),
                       static_cast<double>(bytes_max > 0 ? bytes_max : config_.query_bytes_max)};
        if (auto exceeded = ledger().reserve(id, wanted, now_ns)) return deny(refusalOf(*exceeded));
        if (auto refused = drawReserved(query, wanted, now_ns)) return std::move(*refused);
        // 0 leaves a limit as it is.
        auto lowered =
            query.setLimits(static_cast<std::uint64_t>(wanted.rows), static_cast<std::uint64_t>(wanted.bytes), 0);
        if (lowered) return proceed();
        settle(query, {});
        return Verdict::fault(std::move(lowered).error());
    }
    // What the shared count does not give is not reserved here either, so that both are settled alike.
    Refused drawReserved(Query& query, Amounts& reserved, std::int64_t now_ns) {
        if (!leases_) return std::nullopt;
        const std::uint64_t id = query.requestId();
        const AppliedLimits limits = ledger().limitsOf(id);
        Amounts drawn = reserved;
        auto refused = drawn.rows > 0 ? draw(query.context(), limits, Measure::rows, 1, drawn.rows, now_ns) : Refused();
        if (!refused && drawn.bytes > 0) {
            refused = draw(query.context(), limits, Measure::bytes, kQueryBytesMin, drawn.bytes, now_ns);
            if (refused && drawn.rows > 0)
                leases_->giveBack(query.context(), limits, Measure::rows, drawn.rows, now_ns, now_ns);
        }
        if (refused) {
            (void)ledger().settle(id, {}, now_ns);
            return refused;
        }
        ledger().drawn(id, reserved, drawn, now_ns);
        if (drawn.rows > 0) reserved.rows = drawn.rows;
        if (drawn.bytes > 0) reserved.bytes = drawn.bytes;
        return std::nullopt;
    }
    void settle(Query& query, const Amounts& used) {
        const std::int64_t now_ns = unixNowNs();
        const auto settled = ledger().settle(query.requestId(), used, now_ns);
        if (!settled || !leases_) return;
        const AppliedLimits limits = ledger().limitsOf(query.requestId());
        const auto giveBack = [&](Measure measure, double unused) {
            if (unused != 0) leases_->giveBack(query.context(), limits, measure, unused, settled->reserved_ns, now_ns);
        };
        giveBack(Measure::rows, settled->unused.rows);
        giveBack(Measure::bytes, settled->unused.bytes);
    }

    // Paid before the statement runs, and kept whatever comes of it then.
    Refused payForPlan(Query& query) {
        const AppliedLimits limits = ledger().limitsOf(query.requestId());
        const bool counted = std::any_of(limits.begin(), limits.end(),
                                         [](const Applied& one) { return one.limits->counts(Measure::cost); });
        if (!counted) return std::nullopt;
        auto cost = planner_.costOf(query);
        if (!cost) return deny(std::move(cost).error());
        double amount = std::ceil(*cost);
        if (amount <= 0) return std::nullopt;
        const std::int64_t now_ns = unixNowNs();
        if (auto exceeded = ledger().spend(query.requestId(), Measure::cost, amount, now_ns))
            return deny(refusalOf(*exceeded));
        double drawn = amount;
        auto refused = draw(query.context(), limits, Measure::cost, amount, drawn, now_ns);
        if (refused) ledger().unspend(query.requestId(), Measure::cost, amount, now_ns, unixNowNs());
        return refused;
    }

    static std::string_view toolOf(const Call& call) {
        return call.kind() == CallKind::tool ? call.name() : std::string_view{};
    }
    // Who has used up everything may still ask what there is; that costs no more than a refusal.
    static bool isForQuota(const Call& call) {
        return call.kind() == CallKind::tool && call.name() == kQuotaTool &&
               fromAbi(call.raw()->plugin) == HOWDAH_PLUGIN_ID;
    }

    Result<void> quota(ToolCall& call) {
        const howdah_principal& principal = call.principal();
        const auto& [tier_name, tier] = config_.tierOf(fromAbi(principal.tier));
        const std::int64_t now_ns = unixNowNs();
        Document answer{{"principal", fromAbi(principal.subject)}};
        if (principal.tenant.size > 0) answer["tenant"] = fromAbi(principal.tenant);
        answer["tier"] = tier_name;
        answer["limits"] = Document::array();
        const auto add = [&](const Applied& applied) {
            Ledger::Standing standing = ledger().standing(applied, now_ns);
            if (leases_) leases_->show(call.context(), applied, standing, now_ns);
            if (slots_ && applied.limits->concurrency > 0)
                standing.open = slots_->count(call.context(), applied.key, standing.open, now_ns);
            addStanding(answer["limits"], applied, standing);
        };
        for (const Applied& applied : limitsFor(tier, principal, {}, call.clientName()))
            add(applied);
        for (const auto& [name, limits] : tier.tools)
            add({{Scope::tool, fromAbi(principal.tenant), fromAbi(principal.subject), name}, &limits});
        const std::string json = answer.dump(-1, ' ', false, Document::error_handler_t::replace);
        if (auto done = call.writeText(json); !done) return done;
        return call.structuredWanted() ? call.writeStructured(json) : Result<void>{};
    }

    void keep(const Context& context) {
        const auto interval = static_cast<std::uint64_t>(std::chrono::nanoseconds(config_.save_interval).count());
        while (wakes_->wait(context, host().nowNs() + interval) == HOWDAH_ERROR_TIMEOUT && context.goOn()) {
            if (!books_->beginSave()) continue;  // a slow disk: the one before has not ended
            const std::shared_ptr<void> ended(nullptr, [books = books_](void*) { books->endSave(); });  // run or not
            (void)jobs_->start([this, ended] { save(); });  // where no worker takes it, the next one is in time
        }
    }

    void settleSlots(const Context& context) {
        constexpr auto kEvery_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(Slots::kSettleEvery).count());
        for (;;) {
            (void)unsettled_->wait(context, host().nowNs() + kEvery_ns);
            if (!context.goOn()) return;
            slots_->settle(context, unixNowNs());
        }
    }

    void save() {
        const auto saved = books_->save();
        const bool failed_before = save_failed_.exchange(!saved);
        if (!saved && !failed_before)
            host().log(LogLevel::warn, "what was used is forgotten at the next restart: ", saved.error().message);
    }

    Config config_;
    std::shared_ptr<Books> books_;
    std::optional<Leases> leases_;  // where counts are shared
    std::optional<Slots> slots_;    // with them
    Planner planner_;
    std::optional<Jobs> jobs_;
    std::optional<Event> wakes_;      // never set: the task only waits for its time, or its end
    std::optional<Event> unsettled_;  // a call ended and could not tell others so itself
    std::atomic<bool> save_failed_{false};
};

}  // namespace
}  // namespace howdah::rate_limit

using RateLimitPlugin = howdah::rate_limit::RateLimit;
HOWDAH_PLUGIN(RateLimitPlugin)
