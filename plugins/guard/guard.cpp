// The guard: judges the final text of every client statement once, and lends its findings to other plugins.
//
// Threads: hooks run on every shard at once; the cache, the catalogs and the long work are behind their own short
//          locks.
// Owns:    the policy, the judgements and the catalog snapshots of one configuration.
// Errors:  a refused statement is denied with rule, position and what to do; a failure to judge is a fault of the hook,
//          which denies by default.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <howdah/jobs.hpp>
#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "plugins/guard/audit.hpp"
#include "plugins/guard/catalog_statements.hpp"
#include "plugins/guard/catalogs.hpp"
#include "plugins/guard/classify.hpp"
#include "plugins/guard/config.hpp"
#include "plugins/guard/growth.hpp"
#include "plugins/guard/pattern.hpp"
#include "plugins/guard/raw_parse.hpp"
#include "plugins/guard/role.hpp"
#include "plugins/guard/rules.hpp"

namespace howdah::guard {
namespace {

using SharedJudgement = std::shared_ptr<const Judgement>;

Path pathOf(std::uint32_t access) {
    return access == HOWDAH_ACCESS_READ ? Path::read : Path::write;
}

// After these a name means something else than the snapshot says, or may do so.
bool tellsOfChange(std::string_view sqlstate) {
    return sqlstate == "42P01" || sqlstate == "42883" || sqlstate == "42703" || sqlstate == "42704";
}

// DDL, or a function that may do anything: of one that is known to change rows at most, or none, the volatility alone
// says nothing (random(), nextval()).
bool mayChangeCatalog(const howdah_facts& facts) {
    const bool runs_code = (facts.flags & HOWDAH_FACT_VOLATILE) != 0 && (facts.flags & HOWDAH_FACT_REACH_KNOWN) == 0;
    return facts.kind == HOWDAH_STATEMENT_DDL || runs_code;
}

class Guard final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        policy_ = std::move(config->policy);
        privileged_roles_allowed_ = std::move(config->privileged_roles_allowed);
        unresolved_allowed_ = config->unresolved_allowed;
        audit_ = config->audit;
        cache_.emplace(config->cache);
        return {};
    }

    Result<void> start(Offer& offer) override {
        for (auto checked : {checkScanner(), checkParser()})
            if (!checked) return checked;
        jobs_.emplace(host());
        for (const Statement& statement : kCatalogStatements)
            if (auto done = offer.statement(statement); !done) return done;
        for (const Statement& statement : {kRoleStatement, kPowersStatement})
            if (auto done = offer.statement(statement); !done) return done;
        const auto databases = configuredDatabases(offer.context());
        if (!databases) return databases.error();
        auto catalogs = Catalogs::make(host(), *databases, privileged_roles_allowed_, policy_);
        if (!catalogs) return catalogs.error();
        catalogs_ = std::move(*catalogs);
        return {};
    }

    // The last stage that may refuse: behind it nobody can change the text or the parameters.
    Verdict beforeQuery(Query& query) override {
        if (!query.fromClient()) return proceed();  // judged when its plugin registered it
        const Path path = pathOf(query.raw()->access);
        auto view = viewFor(query, path);
        if (!view) return Verdict::deny(std::move(view).error());
        if (view->privileged) return refusePrivileged(query);
        auto judgement = judgementOf(query.context(), query.sql(), path, *view);
        if (!judgement) return Verdict::fault(std::move(judgement).error());
        if (isUnresolved(**judgement) && view->snapshot) {
            // Made a moment ago, perhaps: what is not known to be absent is not taken for it.
            const auto newer = newerView(query);
            if (!newer) return Verdict::deny(newer.error());
            if (newer->epoch != view->epoch) judgement = judgementOf(query.context(), query.sql(), path, *newer);
            if (!judgement) return Verdict::fault(std::move(judgement).error());
        }
        if (const auto& result = (*judgement)->result(); !result)
            return refuse(query, (*judgement)->fingerprint(), result.error());
        if (auto small = checkParameters(query, *(*judgement)->result()); !small)
            return refuse(query, (*judgement)->fingerprint(), small.error());
        if (auto attached = query.setFacts((*judgement)->abi()); !attached) return Verdict::fault(attached.error());
        if (audit_ == AuditScope::all) audit(host(), query, (*judgement)->fingerprint(), nullptr);
        return proceed();
    }

