// The plugin: hooks that count every query, and the tool get_query_analytics.
//
// Threads: as plugin.hpp says; what start() makes does not change after it.
// Owns:    a recorder for each shard, the ledger over them.
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <howdah/jobs.hpp>
#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "plugins/analytics/answer.hpp"
#include "plugins/analytics/export.hpp"
#include "plugins/analytics/ledger.hpp"
#include "plugins/analytics/resolver.hpp"

namespace howdah::analytics {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;   // nanoseconds
constexpr std::uint64_t kTick = kSecond;           // how long a query waits to be counted, at most
constexpr std::uint64_t kReadLimit = 5 * kSecond;  // how long an answer waits for texts to be read, at most
constexpr std::uint64_t kReadLook = kSecond / 500;

// A query is known by the address the kernel has for it; it is never looked at.
std::uint64_t idOf(const Query& query) {
    return reinterpret_cast<std::uintptr_t>(query.raw());
}

class Analytics final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        config_ = Config::parse(section);
        return {};
    }

    Result<void> start(Offer& offer) override {
        const Context& context = offer.context();
        auto statements = offer.acquire<howdah_statement_v1>(HOWDAH_STATEMENT_1);
        if (!statements) return statements.error();
        if (!*statements)
            host().log(LogLevel::warn,
                       "no plugin offers howdah.statement/1: statements of clients are all counted as unread");
        std::string folder;
        if (config_.save_interval.count() > 0) {
            auto state = pathOf(context, HOWDAH_PATH_STATE);
            if (!state) return std::move(state).error();
            folder = std::move(*state);
        }
        for (std::uint32_t i = 0; i < host().reactor().shard_count(host().raw()); ++i)
            recorders_.push_back(std::make_unique<Recorder>(config_));
        jobs_.emplace(host());
        resolver_.emplace(config_, Resolver::Service{statements->table, statements->self}, recorders_);
        ledger_.emplace(host(), config_, folder, recorders_);
        ledger_->load();
        tick_.emplace(host());
        offer.bind("get_query_analytics", [this](ToolCall& call) { return analyse(call); });
        if (!jobs_->spawn([this](const Context& own) { keep(own); }))
            return Error::internal("the task that keeps what is counted could not be started");
        return {};
    }

    // No request is inside any more: what is left is counted and written, for whoever takes over.
    void stop() override {
        if (!ledger_) return;
        resolver_->giveUp();
        ledger_->collect();
        ledger_->save();
    }

    void task(Context& context, std::uint64_t token) override { jobs_->doTask(context, token); }
    void work(std::uint64_t token) override { jobs_->doWork(token); }
    void drop(std::uint64_t token) override { jobs_->drop(token); }

    // --- hooks
    Verdict beforeCall(Call& call) override {
        here(call.context()).callBegins(call.raw()->request_id, call.clientName());
        return proceed();
    }
    void afterCall(Call& call, const Error* /*error*/) override {
        here(call.context()).callEnds(call.raw()->request_id);
    }

    Verdict beforeQuery(Query& query) override {
        here(query.context())
            .queryBegins(idOf(query), host().nowNs(), query.sql(), query.fromClient(),
                         fromAbi(query.principal().tenant));
        return proceed();
    }
    Verdict afterQuery(Query& query, const howdah_result& result) override {
        Sample sample;
        const howdah_trailer trailer = wholeTrailer(result.trailer);
        const bool replied = (result.flags & HOWDAH_RESULT_REPLIED) != 0;
        sample.outcome = trailer.source != HOWDAH_FROM_DATABASE ? Outcome::cached : Outcome::rows;
        const bool wrote = trailer.row_count == 0 && trailer.affected_rows > 0;
        sample.rows = wrote ? static_cast<std::uint64_t>(trailer.affected_rows) : trailer.row_count;
        sample.bytes = trailer.bytes;
        sample.database_ns = replied ? 0 : trailer.elapsed_ns;
        ended(query, sample, {});
        return proceed();
    }
    Verdict onError(Query& query, const Error& error) override {
        Sample sample;
        std::string_view rule = error.rule;
        if (error.code == Code::refused && rule.empty()) rule = "refused";
        if (!rule.empty()) {
            sample.outcome = Outcome::refused;
        } else if (error.code == Code::timeout) {
            sample.outcome = Outcome::timeout;
        } else {
            sample.outcome = error.code == Code::cancelled ? Outcome::cancelled : Outcome::failed;
        }
        if (error.sqlstate.size() == sample.sqlstate.size())
            std::copy(error.sqlstate.begin(), error.sqlstate.end(), sample.sqlstate.begin());
        ended(query, sample, rule);
        return proceed();
    }

    Result<Json> report(Context& /*context*/) override {
        const Ledger::State state = ledger_->state();
        Json checks = Json::array();
        checks.push_back({{"name", "history"},
                          {"status", "ok"},
                          {"text", concat(state.patterns, " patterns in ", state.hours, " hours, ", state.bytes / 1024,
                                          " KiB of ", config_.memory_bytes_max / 1024)}});
        if (!state.trouble.empty())
            checks.push_back(
                {{"name", "file"},
                 {"status", "warn"},
                 {"text", state.trouble},
                 {"remedy", concat("make ", state.file, " writable for this user, or set save_interval_s to 0")}});
        return Json{{"status", state.trouble.empty() ? "ok" : "warn"}, {"checks", std::move(checks)}};
    }

