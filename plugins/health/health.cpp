// The plugin: the tool health_check, the watch over every database, and what the server says of itself.
//
// Threads: as plugin.hpp says; monitors_ does not change after start().
// Owns:    a monitor for each configured database.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <unistd.h>

#include <howdah/abi/auth.h>
#include <howdah/health.hpp>
#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "plugins/health/answer.hpp"
#include "plugins/health/monitor.hpp"
#include "plugins/health/state_file.hpp"

namespace howdah::health {
namespace {

constexpr std::uint64_t kDay_ms = 86'400'000;

class Health final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        config_ = std::move(*config);
        return {};
    }

    Result<void> start(Offer& offer) override {
        for (const Statement* statement : {&kServerStatement, &kPingStatement})
            if (auto done = offer.statement(*statement); !done) return done;
        for (const Check* check : allChecks()) {
            for (const Source& source : check->sources)
                if (auto done = offer.statement(*source.statement); !done) return done;
        }
        auto pool = offer.acquire<howdah_sql_v1>(HOWDAH_SQL_1);
        if (!pool) return pool.error();
        auto shared = offer.acquire<howdah_kv_v1>(HOWDAH_KV_1);
        if (!shared) return shared.error();
        kv_ = *shared;
        const Context& context = offer.context();
        auto databases = configuredDatabases(context);
        if (!databases) return std::move(databases).error();
        auto folder = pathOf(context, HOWDAH_PATH_STATE);
        if (!folder) return std::move(folder).error();
        state_file_ = concat(*folder, "/history.json");

        jobs_.emplace(host());
        reader_.emplace(host(), config_, *jobs_, Reader::Pool{pool->table, pool->self});
        if (auto made = makeMonitors(*databases, knownReady(context)); !made) return made;
        offer.bind("health_check", [this](ToolCall& call) { return check(call); });
        publish(context);
        for (const auto& monitor : monitors_) {
            Monitor* watched = monitor.get();
            jobs_->spawn([watched](const Context& own) { watched->probe(own); });
            jobs_->spawn([watched](const Context& own) { watched->schedule(own); });
        }
        return {};
    }

    void task(Context& context, std::uint64_t token) override { jobs_->doTask(context, token); }
    void work(std::uint64_t token) override { jobs_->doWork(token); }
    void drop(std::uint64_t token) override { jobs_->drop(token); }

    // Of a server that runs what its last rounds said; else a round is run now.
    Result<Json> report(Context& context) override {
        Json report{{"checks", Json::array()}};
        Status worst = Status::ok;
        for (const auto& monitor : monitors_) {
            auto result = monitor->latest();
            if (!result) {
                auto fresh = monitor->check(context, checksOf(config_), false);
                if (!fresh) return std::move(fresh).error();
                result = std::move(*fresh);
            }
            worst = worseOf(worst, result->status());
            addToReport(*result, report);
        }
        report["status"] = worst == Status::critical ? "fail" : worst == Status::warning ? "warn" : "ok";
        report["ready"] = isReady();
        return report;
    }

private:
    Result<void> makeMonitors(const Json& databases, bool known_ready) {
        std::vector<std::string> names;
        for (const Json& database : databases)
            names.push_back(database.value("name", ""));
        for (const std::string& name : config_.ready_databases) {
            if (std::find(names.begin(), names.end(), name) == names.end())
                return Error::invalidArgument("health.ready_databases: there is no database ", name);
        }
        const bool has_main = std::find(names.begin(), names.end(), "main") != names.end();
        if (!names.empty()) default_ = has_main ? "main" : names.front();
        std::vector<std::string> required = config_.ready_databases;
        if (required.empty()) required.push_back(default_);
        auto known = readState(state_file_);
        for (const std::string& name : names) {
            const bool needed = std::find(required.begin(), required.end(), name) != required.end();
            monitors_.push_back(
                std::make_unique<Monitor>(*reader_, name, needed, known_ready, std::move(known[name]),
                                          Monitor::Events{[this](const Context& context) { publish(context); },
                                                          [this](const Context& context) { save(context); }}));
        }
        return {};
    }

