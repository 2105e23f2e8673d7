// What the server does with its memory and its disk, as far as SQL can tell: hits, checkpoints, spills, sizes.
#include <algorithm>

#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

constexpr Statement kCacheStatement{R"sql(
select d.blks_hit::pg_catalog.float8 as hit, d.blks_read::pg_catalog.float8 as read,
       pg_catalog.current_setting('shared_buffers') as shared_buffers
from pg_catalog.pg_stat_database d where d.datname = pg_catalog.current_database()
)sql"};

// Since the round before; since the statistics began as long as there is none. The system's own cache is not seen.
Judgement judgeCache(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    const auto row = input.rows[0];
    Judgement judgement;
    judgement.counters = {{"hit", row.number("hit")}, {"read", row.number("read")}};
    const auto hit = input.grown("hit", row.number("hit"));
    const auto read = input.grown("read", row.number("read"));
    const bool recent = hit && read && *hit + *read >= limits.cache_blocks_min;
    const double hits = recent ? *hit : row.number("hit");
    const double all = hits + (recent ? *read : row.number("read"));
    const double share = all > 0 ? percent(hits, all) : 100;
    judgement.figures["hit_percent"] = rounded(share);
    judgement.figures["blocks"] = rounded(all);
    const std::string since =
        recent ? concat("in the last ", durationText(input.before_s)) : std::string("since the statistics began");
    judgement.summary = concat(percentText(share), " of ", countText(all), " blocks came from the cache ", since);
    if (all >= limits.cache_blocks_min && share < limits.cache_warning_percent) {
        judgement.add({recent ? Status::warning : Status::notice,
                       concat("only ", percentText(share), " of the blocks came from the cache ", since,
                              " (shared_buffers is ", row.text("shared_buffers"), ")"),
                       "find what reads most: select relname, heap_blks_read, idx_blks_read from "
                       "pg_catalog.pg_statio_user_tables "
                       "order by 2 desc limit 10; then an index, or alter system set shared_buffers (restart)",
                       {}});
    }
    return judgement;
}

constexpr Statement kCheckpoints13{R"sql(
select b.checkpoints_timed::pg_catalog.float8 as timed, b.checkpoints_req::pg_catalog.float8 as requested,
       pg_catalog.current_setting('max_wal_size') as max_wal_size, pg_catalog.current_setting('checkpoint_timeout') as timeout
from pg_catalog.pg_stat_bgwriter b
)sql"};
constexpr Statement kCheckpoints17{R"sql(
select c.num_timed::pg_catalog.float8 as timed, c.num_requested::pg_catalog.float8 as requested,
       pg_catalog.current_setting('max_wal_size') as max_wal_size, pg_catalog.current_setting('checkpoint_timeout') as timeout
from pg_catalog.pg_stat_checkpointer c
)sql"};

Judgement judgeCheckpoints(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    const auto row = input.rows[0];
    Judgement judgement;
    const double timed = row.number("timed"), requested = row.number("requested");
    judgement.counters = {{"timed", timed}, {"requested", requested}};
    const double share = percent(requested, timed + requested);
    judgement.figures["timed"] = timed;
    judgement.figures["requested"] = requested;
    judgement.summary = concat(countText(requested), " of ", countText(timed + requested),
                               " checkpoints were requested before their time");
    const auto more = input.grown("requested", requested);
    // Long ago is no reason: once there is a round before, something must have come since.
    const bool recent = !more || *more > 0;
    if (recent && timed + requested >= limits.checkpoints_min && share >= limits.checkpoint_requested_percent) {
        judgement.add(
            {Status::warning,
             concat(percentText(share), " of the checkpoints came because max_wal_size (", row.text("max_wal_size"),
                    ") was full, not after checkpoint_timeout (", row.text("timeout"),
                    "): pages are written more often than needed"),
             "alter system set max_wal_size = '...' (two or four times as much); select pg_catalog.pg_reload_conf()",
             {}});
    }
    return judgement;
}

constexpr Statement kMemoryStatement{R"sql(
select pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers'))::pg_catalog.float8 as shared,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem'))::pg_catalog.float8
           * pg_catalog.current_setting('hash_mem_multiplier')::pg_catalog.float8 as work,
       pg_catalog.current_setting('work_mem') as work_mem,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem'))::pg_catalog.float8
           * pg_catalog.current_setting('autovacuum_max_workers')::pg_catalog.float8 as maintenance,
       pg_catalog.current_setting('max_connections')::pg_catalog.float8 as connections,
       d.temp_bytes::pg_catalog.float8 as temp_bytes, d.temp_files::pg_catalog.float8 as temp_files