private:
    Recorder& here(const Context& context) { return *recorders_[host().reactor().shard(context.raw())]; }

    void ended(const Query& query, const Sample& sample, std::string_view rule) {
        const howdah_principal& who = query.principal();
        NameViews names;
        names[Name::plugin] = query.plugin();
        names[Name::tool] = query.tool();
        names[Name::tenant] = fromAbi(who.tenant);
        names[Name::database] = query.database();
        if (config_.principals) names[Name::principal] = fromAbi(who.subject);
        here(query.context()).queryEnds(idOf(query), query.requestId(), host().nowNs(), names, sample, rule);
    }

    // Counts what the recorders have, and writes it down when it is time. Texts are read by a task of their own, whose
    // memory ends with it.
    void keep(const Context& context) {
        const auto interval = static_cast<std::uint64_t>(config_.save_interval.count()) * kSecond;
        std::uint64_t save_at = host().nowNs() + interval;
        for (;;) {
            const howdah_status woken = tick_->wait(context, host().nowNs() + kTick);
            if (woken < 0 && woken != HOWDAH_ERROR_TIMEOUT) return resolver_->run(context);  // what stop() will count
            (void)readTexts();
            if (keeping_.exchange(true)) continue;  // a slow disk: the one before has not ended
            const bool save = interval > 0 && host().nowNs() >= save_at;
            const std::shared_ptr<void> ended(nullptr, [this](void*) { keeping_ = false; });  // run or not
            const bool begun = jobs_->start([this, save, ended] {
                ledger_->collect();
                if (save) ledger_->save();
            });
            if (begun && save) save_at = host().nowNs() + interval;
        }
    }

    // Begins to read the texts that wait, unless that is done already; false where there is nothing to read, or nobody
    // to do it.
    bool readTexts() {
        if (!resolver_->hasWork()) return resolving_;
        if (resolving_.exchange(true)) return true;
        const bool runs = jobs_->spawn([this](const Context& own) {
            resolver_->run(own);
            ++readings_;
            resolving_ = false;
        });
        if (!runs) resolving_ = false;
        return runs;
    }

    // --- the tool
    Result<void> analyse(ToolCall& call) {
        auto filter = filterOf(call);
        if (!filter) return filter.error();
        untilRead(call.context());
        return call.has("export") ? exportTo(call, *filter) : answer(call, *filter);
    }

    // Until what waits now has been read and counted. That is the task's: texts are everybody's, and whoever asks must
    // not pay for them, with time of his call or memory of its arena. A task that reads already may have begun before
    // the last of them came, so the one after it is waited for.
    void untilRead(const Context& context) {
        const bool reading = resolving_;  // before the count: one that ends in between counts as a reading too many
        const std::uint64_t wanted = readings_ + (reading ? 2 : 1);
        const Event rest(host());
        const std::uint64_t end = host().nowNs() + kReadLimit;
        while (readings_ < wanted && readTexts() && host().nowNs() < end) {
            if (rest.wait(context, host().nowNs() + kReadLook) == HOWDAH_ERROR_CANCELLED) return;
        }
    }

    // A principal of a tenant sees what his tenant has asked, and nothing else.
    Result<Filter> filterOf(const ToolCall& call) const {
        Filter filter;
        filter.hours = static_cast<std::uint32_t>(call.integer("hours", filter.hours));
        for (const Name which : {Name::tool, Name::client, Name::tenant, Name::database}) {
            const char* key = kNameKeys[static_cast<std::size_t>(which)];
            if (call.has(key)) filter.want(which, call.text(key));
        }
        if (const std::string_view own = fromAbi(call.principal().tenant); !own.empty()) {
            const std::string mine = bounded(own);
            if (filter.wanted[Name::tenant] && *filter.wanted[Name::tenant] != mine)
                return Error::refused("a principal of tenant ", own, " sees that tenant only; leave out tenant");
            filter.wanted[Name::tenant] = mine;
        }
        return filter;
    }

    // On a worker, since it may look at every cell of a year. What it makes outlives a wait that ended first.
    template <typename Made>
    Result<std::shared_ptr<Made>> computed(const Context& context, std::function<Made(const History&, WallTime)> make) {
        auto made = std::make_shared<std::optional<Made>>();
        const auto work = [this, made, make = std::move(make)] {
            ledger_->collect();
            ledger_->read([&](const History& history, WallTime now) { made->emplace(make(history, now)); });
        };
        if (auto done = jobs_->run(context, work); !done) return std::move(done).error();
        return std::shared_ptr<Made>(made, &**made);
    }

    Result<void> answer(ToolCall& call, const Filter& filter) {
        Question question;
        question.order = call.text("order", "time");
        question.limit = static_cast<std::size_t>(call.integer("limit", static_cast<std::int64_t>(question.limit)));
        question.sections = {"top", "slow", "failing", "growing"};
        if (const Json asked = call.json("sections"); asked.is_array())
            question.sections = asked.get<std::vector<std::string>>();
        auto document = computed<Document>(call.context(), [filter, question](const History& history, WallTime now) {
            return answerOf(Window(history, now, filter), question);
        });
        if (!document) return std::move(document).error();
        const std::string json = (*document)->dump(-1, ' ', false, Document::error_handler_t::replace);
        if (auto done = call.writeText(json); !done) return done;
        return call.structuredWanted() ? call.writeStructured(json) : Result<void>{};
    }

    Result<void> exportTo(ToolCall& call, const Filter& filter) {
        const std::string format_name(call.text("export"));
        const auto format = format_name == "csv" ? ExportFormat::csv : ExportFormat::ndjson;
        const auto skip = static_cast<std::uint64_t>(call.integer("skip"));
        const auto rows_max = static_cast<std::uint64_t>(call.integer("max_rows", 1000));
        auto made =
            computed<Export>(call.context(), [filter, format, skip, rows_max](const History& history, WallTime now) {
                return exportOf(history, now, filter, format, skip, rows_max);
            });
        if (!made) return std::move(made).error();
        const Export& lines = **made;
        if (auto done = call.writeText(lines.text); !done) return done;
        if (!call.structuredWanted()) return {};
        Document about{{"window", lines.window}, {"export", {{"format", format_name}, {"rows", lines.rows}}}};
        if (lines.more) about["export"]["next_skip"] = skip + lines.rows;
        return call.writeStructured(about.dump());
    }

    Config config_;
    std::vector<std::unique_ptr<Recorder>> recorders_;  // by shard
    std::optional<Jobs> jobs_;
    std::optional<Resolver> resolver_;
    std::optional<Ledger> ledger_;
    std::optional<Event> tick_;
    std::atomic<bool> resolving_{false};
    std::atomic<std::uint64_t> readings_{0};  // that have ended
    std::atomic<bool> keeping_{false};
};

}  // namespace
}  // namespace howdah::analytics

using AnalyticsPlugin = howdah::analytics::Analytics;
HOWDAH_PLUGIN(AnalyticsPlugin)