    Result<void> check(ToolCall& call) {
        const std::string name(call.text("database", default_));
        const auto found = std::find_if(monitors_.begin(), monitors_.end(),
                                        [&](const auto& monitor) { return monitor->database() == name; });
        if (found == monitors_.end()) {
            std::string names;
            for (const auto& monitor : monitors_)
                names += concat(names.empty() ? "" : ", ", monitor->database());
            return Error::notFound("no database \"", name, "\"; configured: ", names);
        }
        std::vector<const Check*> checks;
        if (const Json asked = call.json("checks"); asked.is_array() && !asked.empty()) {
            for (const Check* known : allChecks()) {
                if (std::find(asked.begin(), asked.end(), std::string(known->name)) != asked.end())
                    checks.push_back(known);
            }
        } else {
            checks = checksOf(config_);
        }
        // A tenant's statements are scoped by his own call, and what others do is none of his business.
        const bool apart = call.principal().tenant.size > 0;
        auto result = (*found)->check(call.context(), std::move(checks), apart);
        if (!result) return std::move(result).error();
        const auto history = apart ? std::make_shared<const History>() : (*found)->history();
        const std::string json = answerOf(**result, *history, call.text("detail") == "full")
                                     .dump(-1, ' ', false, Document::error_handler_t::replace);
        if (auto done = call.writeText(json); !done) return done;
        return call.structuredWanted() ? call.writeStructured(json) : Result<void>{};
    }

    bool isReady() const {
        return std::all_of(monitors_.begin(), monitors_.end(), [](const auto& monitor) { return monitor->ready(); });
    }

    // What GET /readyz and /healthz say. The mark in kv tells an instance that takes over that it need not begin
    // unready.
    void publish(const Context& context) {
        const bool ready = isReady();
        const bool critical = std::any_of(monitors_.begin(), monitors_.end(),
                                          [](const auto& monitor) { return monitor->worst() == Status::critical; });
        tellHealth(host(), !ready ? ServerHealth::not_ready : critical ? ServerHealth::degraded : ServerHealth::ok);
        if (!kv_) return;
        const std::string key = readyKey();
        if (ready) {
            kv_.table->set(kv_.self, context.raw(), toAbi(key), toAbi("1"), kDay_ms);
        } else {
            kv_.table->remove(kv_.self, context.raw(), toAbi(key));
        }
    }
    bool knownReady(const Context& context) const {
        if (!kv_) return false;
        howdah_str value{};
        const std::string key = readyKey();
        return kv_.table->get(kv_.self, context.raw(), toAbi(key), &value) == HOWDAH_OK;
    }
    // Of this process alone, though kv may be shared by many.
    static std::string readyKey() { return concat("health/ready/", getpid()); }

    // Work keeps the plugin alive, so it may outlast the wait for it.
    void save(const Context& context) {
        publish(context);  // also keeps the mark in kv from expiring
        (void)jobs_->run(context, [this] { write(); }, host().nowNs() + static_cast<std::uint64_t>(kSaveLimit_ns));
    }
    // On a worker. What is written is read under the same lock: whoever comes last writes the newest, though rounds of
    // several databases end at once.
    void write() {
        Result<void> written;
        {
            const std::lock_guard lock(file_mutex_);
            std::map<std::string, Json> histories;
            for (const auto& monitor : monitors_)
                histories[monitor->database()] = monitor->history()->toJson();
            written = writeState(state_file_, stateText(histories));
        }
        if (!written && !save_failed_.exchange(true))
            host().log(LogLevel::warn, "what was learned is lost at the next restart: ", written.error().message);
    }

    static constexpr std::int64_t kSaveLimit_ns = 5'000'000'000;

    Config config_;
    std::string default_;
    std::string state_file_;
    Offer::Acquired<howdah_kv_v1> kv_;
    std::optional<Jobs> jobs_;
    std::optional<Reader> reader_;
    std::vector<std::unique_ptr<Monitor>> monitors_;
    std::mutex file_mutex_;
    std::atomic<bool> save_failed_{false};
};

}  // namespace
}  // namespace howdah::health

using HealthPlugin = howdah::health::Health;
HOWDAH_PLUGIN(HealthPlugin)