    Verdict afterQuery(Query& query, const howdah_result&) override {
        const howdah_facts* facts = query.facts();
        if (!query.readOnly() && facts && mayChangeCatalog(*facts)) invalidateAll();
        return proceed();
    }

    Verdict onError(Query& query, const Error& error) override {
        if (tellsOfChange(error.sqlstate)) invalidate(query);
        return proceed();
    }

    void task(Context& context, std::uint64_t token) override {
        if (const auto keeper = catalogs_.ofToken(token)) keeper->run(context);
    }
    void work(std::uint64_t token) override { jobs_->doWork(token); }
    void drop(std::uint64_t token) override {
        if (const auto keeper = catalogs_.ofToken(token)) return keeper->notRun();
        jobs_->drop(token);
    }

    Result<Json> report(Context& context) override {
        Json report{{"refusals", refusals_.load(std::memory_order_relaxed)},
                    {"cache",
                     {{"entries", cache_->entryCount()},
                      {"bytes", cache_->byteCount()},
                      {"hits", cache_->hits()},
                      {"misses", cache_->misses()}}},
                    {"checks", Json::array()}};
        for (const auto& [name, database] : catalogs_.all())
            reportDatabase(context, database, report);
        report["status"] = "ok";
        for (const Json& check : report["checks"])
            if (check["status"] == "fail" || report["status"] == "ok") report["status"] = check["status"];
        return report;
    }

    const void* interface(std::string_view id) override { return id == HOWDAH_STATEMENT_1 ? &kStatement : nullptr; }

private:
    Verdict refuse(const Query& query, std::uint64_t fingerprint, const Error& error) {
        refusals_.fetch_add(1, std::memory_order_relaxed);
        if (audit_ != AuditScope::none) audit(host(), query, fingerprint, &error);
        return deny(error);
    }

    Verdict refusePrivileged(const Query& query) {
        const auto role = catalogs_.find(query.database())->keeper->role();
        return refuse(query, 0, privilegedRole(query.database(), role->name));
    }

    // The values differ from call to call, so they are no part of a judgement.
    static Result<void> checkParameters(const Query& query, const Facts& facts) {
        if ((facts.short_parameters | facts.small_parameters) == 0) return {};
        std::int64_t number = 0;
        for (const howdah_value& parameter : query.parameters()) {
            const std::uint64_t bit = parameterBit(++number);
            const bool fits = ((facts.short_parameters & bit) == 0 || isShort(parameter)) &&
                              ((facts.small_parameters & bit) == 0 || isSmall(parameter));
            if (!fits) return refusal(Rule::value_too_large, concat("with parameter $", number, " as it is given"), 1);
        }
        return {};
    }

    static bool isUnresolved(const Judgement& judgement) {
        return judgement.result() && judgement.result()->unresolved;
    }

    // A view without a snapshot judges by the text alone, as the write path always does: there the catalog only tells
    // what is reached, and nobody waits for it.
    Result<CatalogView> viewFor(const Query& query, Path path) {
        const Catalogs::Database* database = catalogs_.find(query.database());
        if (!database) return CatalogView{};
        if (path == Path::write) {
            auto view = database->keeper->viewAtHand();
            view.privileged = false;  // what a write may do is its role's
            return view;
        }
        auto view = database->keeper->view(query.context());
        if (!view) {
            // The role must be known all the same: nothing stands behind the text's rules where it is privileged.
            const auto role = database->keeper->role();
            if (isOfTheMoment(view.error()) || !role) return view;
            view = unresolved_allowed_ ? CatalogView{} : CatalogView::unread();
            view->privileged = role->privileged;
        }
        view->privileged = view->privileged && database->restricted && !database->privileged_allowed;
        return view;
    }

