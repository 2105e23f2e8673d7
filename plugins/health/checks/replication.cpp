// Standbys and how far behind they are, slots that keep WAL, and whether WAL is archived.
#include <algorithm>

#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

#define HOWDAH_LSN_NOW                                                                         \
    "case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn() else " \
    "pg_catalog.pg_current_wal_lsn() end"

constexpr Statement kReplicationStatement{
    "select 'standby' as kind, pg_catalog.concat(r.application_name, ' ' || r.client_addr::pg_catalog.text) as name, "
    "r.state, r.sync_state, "
    "extract(epoch from r.replay_lag)::pg_catalog.float8 as lag_s, "
    "pg_catalog.pg_wal_lsn_diff(" HOWDAH_LSN_NOW
    ", r.replay_lsn)::pg_catalog.float8 as lag_bytes "
    "from pg_catalog.pg_stat_replication r "
    "union all select 'self', '', "
    "case when w.streams or not w.ever then coalesce(w.status, 'not seen') else 'disconnected' end, null, "
    "case when w.streams and pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn() then 0 else "
    "extract(epoch from pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp()) end::pg_catalog.float8, "
    "pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), "
    "pg_catalog.pg_last_wal_replay_lsn())::pg_catalog.float8 "
    // A role that may not see the receiver sees that there is one. One that has never been reads WAL from an archive.
    "from (select r.status, r.pid is not null and coalesce(r.status, 'streaming') = 'streaming' as streams, "
    "pg_catalog.pg_last_wal_receive_lsn() is not null as ever "
    "from (values (1)) one (row) left join pg_catalog.pg_stat_wal_receiver r on true) w "
    "where pg_catalog.pg_is_in_recovery()"};

Judgement judgeReplication(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    Judgement judgement;
    std::size_t standbys = 0, hidden = 0;
    double worst_s = 0;
    for (const auto& row : input.rows.rows()) {
        const bool self = row.text("kind") == "self";
        const double lag_s = std::max(0.0, row.number("lag_s"));
        const std::string name = self ? std::string("this standby") : concat("standby ", row.text("name"));
        if (!self) ++standbys;
        if (!self && row.isNull("state")) {
            ++hidden;
            continue;
        }
        worst_s = std::max(worst_s, lag_s);
        Status status = band(lag_s, limits.replication_warning_s, limits.replication_critical_s);
        if (!self && row.text("state") != "streaming" && row.text("state") != "backup")
            status = worseOf(status, Status::notice);
        if (self && row.text("state") == "disconnected") {
            const std::string age =
                row.isNull("lag_s") ? std::string()
                                    : concat("; the last transaction it has replayed is ", durationText(lag_s), " old");
            judgement.add({worseOf(status, Status::warning), concat(name, " receives nothing from its primary", age),
                           "see whether the primary runs and lets it in (show primary_conninfo, as a superuser); the "
                           "standby's log says why it does not",
                           row.text("name")});
            continue;
        }
        if (status == Status::ok) continue;
        judgement.add({status,
                       concat(name, " is ", durationText(lag_s), " behind (",
                              bytesText(std::max(0.0, row.number("lag_bytes"))), "), state ", row.text("state")),
                       self ? "look for long queries and locks here: select pid, xact_start, query from "
                              "pg_catalog.pg_stat_activity "
                              "order by xact_start; and at primary_conninfo"
                            : "look at the standby's log, its disk and the network to it; pg_stat_replication says "
                              "what it has received",
                       row.text("name")});
    }
    judgement.figures["standbys"] = standbys;
    judgement.figures["worst_lag_s"] = rounded(worst_s);
    judgement.summary = input.rows.empty() ? std::string("no standby is connected")
                        : judgement.findings.empty()
                            ? concat(input.server.standby ? "this standby follows"
                                                          : countText(static_cast<double>(standbys), "standby follows",
                                                                      "standbys follow"),
                                     ", at most ", durationText(worst_s), " behind")
                            : std::string("replication lags");
    if (hidden > 0 || (!input.server.monitor && input.rows.empty()))
        judgement.reason = "how far standbys are is not seen: grant pg_monitor to this role";
    return judgement;
}

#define HOWDAH_SLOTS(active, inactive, reason)                                                                        \
    "select s.slot_name::pg_catalog.text as name, pg_catalog.quote_literal(s.slot_name::pg_catalog.text) as quoted, " \
    "s.slot_type, " active                                                                                            \
    " as active, "                                                                                                    \
    "s.wal_status, s.safe_wal_size::pg_catalog.float8 as safe_bytes, "                                                \
    "pg_catalog.pg_wal_lsn_diff(" HOWDAH_LSN_NOW ", s.restart_lsn)::pg_catalog.float8 as kept_bytes, " inactive       \
    " as inactive_s, " reason                                                                                         \
    " as invalid, s.temporary "                                                                                       \
    "from pg_catalog.pg_replication_slots s order by 4, 7 desc nulls last limit 100"

