// Whether the server answers, who asks, and how long an answer takes. The latency is measured by the round; what is
// usual for this database is learned (baseline.hpp).
#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {

constexpr Statement kServerStatement{R"sql(
select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as version,
       pg_catalog.current_setting('server_version') as version_text,
       current_user as role, pg_catalog.current_database() as database,
       pg_catalog.pg_is_in_recovery() as standby,
       (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user) as superuser,
       pg_catalog.pg_has_role('pg_read_all_stats', 'usage') as monitor,
       coalesce(s.ssl, false) as tls, s.version as tls_version,
       extract(epoch from pg_catalog.now() - pg_catalog.pg_postmaster_start_time())::pg_catalog.float8 as up_s,
       (select extract(epoch from pg_catalog.now() - d.stats_reset)::pg_catalog.float8
        from pg_catalog.pg_stat_database d where d.datname = pg_catalog.current_database()) as stats_s
from (values (1)) one (row)
left join pg_catalog.pg_stat_ssl s on s.pid = pg_catalog.pg_backend_pid()
)sql"};

Server Server::of(const Table& rows) {
    const auto row = rows[0];
    Server server;
    server.version = static_cast<int>(row.integer("version"));
    server.version_text = row.text("version_text");
    server.role = row.text("role");
    server.database = row.text("database");
    server.standby = row.boolean("standby");
    server.superuser = row.boolean("superuser");
    server.monitor = row.boolean("monitor");
    server.tls = row.boolean("tls");
    server.tls_version = row.text("tls_version");
    server.up_s = row.number("up_s");
    server.stats_s = row.isNull("stats_s") ? -1 : row.number("stats_s");
    return server;
}

namespace {

// told: {"latency_ms", "median_ms"?, "usual_max_ms"?, "samples"}; usual_max_ms once enough was learned.
Judgement judge(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    const double latency_ms = input.told["latency_ms"].get<double>();
    Judgement judgement;
    judgement.figures["latency_ms"] = rounded(latency_ms);
    judgement.figures["up_s"] = rounded(input.server.up_s);
    judgement.summary = concat("PostgreSQL ", input.server.version_text, input.server.standby ? " (standby)" : "",
                               " answers in ", durationText(latency_ms / 1000));
    const bool learned = input.told.contains("usual_max_ms");
    if (learned) {
        judgement.figures["usual_ms"] = rounded(input.told["median_ms"].get<double>());
        judgement.figures["usual_max_ms"] = rounded(input.told["usual_max_ms"].get<double>());
    } else {
        judgement.figures["samples"] = input.told["samples"];
    }
    constexpr std::string_view kLook =
        "look at the load of the server and of the network to it: select wait_event_type, wait_event, "
        "pg_catalog.count(*) "
        "from pg_catalog.pg_stat_activity where state = 'active' group by 1, 2 order by 3 desc";
    if (latency_ms >= limits.latency_critical_ms) {
        judgement.add({Status::critical,
                       concat("an answer took ", durationText(latency_ms / 1000), ", the limit is ",
                              durationText(limits.latency_critical_ms / 1000)),
                       std::string(kLook),
                       {}});
    } else if (learned && latency_ms > input.told["usual_max_ms"].get<double>()) {
        judgement.add({Status::warning,
                       concat("an answer took ", durationText(latency_ms / 1000), ", usual here are ",
                              durationText(input.told["median_ms"].get<double>() / 1000), ", at most ",
                              durationText(input.told["usual_max_ms"].get<double>() / 1000)),
                       std::string(kLook),
                       {}});
    }
    return judgement;
}

}  // namespace

constexpr Check kReachability{.name = "reachability", .judge = &judge};

}  // namespace howdah::health
