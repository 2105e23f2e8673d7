#include "report.hpp"

#include <map>

#include <howdah/rows.hpp>

#include "executor.hpp"

namespace howdah::pool {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kRoleSql =
    "select pg_catalog.current_setting('server_version') as server_version, current_user as role, "
    "r.rolsuper as superuser, r.rolbypassrls as bypassrls, r.rolcreatedb as createdb, r.rolcreaterole as createrole, "
    "r.rolreplication as replication, "
    "pg_catalog.pg_has_role(r.oid, 'pg_read_server_files', 'member') as pg_read_server_files, "
    "pg_catalog.pg_has_role(r.oid, 'pg_write_server_files', 'member') as pg_write_server_files, "
    "pg_catalog.pg_has_role(r.oid, 'pg_execute_server_program', 'member') as pg_execute_server_program, "
    "pg_catalog.pg_is_in_recovery() as standby, "
    "coalesce((select s.ssl from pg_catalog.pg_stat_ssl s where s.pid = pg_catalog.pg_backend_pid()), false) as tls "
    "from pg_catalog.pg_roles r where r.rolname = current_user";

using Fields = std::map<std::string, std::string, std::less<>>;

// The one row of a statement of our own, by column name.
Result<Fields> askOneRow(const Context& context, const std::shared_ptr<Database>& database, std::string_view sql) {
    howdah_execution execution{};
    execution.struct_size = sizeof execution;
    execution.access = HOWDAH_ACCESS_READ;
    execution.sql = toAbi(sql);
    auto cursor = execute(context, database, execution);
    if (!cursor) return std::move(cursor).error();
    Cursor::Next next = (*cursor)->next(context);
    if (next.failure) return std::move(next.failure->error);
    if (!next.batch) return Error::internal("the server told nothing about the role ", database->name(), " uses");
    const auto& columns = (*cursor)->columns();
    BatchReader reader(*next.batch, columns.size());
    reader.next();
    Fields fields;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        fields[std::string(fromAbi(columns[i].name))] = std::string(reader.cells()[i].text());
    }
    return fields;
}

Json check(std::string name, std::string_view status, std::string text, std::string_view remedy = {}) {
    Json made{{"name", std::move(name)}, {"status", status}, {"text", std::move(text)}};
    if (!remedy.empty()) made["remedy"] = remedy;
    return made;
}

void describeSource(const Context& context, const Database& database, Json& entry, Json& checks) {
    auto dsn = database.resolveDsn(context);
    if (!dsn) return;  // the probe below says why
    entry["source"] = dsn->label;
    for (std::string_view keyword : {"host", "port", "dbname", "user", "sslmode"}) {
        if (!dsn->value(keyword).empty()) entry[std::string(keyword)] = dsn->value(keyword);
    }
    entry["password"] = dsn->value("password").empty() ? "not in the dsn" : "given, not shown";
    if (const std::string trouble = passfileTrouble(*dsn); !trouble.empty())
        checks.push_back(check(concat(database.name(), ": password file"), "warn", trouble));
    if (dsn->stripped.empty()) return;
    std::string names;
    for (const auto& name : dsn->stripped)
        names += (names.empty() ? "" : ", ") + name;
    checks.push_back(check(concat(database.name(), ": dsn parameters"), "warn",
                           concat("left out, not for libpq or a pooler: ", names), "take them out of the dsn"));
}

// What the role could do is the guard's to judge.
void describeRole(const Fields& fields, Json& entry) {
    for (const auto& [name, value] : fields) {
        const bool is_text = name == "server_version" || name == "role";
        entry[name] = is_text ? Json(value) : Json(value == "t");
    }
}

void reportConnections(const std::string& name, const Json& state, Json& checks) {
    auto number = [&](const char* key) { return state[key].get<std::uint64_t>(); };
    const std::string breaker = state["breaker"].get<std::string>();
    std::string text =
        concat(number("open"), " of ", number("max"), " open, ", number("idle"), " idle, ", number("waiting"),
               " waiting, breaker ", breaker, "; since the start ", number("connects"), " connected, ",
               number("connect_failures"), " failed, ", number("lost"), " lost, ", number("retries"), " retries, ",
               number("cancels"), " cancels, ", number("leak_alarms"), " held too long");
    if (state.contains("last_error")) text += concat("; last error: ", state["last_error"].get<std::string>());
    const bool well = breaker == "closed" && state["leaks"].empty();
    checks.push_back(check(concat(name, ": pool"), well ? "ok" : "warn", std::move(text)));
    for (const Json& leak : state["leaks"]) {
        checks.push_back(check(concat(name, ": held connection"), "warn",
                               concat(leak["owner"].get<std::string>(), " holds a connection for ",
                                      leak["held_ms"].get<std::uint64_t>(), " ms"),
                               "let statements run shorter (pool.statement_timeout_ms) or read their answers faster"));
    }
}

}  // namespace

void reportDatabase(const Context& context, const std::shared_ptr<Database>& database, Json& report) {
    Json entry{{"name", database->name()}, {"access", database->access()}};
    Json& checks = report["checks"];
    describeSource(context, *database, entry, checks);

    auto fields = askOneRow(context, database, kRoleSql);
    entry["reachable"] = fields.has_value();
    std::string name = concat(database->name(), ": connection");
    if (fields) {
        checks.push_back(check(name, "ok", concat("answers, PostgreSQL ", fields->find("server_version")->second)));
        describeRole(*fields, entry);
    } else {
        checks.push_back(check(name, "fail", fields.error().message, fields.error().hint));
    }
    Json state = connectionState(*database);
    reportConnections(database->name(), state, checks);
    for (const char* key : {"breaker", "last_error", "pooler", "leaks"}) {
        if (state.contains(key)) entry[key] = state[key];
    }
    entry["connections"] = std::move(state);
    report["databases"].push_back(std::move(entry));
}

Json connectionState(const Database& database) {
    Database::Figures figures = database.figures();
    Json state{{"open", figures.open},
               {"idle", figures.idle},
               {"waiting", figures.waiting},
               {"connecting", figures.connecting},
               {"max", database.config().connections_max},
               {"breaker", figures.breaker},
               {"pooler", figures.pooler},
               {"connects", figures.connects},
               {"connect_failures", figures.connect_failures},
               {"breaker_openings", figures.breaker_openings},
               {"lost", figures.lost},
               {"retries", figures.retries},
               {"cancels", figures.cancels},
               {"cancels_lost", figures.cancels_lost},
               {"leak_alarms", figures.leak_alarms},
               {"refused_full", figures.refused_full},
               {"refused_late", figures.refused_late},
               {"hosts", figures.hosts},
               {"leaks", Json::array()}};
    if (figures.certificate_until_s != 0) state["server_certificate_until_s"] = figures.certificate_until_s;
    for (const auto& leak : figures.leaks)
        state["leaks"].push_back({{"owner", leak.owner}, {"held_ms", leak.held_ms}});
    if (!figures.last_error.empty()) {
        state["last_error"] = figures.last_error;
        state["last_error_ago_ms"] = figures.last_error_ago_ms;
    }
    return state;
}

std::string worstStatus(const Json& checks) {
    std::string worst = "ok";
    for (const Json& entry : checks) {
        if (entry["status"] == "fail") return "fail";
        if (entry["status"] == "warn") worst = "warn";
    }
    return worst;
}

}  // namespace howdah::pool
