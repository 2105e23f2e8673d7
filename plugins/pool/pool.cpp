// The plugin: offers howdah.sql/1, howdah.session/1 and howdah.listen/1 over one Database for each configured one.
//
// Threads: as plugin.hpp says; the map of databases does not change after start().
// Owns:    the databases; every cursor from execute() to close().
#include <cstddef>
#include <map>

#include <howdah/abi/listen.h>
#include <howdah/abi/session.h>
#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "executor.hpp"
#include "listener.hpp"
#include "report.hpp"
#include "sessions.hpp"

namespace howdah::pool {
namespace {

class Pool final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        config_ = *config;
        return {};
    }

    Result<void> start(Offer& offer) override {
        jobs_ = std::make_unique<Jobs>(host());
        stable_ = std::make_shared<StableCursors>(host(), *jobs_, config_);
        const Context& context = offer.context();
        const auto databases = configuredDatabases(context);
        if (!databases) return databases.error();
        auto source = offer.acquire<howdah_source_v1>(HOWDAH_SOURCE_1);
        if (!source) return source.error();
        for (const Json& entry : *databases) {
            DatabaseSource from{entry.value("name", ""), entry.value("access", "restricted"), entry.value("dsn", "")};
            if (entry.contains("source")) {
                if (!*source) {
                    return Error::invalidArgument("database ", from.name, " comes from plugin ",
                                                  entry.value("source", ""), ", which is not enabled")
                        .withHint("add it to plugins");
                }
                from.source = source->table;
                from.source_self = source->self;
            }
            std::string name = from.name;
            databases_[name] = std::make_shared<Database>(host(), *jobs_, config_, std::move(from));
        }
        return {};
    }

    void stop() override {
        listeners_.clear();
        if (stable_) stable_->stop();
        for (auto& [name, database] : databases_)
            database->stop();
        if (jobs_ && !jobs_->stop())
            host().log(LogLevel::warn, "a connection is still being looked up; not waited for");
        databases_.clear();
    }

    void task(Context& context, std::uint64_t token) override { jobs_->doTask(context, token); }
    void work(std::uint64_t token) override { jobs_->doWork(token); }
    void drop(std::uint64_t token) override { jobs_->doDrop(token); }

    Result<Json> report(Context& context) override {
        Json report{{"checks", Json::array()}, {"databases", Json::array()}};
        for (auto& [name, database] : databases_)
            reportDatabase(context, database, report);
        report["status"] = worstStatus(report["checks"]);
        return report;
    }

    const void* interface(std::string_view id) override;

    Result<std::shared_ptr<Database>> find(std::string_view name) const {
        auto found = databases_.find(name);
        if (found != databases_.end()) return found->second;
        std::string names;
        for (const auto& [known, database] : databases_)
            names += (names.empty() ? "" : ", ") + known;
        return Error::notFound("unknown database ", name, ", configured are: ", names.empty() ? "none" : names);
    }

    const std::shared_ptr<StableCursors>& stableCursors() const { return stable_; }
    Listeners& listeners() { return listeners_; }
    Jobs& jobs() { return *jobs_; }

private:
    Config config_;
    std::unique_ptr<Jobs> jobs_;
    std::shared_ptr<StableCursors> stable_;
    Listeners listeners_;
    std::map<std::string, std::shared_ptr<Database>, std::less<>> databases_;
};

// howdah.sql/1. A cursor's number is its address: the kernel alone calls this, between execute and close.
Pool& poolOf(void* self) {
    return *static_cast<Pool*>(static_cast<Plugin*>(self));
}
Cursor& cursorOf(std::uint64_t number) {
    return *reinterpret_cast<Cursor*>(static_cast<std::uintptr_t>(number));
}

howdah_status sqlExecute(void* self, howdah_ctx* ctx, const howdah_execution* execution, std::uint64_t* out) noexcept {
    return PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        Pool& pool = poolOf(self);
        auto database = pool.find(fromAbi(execution->database));
        if (!database) return database.error();
        const bool stable = execution->struct_size > offsetof(howdah_execution, cursor) &&
                            (execution->flags & HOWDAH_RUN_STABLE) && execution->access == HOWDAH_ACCESS_READ;
        const Context context(pool.host(), ctx);
        auto cursor = !stable                 ? execute(context, *database, *execution)
                      : isSession(*execution) ? executeInSession(context, *database, *execution, *pool.stableCursors())
                                              : executeStable(context, *database, *execution, pool.stableCursors());
        if (!cursor) return std::move(cursor).error();
        *out = reinterpret_cast<std::uintptr_t>(cursor->release());
        return {};
    });
}

howdah_status sqlColumns(void*, howdah_ctx*, std::uint64_t cursor, const howdah_column** columns,
                         std::uint64_t* count) noexcept {
    const auto& known = cursorOf(cursor).columns();
    *columns = known.data();
    *count = known.size();
    return HOWDAH_OK;
}

howdah_status sqlNext(void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_batch* batch) noexcept {
    bool has_rows = false;
    howdah_status status = PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        Cursor::Next next = cursorOf(cursor).next(Context(poolOf(self).host(), ctx));
        if (next.failure) return std::move(next.failure->error);
        has_rows = next.batch.has_value();
        if (has_rows) *batch = *next.batch;
        return {};
    });
    return status < 0 ? status : has_rows ? 1 : 0;
}