from pg_catalog.pg_stat_database d where d.datname = pg_catalog.current_database()
)sql"};

Judgement judgeMemory(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    const auto row = input.rows[0];
    Judgement judgement;
    const double temp_bytes = row.number("temp_bytes");
    judgement.counters = {{"temp_bytes", temp_bytes}};
    const double most =
        row.number("shared") + row.number("connections") * row.number("work") + row.number("maintenance");
    judgement.figures["shared_bytes"] = row.number("shared");
    judgement.figures["most_bytes"] = rounded(most);
    judgement.figures["temp_bytes"] = rounded(temp_bytes);
    judgement.summary = concat("shared memory ", bytesText(row.number("shared")), ", up to ", bytesText(most),
                               " when every connection sorts or hashes once");
    if (limits.memory_bytes <= 0) {
        judgement.reason =
            "the memory of the machine cannot be asked by SQL: set health.thresholds.memory_bytes to have it judged";
    } else if (percent(most, limits.memory_bytes) >= limits.memory_warning_percent) {
        judgement.add(
            {Status::warning,
             concat("the settings allow ", bytesText(most), ", ", percentText(percent(most, limits.memory_bytes)),
                    " of the server's ", bytesText(limits.memory_bytes)),
             "alter system set work_mem = '...' or max_connections = ... lower; a pooler in front",
             {}});
    }
    const auto spilled = input.grown("temp_bytes", temp_bytes);
    if (spilled && input.before_s > 0) {
        const double per_hour = *spilled * 3600 / input.before_s;
        judgement.figures["temp_bytes_per_hour"] = rounded(per_hour);
        if (*spilled > 0 && per_hour >= limits.temp_warning_bytes_per_hour) {
            judgement.add(
                {Status::warning,
                 concat("queries wrote ", bytesText(*spilled), " of temporary files in the last ",
                        durationText(input.before_s), ": work_mem (", row.text("work_mem"), ") is too small for them"),
                 "find them: alter system set log_temp_files = '10MB'; then an index, or set work_mem for that role",
                 {}});
        }
    }
    return judgement;
}

constexpr Statement kDiskStatement{R"sql(
select pg_catalog.pg_database_size(pg_catalog.current_database())::pg_catalog.float8 as bytes,
       case when not pg_catalog.pg_is_in_recovery()
            then pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::pg_catalog.float8 end as wal
)sql"};

Judgement judgeDisk(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    const auto row = input.rows[0];
    Judgement judgement;
    const double bytes = row.number("bytes");
    judgement.figures["database_bytes"] = bytes;
    judgement.summary = concat("the database takes ", bytesText(bytes));
    if (!row.isNull("wal")) {
        judgement.counters = {{"wal", row.number("wal")}};
        if (const auto written = input.grown("wal", row.number("wal")); written && input.before_s > 0)
            judgement.figures["wal_bytes_per_s"] = rounded(*written / input.before_s);
    }
    judgement.measures.push_back({"disk", bytes, limits.disk_bytes, "bytes of the database"});
    if (limits.disk_bytes <= 0) {
        judgement.reason =
            "the room on the disk cannot be asked by SQL: set health.thresholds.disk_bytes to have it judged";
        return judgement;
    }
    const double share = percent(bytes, limits.disk_bytes);
    judgement.figures["used_percent"] = rounded(share);
    const Status status = band(share, limits.disk_warning_percent, limits.disk_critical_percent);
    if (status != Status::ok) {
        judgement.add(
            {status,
             concat("the database takes ", bytesText(bytes), ", ", percentText(share), " of the ",
                    bytesText(limits.disk_bytes), " it may"),
             "see what is large: select relname, pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size(relid)) "
             "from pg_catalog.pg_stat_user_tables order by pg_catalog.pg_total_relation_size(relid) desc limit 10",
             {}});
    }
    return judgement;
}

constexpr Source kCacheSources[]{{0, &kCacheStatement}};
constexpr Source kCheckpointsSources[]{{0, &kCheckpoints13}, {17, &kCheckpoints17}};
constexpr Source kMemorySources[]{{0, &kMemoryStatement}};
constexpr Source kDiskSources[]{{0, &kDiskStatement}};

}  // namespace

constexpr Check kCache{.name = "cache", .sources = kCacheSources, .judge = &judgeCache};
constexpr Check kCheckpoints{.name = "checkpoints", .sources = kCheckpointsSources, .judge = &judgeCheckpoints};
constexpr Check kMemory{.name = "memory", .sources = kMemorySources, .judge = &judgeMemory};
constexpr Check kDisk{.name = "disk", .sources = kDiskSources, .judge = &judgeDisk};

}  // namespace howdah::health