    Result<CatalogView> newerView(const Query& query) {
        const Catalogs::Database* database = catalogs_.find(query.database());
        return database->keeper->view(query.context(), host().nowNs());
    }

    void invalidate(const Query& query) {
        if (const Catalogs::Database* database = catalogs_.find(query.database())) database->keeper->invalidate();
    }

    // Of a change: the configuration may have more names for the database, and for others of its server.
    void invalidateAll() {
        for (const auto& [name, database] : catalogs_.all())
            database.keeper->invalidate();
    }

    void reportDatabase(const Context& context, const Catalogs::Database& database, Json& report) {
        const auto figures = database.keeper->figures();
        report["catalogs"][database.name] = {{"objects", figures.objects}, {"bytes", figures.bytes},
                                             {"loads", figures.loads},     {"load_us", figures.load_us},
                                             {"probes", figures.probes},   {"probe_us", figures.probe_us}};
        if (auto done = reportRole(context, database.name, database.restricted, database.privileged_allowed, report);
            !done) {
            report["checks"].push_back({{"name", concat(database.name, ": role")},
                                        {"status", "warn"},
                                        {"text", concat("could not be asked: ", done.error().message)}});
            return;
        }
        const std::uint64_t began_ns = host().nowNs();
        auto loaded = SnapshotKeeper::load(context, database.name, policy_);
        Json check{{"name", concat(database.name, ": catalog")}, {"status", "ok"}};
        if (loaded) {
            check["text"] = concat("read in ", (host().nowNs() - began_ns) / 1'000'000,
                                   " ms: ", loaded->view.snapshot->objectCount(), " objects of the user's, ",
                                   loaded->view.snapshot->bytes() / 1024, " KiB");
        } else {
            check["status"] = "fail";
            check["text"] = concat(unresolved_allowed_
                                       ? "cannot be read, so views, policies and the user's functions are not seen: "
                                       : "cannot be read, so whatever is not PostgreSQL's own is refused: ",
                                   loaded.error().message);
            if (!loaded.error().hint.empty()) check["remedy"] = loaded.error().hint;
        }
        report["checks"].push_back(std::move(check));
    }

    Result<Facts> classified(const std::string& sql, Path path, const CatalogView& view) const {
        if (!view.snapshot) return path == Path::write ? classifyWrite(sql, policy_) : classify(sql, policy_);
        const Resolver resolver(*view.snapshot, *view.path);
        auto facts = path == Path::write ? classifyWrite(sql, policy_, &resolver) : classify(sql, policy_, &resolver);
        if (facts) facts->schema_version = view.version;
        return facts;
    }

    struct Judged {
        Result<Facts> facts;
        std::uint64_t fingerprint;  // 0: nobody wants it
    };
    Judged judge(const std::string& sql, Path path, const CatalogView& view) const {
        Judged judged{classified(sql, path, view), 0};
        const bool audited = audit_ == AuditScope::all || (audit_ == AuditScope::refused && !judged.facts);
        if (audited && sql.size() <= policy_.limits().text_bytes_max) judged.fingerprint = printOf(judged, sql);
        return judged;
    }

    // A text that was refused before it was parsed is not parsed for its fingerprint.
    static std::uint64_t printOf(const Judged& judged, const std::string& sql) {
        if (!judged.facts && judged.facts.error().rule.starts_with("text-")) return 0;
        return fingerprint(sql);
    }

    Result<SharedJudgement> judgementOf(const Context& context, std::string_view sql, Path path,
                                        const CatalogView& view) {
        if (sql.size() > policy_.limits().text_bytes_max) {  // refused by its size alone, and not worth keeping
            auto judged = judge(std::string(sql), path, view);
            return std::make_shared<const Judgement>(std::move(judged.facts), 0);
        }
        const std::uint64_t generation = policy_.generation() ^ view.key();
        if (auto found = cache_->find(sql, path, generation)) return found;
        if (!needsLargeStack(sql)) {
            auto judged = judge(std::string(sql), path, view);
            return cache_->insert(sql, path, generation, std::move(judged.facts), judged.fingerprint);
        }

        auto judged = jobs_->made(
            context, [this, text = std::string(sql), path, view] { return judge(text, path, view); },
            HOWDAH_OFFLOAD_LARGE_STACK);
        if (!judged) return std::move(judged).error();
        return cache_->insert(sql, path, generation, std::move(judged->facts), judged->fingerprint);
    }