howdah_status sqlTrailer(void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_trailer* trailer) noexcept {
    return PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        if (!cursorOf(cursor).isAtEnd()) return Error::internal("the trailer comes after the last row");
        copyTrailer(cursorOf(cursor).trailer(), *trailer);
        return {};
    });
}

void sqlClose(void*, howdah_ctx*, std::uint64_t number) noexcept {
    std::unique_ptr<Cursor> cursor(&cursorOf(number));
    try {
        cursor->close();
    } catch (const std::exception&) {
        cursor.reset();  // no memory to hand the connection over: ending the lease closes it, which is as good
    }
}

howdah_status sqlState(void* self, howdah_ctx* ctx, howdah_str name, howdah_str* json) noexcept {
    return PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        auto database = poolOf(self).find(fromAbi(name));
        if (!database) return database.error();
        *json = Context(poolOf(self).host(), ctx).keep(connectionState(**database).dump());
        if (!json->data) return Error::unavailable("no memory for the state");
        return {};
    });
}

howdah_status sqlReport(void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_str* json) noexcept {
    return PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        *json = Context(poolOf(self).host(), ctx).keep(cursorOf(cursor).report());
        return json->data ? Result<void>{} : Error::unavailable("the request holds more memory than one request may");
    });
}

constexpr howdah_sql_v1 kSql{sizeof(howdah_sql_v1), 0,         &sqlExecute, &sqlColumns, &sqlNext,
                             &sqlTrailer,           &sqlClose, &sqlState,   &sqlReport};

// howdah.session/1
howdah_status sessionOpen(void* self, howdah_ctx* ctx, howdah_str name, const howdah_principal* principal,
                          howdah_str* session) noexcept {
    return PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        auto database = poolOf(self).find(fromAbi(name));
        if (!database) return database.error();
        const Context context(poolOf(self).host(), ctx);
        auto opened = openSession(poolOf(self).host(), **database, principal, *poolOf(self).stableCursors());
        if (!opened) return std::move(opened).error();
        *session = context.keep(*opened);
        if (session->data) return {};
        poolOf(self).stableCursors()->end(*opened);
        return Error::unavailable("the request holds more memory than one request may");
    });
}

howdah_status sessionSuppose(void* self, howdah_str session, howdah_str definitions) noexcept {
    try {
        const bool done = poolOf(self).stableCursors()->suppose(fromAbi(session), std::string(fromAbi(definitions)));
        return done ? HOWDAH_OK : HOWDAH_ERROR_NOT_FOUND;
    } catch (const std::exception&) {
        return HOWDAH_ERROR_UNAVAILABLE;  // no memory for the text
    }
}

void sessionClose(void* self, howdah_str session) noexcept {
    poolOf(self).stableCursors()->end(fromAbi(session));
}

constexpr howdah_session_v1 kSession{sizeof(howdah_session_v1), 0, &sessionOpen, &sessionSuppose, &sessionClose};

// howdah.listen/1
howdah_status listenOpen(void* self, howdah_ctx* ctx, howdah_str name, howdah_str channel, std::uint64_t* number,
                         howdah_str* server) noexcept {
    return PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        Pool& pool = poolOf(self);
        auto database = pool.find(fromAbi(name));
        if (!database) return database.error();
        if (!pool.listeners().hasRoom())
            return Error::unavailable("the pool has ", Listeners::kMax, " listeners, which is as many as may be");
        const Context context(pool.host(), ctx);
        auto listener = Listener::open(context, *database, pool.jobs(), fromAbi(channel));
        if (!listener) return std::move(listener).error();
        *server = context.keep((*listener)->server());
        if (!server->data) return Error::unavailable("the request holds more memory than one request may");
        auto added = pool.listeners().add(std::move(*listener));
        if (!added) return std::move(added).error();
        *number = *added;
        return {};
    });
}

howdah_status listenNext(void* self, howdah_ctx* ctx, std::uint64_t number, std::uint64_t deadline_ns,
                         howdah_str* payload) noexcept {
    bool told = false;
    const howdah_status status = PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        const auto listener = poolOf(self).listeners().find(number);
        if (!listener) return Error::unavailable("there is no such listener any more");
        auto next = listener->next(Context(poolOf(self).host(), ctx), deadline_ns);
        if (!next) return std::move(next).error();
        told = next->has_value();
        if (told) *payload = toAbi(**next);
        return {};
    });
    return status < 0 ? status : told ? 1 : 0;
}

howdah_status listenCatchUp(void* self, howdah_ctx* ctx, std::uint64_t number, std::uint64_t deadline_ns) noexcept {
    return PluginTables::guarded(poolOf(self), ctx, [&]() -> Result<void> {
        const auto listener = poolOf(self).listeners().find(number);
        if (!listener) return Error::unavailable("there is no such listener any more");
        return listener->catchUp(Context(poolOf(self).host(), ctx), deadline_ns);
    });
}

void listenClose(void* self, std::uint64_t number) noexcept {
    poolOf(self).listeners().remove(number);
}

constexpr howdah_listen_v1 kListen{sizeof(howdah_listen_v1), 0, &listenOpen, &listenNext, &listenCatchUp, &listenClose};

const void* Pool::interface(std::string_view id) {
    if (id == HOWDAH_LISTEN_1) return &kListen;
    if (id == HOWDAH_SESSION_1) return &kSession;
    return id == HOWDAH_SQL_1 ? &kSql : nullptr;
}

}  // namespace
}  // namespace howdah::pool

using PoolPlugin = howdah::pool::Pool;
HOWDAH_PLUGIN(PoolPlugin)
