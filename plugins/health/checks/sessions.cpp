// Connections of the server, and transactions that stay open.
#include <algorithm>

#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

// Sessions of others show neither state nor kind to a role without pg_monitor; they count all the same.
constexpr Statement kConnectionsStatement{R"sql(
select pg_catalog.current_setting('max_connections')::pg_catalog.int8 as connections_max,
       pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8
           + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int8 as reserved,
       pg_catalog.count(*) as used,
       pg_catalog.count(*) filter (where a.state = 'active') as active,
       pg_catalog.count(*) filter (where a.state = 'idle') as idle,
       pg_catalog.count(*) filter (where a.state like 'idle in transaction%') as idle_in_transaction,
       pg_catalog.count(*) filter (where a.backend_type is null) as hidden,
       pg_catalog.count(*) filter (where a.datname = pg_catalog.current_database()) as of_database,
       (select d.datconnlimit from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()) as database_max,
       pg_catalog.count(*) filter (where a.usename = current_user) as of_role,
       (select r.rolconnlimit from pg_catalog.pg_roles r where r.rolname = current_user) as role_max
from pg_catalog.pg_stat_activity a
where a.backend_type = 'client backend' or a.backend_type is null and a.datid is not null
)sql"};

Judgement judgeConnections(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    const auto row = input.rows[0];
    Judgement judgement;
    const double all_max = row.number("connections_max") - row.number("reserved");
    const auto count = [&](const char* what, double used, double max, std::string suggestion) {
        const double share = percent(used, max);
        const Status status = band(share, limits.connections_warning_percent, limits.connections_critical_percent);
        if (status == Status::ok) return;
        judgement.add({status,
                       concat(countText(used), " of ", countText(max), " connections ", what, " are taken (",
                              percentText(share), ")"),
                       std::move(suggestion),
                       {}});
    };
    count("of the server", row.number("used"), all_max,
          "see who has them: select usename, application_name, state, pg_catalog.count(*) from "
          "pg_catalog.pg_stat_activity group by 1, 2, 3 order by 4 desc; then a pooler, or alter system set "
          "max_connections (restart)");
    if (row.integer("database_max") > 0) {
        count("of this database", row.number("of_database"), row.number("database_max"),
              concat("alter database ", input.server.database, " connection limit N"));
    }
    if (row.integer("role_max") > 0) {
        count("of this role", row.number("of_role"), row.number("role_max"),
              concat("alter role ", input.server.role, " connection limit N, or lower pool.connections_max"));
    }
    for (const char* key : {"used", "active", "idle", "idle_in_transaction"})
        judgement.figures[key] = row.integer(key);
    judgement.figures["max"] = all_max;
    judgement.summary = concat(countText(row.number("used")), " of ", countText(all_max), " connections are taken");
    if (row.integer("hidden") > 0) {
        judgement.reason = concat(countText(row.number("hidden"), "session", "sessions"),
                                  " of other roles show no state to this role: grant pg_monitor to it");
    }
    judgement.measures.push_back({"connections", row.number("used"), all_max, "connections of the server"});
    return judgement;
}

// $1 entries at most
constexpr Statement kTransactionsStatement{R"sql(
select t.* from (
    select a.pid, a.usename::pg_catalog.text as who, a.application_name as application, a.state,
           extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.float8 as age_s,
           extract(epoch from pg_catalog.clock_timestamp() - a.state_change)::pg_catalog.float8 as state_s,
           pg_catalog.age(a.backend_xmin)::pg_catalog.int8 as xmin_age, a.query, null::pg_catalog.text as prepared
    from pg_catalog.pg_stat_activity a
    where a.xact_start is not null and a.backend_type = 'client backend' and a.pid <> pg_catalog.pg_backend_pid()
    union all
    select null, p.owner::pg_catalog.text, '', 'prepared',
           extract(epoch from pg_catalog.clock_timestamp() - p.prepared)::pg_catalog.float8, null,
           pg_catalog.age(p.transaction)::pg_catalog.int8, null, pg_catalog.quote_literal(p.gid)
    from pg_catalog.pg_prepared_xacts p) t
order by t.age_s desc
limit $1::pg_catalog.int8
)sql"};

Judgement judgeTransactions(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    Judgement judgement;
    double oldest_s = 0;
    for (const auto& row : input.rows.rows()) {
        const double age_s = row.number("age_s");
        oldest_s = std::max(oldest_s, age_s);
        if (!row.isNull("prepared")) {
            const Status status = band(age_s, limits.prepared_warning_s,
                                       std::max(limits.prepared_warning_s, limits.transaction_critical_s));
            if (status == Status::ok) continue;
            judgement.add({status,
                           concat("transaction ", row.text("prepared"), " of ", row.text("who"), " is prepared for ",
                                  durationText(age_s), " and holds its locks"),
                           concat("rollback prepared ", row.text("prepared"),
                                  " (or commit prepared, if its coordinator says so)"),
                           row.text("prepared")});
            continue;
        }
        const std::string pid = row.text("pid");
        const bool idle = row.text("state").starts_with("idle in transaction");
        Status status = band(age_s, limits.transaction_warning_s, limits.transaction_critical_s);
        if (idle && row.number("state_s") >= limits.idle_transaction_warning_s)
            status = worseOf(status, Status::warning);
        if (status == Status::ok) continue;
        std::string text = concat("pid ", pid, " of ", row.text("who"), " (", row.text("application"), ") is ",
                                  row.text("state"), ", its transaction is open for ", durationText(age_s));
        if (idle) text += concat(", it does nothing for ", durationText(row.number("state_s")));
        if (row.integer("xmin_age") > 0)
            text += concat("; it keeps rows from vacuum for ", countText(row.number("xmin_age")), " transactions");
        if (input.config.query_text_max > 0 && isSeen(row.text("query")))
            text += concat(": ", shortened(row.text("query"), input.config.query_text_max));
        judgement.add(
            {status, std::move(text),
             idle ? concat("select pg_catalog.pg_terminate_backend(", pid, "); against others like it: alter role ",
                           row.text("who"), " set idle_in_transaction_session_timeout = '60s'")
                  : concat("select pg_catalog.pg_cancel_backend(", pid, ")"),
             concat("pid ", pid)});
    }
    judgement.figures["oldest_s"] = rounded(oldest_s);
    judgement.summary =
        judgement.findings.empty()
            ? concat("no transaction is open for long, the oldest for ", durationText(oldest_s))
            : countText(static_cast<double>(judgement.findings.size()), "transaction is", "transactions are") +
                  " open for long";
    if (!input.server.monitor)
        judgement.reason = "transactions of other roles are not seen: grant pg_monitor to this role";
    return judgement;
}

constexpr Source kConnectionsSources[]{{0, &kConnectionsStatement}};
constexpr Source kTransactionsSources[]{{0, &kTransactionsStatement}};

}  // namespace

constexpr Check kConnections{.name = "connections", .sources = kConnectionsSources, .judge = &judgeConnections};
constexpr Check kTransactions{
    .name = "transactions", .sources = kTransactionsSources, .judge = &judgeTransactions, .values = &findingsMax};

}  // namespace howdah::health