    Result<Pattern> patternIn(const Context& context, std::string_view sql) {
        auto text = std::string(sql);
        if (auto scanned = scanText(text, policy_.limits()); !scanned) return scanned.error();
        if (!needsLargeStack(sql)) return patternOf(text);
        auto pattern = jobs_->made(context, [text] { return patternOf(text); }, HOWDAH_OFFLOAD_LARGE_STACK);
        if (!pattern) return std::move(pattern).error();
        return std::move(*pattern);
    }

    // howdah.statement/1: the text's judgement for another plugin, copied into its request. It names no database, so
    // what a name means in one is left out.
    static howdah_status facts(void* self, howdah_ctx* ctx, howdah_str sql, std::uint32_t access,
                               const howdah_facts** out) noexcept {
        Guard& guard = *static_cast<Guard*>(static_cast<Plugin*>(self));
        return PluginTables::guarded(guard, ctx, [&]() -> Result<void> {
            const Context context(guard.host(), ctx);
            auto judgement = guard.judgementOf(context, fromAbi(sql), pathOf(access), {});
            if (!judgement) return judgement.error();
            if (const auto& result = (*judgement)->result(); !result) return result.error();
            *out = guard.keep(context, (*judgement)->abi());
            if (!*out) return Error::unavailable("the memory of this request is used up");
            return {};
        });
    }

    static howdah_status pattern(void* self, howdah_ctx* ctx, howdah_str sql, howdah_pattern* out) noexcept {
        Guard& guard = *static_cast<Guard*>(static_cast<Plugin*>(self));
        return PluginTables::guarded(guard, ctx, [&]() -> Result<void> {
            const Context context(guard.host(), ctx);
            auto found = guard.patternIn(context, fromAbi(sql));
            if (!found) return found.error();
            const howdah_str text = context.keep(found->text);
            if (!text.data) return Error::unavailable("the memory of this request is used up");
            out->fingerprint = found->fingerprint;
            out->text = text;
            return {};
        });
    }

    const howdah_facts* keep(const Context& context, const howdah_facts& facts) const {
        const auto keepNames = [&](const howdah_name*& names, std::uint64_t count) {
            if (count == 0) return true;
            auto* copies =
                static_cast<howdah_name*>(host().context().alloc(context.raw(), count * sizeof(howdah_name)));
            if (!copies) return false;
            for (std::uint64_t i = 0; i < count; ++i) {
                copies[i] = {context.keep(fromAbi(names[i].schema)), context.keep(fromAbi(names[i].name))};
                if (!copies[i].schema.data || !copies[i].name.data) return false;
            }
            names = copies;
            return true;
        };
        auto* copy = static_cast<howdah_facts*>(host().context().alloc(context.raw(), sizeof(howdah_facts)));
        if (!copy) return nullptr;
        *copy = facts;
        copy->relations = nullptr;  // they are of one database
        copy->relation_count = 0;
        if (!keepNames(copy->tables, copy->table_count) || !keepNames(copy->functions, copy->function_count))
            return nullptr;
        return copy;
    }

    static constexpr howdah_statement_v1 kStatement{sizeof(howdah_statement_v1), 0, &Guard::facts, &Guard::pattern};

    Policy policy_;
    std::vector<std::string> privileged_roles_allowed_;
    bool unresolved_allowed_ = false;
    AuditScope audit_ = AuditScope::refused;
    std::optional<FactsCache> cache_;
    Catalogs catalogs_;
    std::optional<Jobs> jobs_;
    std::atomic<std::uint64_t> refusals_{0};
};

}  // namespace
}  // namespace howdah::guard

HOWDAH_PLUGIN(howdah::guard::Guard)
