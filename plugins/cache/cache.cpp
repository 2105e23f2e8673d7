// The plugin: hooks of stage recall, and the tools cache_stats and cache_invalidate.
//
// Threads: as plugin.hpp says; what start() makes does not change after it.
// Owns:    the epochs, the levels, the file.
#include <algorithm>
#include <memory>
#include <optional>

#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "plugins/cache/answers.hpp"
#include "plugins/cache/invalidate.hpp"

namespace howdah::cache {
namespace {

class Cache final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        config_ = std::move(*config);
        return {};
    }

    Result<void> start(Offer& offer) override {
        for (const Statement* statement : {&kIdentityStatement, &kRelationStatement, &kCoverageStatement})
            if (auto done = offer.statement(*statement); !done) return done;
        const Context& context = offer.context();
        auto databases = configuredDatabases(context);
        if (!databases) return std::move(databases).error();
        auto folder = pathOf(context, HOWDAH_PATH_STATE);
        if (!folder) return std::move(folder).error();
        const std::string& state = *folder;
        std::vector<std::string> names;
        for (const Json& database : *databases)
            names.push_back(database.value("name", ""));
        for (const auto& [key, list] :
             {std::pair{"databases_off", &config_.databases_off}, {"notify.databases", &config_.notify.databases}})
            for (const std::string& name : *list)
                if (std::find(names.begin(), names.end(), name) == names.end())
                    return Error::invalidArgument("cache.", key, ": there is no database ", name);

        auto ledger = Ledger::open({state, config_.unsettled_ns}, bootNs());
        if (!ledger) return ledger.error();
        ledger_ = std::move(*ledger);
        jobs_.emplace(host());
        databases_.emplace(names, config_.databases_off);
        if (auto made = makeShelf(state); !made) return made;
        if (auto made = makeNotices(offer); !made) return made;
        if (auto made = makePeers(offer); !made) return made;
        recall_.emplace(host(), config_, *ledger_, *databases_, shelf_ ? &*shelf_ : nullptr,
                        notices_ ? &*notices_ : nullptr, peers_ ? &*peers_ : nullptr, commons_ ? &*commons_ : nullptr);
        offer.bind("cache_stats", [this](ToolCall& call) { return stats(call); });
        offer.bind("cache_invalidate", [this](ToolCall& call) {
            return invalidate(call, *databases_, *ledger_, peers_ ? &*peers_ : nullptr);
        });
        return {};
    }

    void stop() override {
        if (shelf_ && recall_) shelf_->finish(recall_->memory().all());
    }

    Verdict beforeQuery(Query& query) override { return recall_->before(query); }
    Verdict afterQuery(Query& query, const howdah_result& result) override { return recall_->after(query, result); }
    Verdict onError(Query& query, const Error& error) override {
        recall_->failed(query, error);
        return proceed();
    }

    void task(Context& context, std::uint64_t token) override { jobs_->doTask(context, token); }
    void work(std::uint64_t token) override { jobs_->doWork(token); }
    void drop(std::uint64_t token) override { jobs_->drop(token); }

    Result<Json> report(Context&) override {
        return reportOf(*recall_, *ledger_, shelf_ ? &*shelf_ : nullptr, notices_ ? &*notices_ : nullptr,
                        peers_ ? &*peers_ : nullptr, commons_ ? &*commons_ : nullptr);
    }

private:
    Result<void> stats(ToolCall& call) {
        nlohmann::ordered_json stats = statsOf(*recall_, config_, *databases_, *ledger_, shelf_ ? &*shelf_ : nullptr,
                                               commons_ ? &*commons_ : nullptr);
        if (peers_) stats["shared"] = sharedOf(*peers_);
        if (notices_) stats["notify"] = notifyOf(*notices_, config_, call.principal().tenant.size == 0);
        const std::string json = stats.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
        if (auto done = call.writeText(json); !done) return done;
        return call.structuredWanted() ? call.writeStructured(json) : Result<void>{};
    }

    Result<void> makeNotices(Offer& offer) {
        if (config_.notify.databases.empty()) return {};
        auto service = offer.acquire<howdah_listen_v1>(HOWDAH_LISTEN_1);
        if (!service) return std::move(service).error();
        if (!*service)
            return Error::unavailable("cache.notify needs the service howdah.listen/1, which plugin pool offers");
        notices_.emplace(host(), *jobs_, config_, *ledger_, *service);
        return notices_->begin();
    }

    Result<void> makePeers(Offer& offer) {
        if (!config_.shared.on) return {};
        auto kv = Kv::acquire(offer);
        if (!kv) return std::move(kv).error();
        peers_.emplace(host(), *jobs_, config_, *ledger_, *databases_, *kv);
        if (config_.shared.answers.on) {
            // None is made here: another instance would have another.
            auto vault = Vault::open(config_.shared.answers.key_file, false);
            if (!vault)
                return std::move(vault).error().withHint(
                    "cache.shared.answers.key_file: make it once (head -c 32 /dev/urandom, chmod 600) and give it to "
                    "all "
                    "instances");
            commons_.emplace(host(), *jobs_, config_, *databases_, *peers_, *kv, std::move(*vault));
        }
        return peers_->begin();
    }

    // A cache that cannot have its file serves from memory; a key that is named and does not fit is a mistake to be
    // told.
    Result<void> makeShelf(const std::string& state) {
        if (!config_.l3.on) return {};
        if (!ledger_->isLasting()) {
            host().log(LogLevel::warn, "another process uses ", state, ": nothing is kept on disk by this one");
            return {};
        }
        const bool own = config_.l3.key_file.empty();
        auto vault = Vault::open(own ? state + "/key" : config_.l3.key_file, own);
        if (!vault) return vault.error();
        shelf_.emplace(host(), *jobs_, config_, *ledger_, *databases_, state, std::move(*vault));
        shelf_->begin();
        return {};
    }

    Config config_;
    std::unique_ptr<Ledger> ledger_;
    std::optional<Jobs> jobs_;
    std::optional<Databases> databases_;
    std::optional<Notices> notices_;  // before what keeps answers: they point there
    std::optional<Peers> peers_;
    std::optional<Commons> commons_;
    std::optional<Shelf> shelf_;
    std::optional<Recall> recall_;
};

}  // namespace
}  // namespace howdah::cache

using CachePlugin = howdah::cache::Cache;
HOWDAH_PLUGIN(CachePlugin)