constexpr Statement kSlots13{HOWDAH_SLOTS("s.active", "null::pg_catalog.float8", "null::pg_catalog.text")};
// A slot that a standby copies from its primary is used by nobody there, and cannot be dropped there.
constexpr Statement kSlots17{HOWDAH_SLOTS(
    "(s.active or s.synced and pg_catalog.pg_is_in_recovery())",
    "extract(epoch from pg_catalog.clock_timestamp() - s.inactive_since)::pg_catalog.float8", "s.invalidation_reason")};
#undef HOWDAH_SLOTS

Judgement judgeSlots(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    Judgement judgement;
    double kept = 0;
    for (const auto& row : input.rows.rows()) {
        const double bytes = std::max(0.0, row.number("kept_bytes"));
        kept = std::max(kept, bytes);
        judgement.measures.push_back({concat("slot.", row.text("name")), bytes, limits.slot_critical_bytes,
                                      concat("WAL kept by slot ", row.text("name"))});
        const bool lost = row.text("wal_status") == "lost" || !row.isNull("invalid");
        Status status = band(bytes, limits.slot_warning_bytes, limits.slot_critical_bytes);
        if (lost || row.text("wal_status") == "unreserved") status = worseOf(status, Status::warning);
        const bool active = row.boolean("active");
        if (!active && !row.boolean("temporary")) {
            status = worseOf(status, Status::notice);
            if (row.number("inactive_s") >= limits.slot_inactive_warning_s) status = worseOf(status, Status::warning);
        }
        if (status == Status::ok) continue;
        std::string text = concat(row.text("slot_type"), " slot ", row.text("name"),
                                  lost     ? " has lost its WAL"
                                  : active ? " is behind"
                                           : " is used by nobody");
        if (row.number("inactive_s") > 0) text += concat(" for ", durationText(row.number("inactive_s")));
        if (!row.isNull("invalid")) text += concat(" (", row.text("invalid"), ")");
        if (!lost) text += concat(" and keeps ", bytesText(bytes), " of WAL");
        judgement.add(
            {status, std::move(text),
             active ? std::string("speed its consumer up, or bound it: alter system set max_slot_wal_keep_size = '...'")
                    : concat("if its consumer does not come back: select pg_catalog.pg_drop_replication_slot(",
                             row.text("quoted"), ")"),
             row.text("name")});
    }
    judgement.figures["slots"] = input.rows.size();
    judgement.figures["kept_bytes_max"] = rounded(kept);
    judgement.summary = input.rows.empty() ? std::string("there is no replication slot")
                                           : concat(countText(static_cast<double>(input.rows.size()), "slot", "slots"),
                                                    ", the most WAL kept is ", bytesText(kept));
    return judgement;
}

constexpr Statement kArchivingStatement{R"sql(
select pg_catalog.current_setting('archive_mode') as mode, a.archived_count, a.failed_count,
       a.last_failed_time > coalesce(a.last_archived_time, '-infinity') as failing, a.last_failed_wal as wal,
       extract(epoch from pg_catalog.now() - a.last_failed_time)::pg_catalog.float8 as failed_s
from pg_catalog.pg_stat_archiver a
)sql"};

Judgement judgeArchiving(const Input& input) {
    const auto row = input.rows[0];
    Judgement judgement;
    judgement.figures["archived"] = row.integer("archived_count");
    judgement.figures["failed"] = row.integer("failed_count");
    const bool on = row.text("mode") != "off";
    judgement.summary = on ? "WAL is archived" : "WAL archiving is off";
    if (on && row.boolean("failing")) {
        judgement.summary = "WAL archiving fails";
        judgement.add({Status::critical,
                       concat("archiving of ", row.text("wal"), " failed ", durationText(row.number("failed_s")),
                              " ago and nothing was archived since: WAL heaps up on the server's disk"),
                       "read the server's log; then show archive_command", row.text("wal")});
    }
    return judgement;
}

constexpr Source kReplicationSources[]{{0, &kReplicationStatement}};
constexpr Source kSlotsSources[]{{0, &kSlots13}, {17, &kSlots17}};
constexpr Source kArchivingSources[]{{0, &kArchivingStatement}};

}  // namespace

constexpr Check kReplication{.name = "replication", .sources = kReplicationSources, .judge = &judgeReplication};
constexpr Check kSlots{.name = "slots", .sources = kSlotsSources, .judge = &judgeSlots};
constexpr Check kArchiving{.name = "archiving", .sources = kArchivingSources, .judge = &judgeArchiving};

}  // namespace howdah::health
