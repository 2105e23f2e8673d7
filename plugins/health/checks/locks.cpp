// Who blocks whom: those at the root, who wait for nobody themselves, are what to act on.
#include <algorithm>
#include <map>
#include <set>

#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

// One row for each pair of a waiting session and one that blocks it. $1 waiting sessions at most.
#define HOWDAH_LOCKS(since)                                                                                            \
    "with waiting as materialized ("                                                                                   \
    "select l.pid, pg_catalog.min(" since                                                                              \
    ") as since, pg_catalog.min(l.mode) as mode, pg_catalog.min(l.relation) as relation, "                             \
    "pg_catalog.min(l.database) as database "                                                                          \
    "from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity s on s.pid = l.pid "                             \
    "where not l.granted group by l.pid order by 2 limit $1::pg_catalog.int8) "                                        \
    "select w.pid as waiting, extract(epoch from pg_catalog.clock_timestamp() - w.since)::pg_catalog.float8 as "       \
    "waiting_s, w.mode, "                                                                                              \
    "pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', "                                      \
    "pg_catalog.quote_ident(c.relname::pg_catalog.text)) as relation, "                                                \
    "a.usename::pg_catalog.text as waiting_who, a.query as waiting_query, "                                            \
    "b.pid as blocker, x.usename::pg_catalog.text as blocker_who, x.application_name as blocker_application, "         \
    "x.state as blocker_state, extract(epoch from pg_catalog.clock_timestamp() - x.xact_start)::pg_catalog.float8 as " \
    "blocker_s, "                                                                                                      \
    "x.query as blocker_query "                                                                                        \
    "from waiting w cross join lateral pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) b (pid) "                 \
    "left join pg_catalog.pg_stat_activity a on a.pid = w.pid left join pg_catalog.pg_stat_activity x on x.pid = "     \
    "b.pid "                                                                                                           \
    "left join pg_catalog.pg_class c on c.oid = w.relation and w.database = "                                          \
    "(select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()) "                    \
    "left join pg_catalog.pg_namespace n on n.oid = c.relnamespace"

constexpr Statement kLocks13{HOWDAH_LOCKS("s.query_start")};
constexpr Statement kLocks14{HOWDAH_LOCKS("coalesce(l.waitstart, s.query_start)")};
#undef HOWDAH_LOCKS

std::vector<std::int64_t> entries(const Config&) {
    return {200};
}

struct Blocker {
    std::set<std::string> waiting;
    double longest_s = 0;
    std::string first;  // who waits the longest, for what
    std::string who, application, state, query;
    double since_s = 0;
};

std::string waiterText(const Table::Row& row, std::size_t query_max) {
    std::string text = concat("pid ", row.text("waiting"));
    if (!row.isNull("waiting_who")) text += concat(" of ", row.text("waiting_who"));
    text += concat(" for ", row.text("mode"));
    if (row.text("relation").size() > 1) text += concat(" on ", row.text("relation"));
    if (query_max > 0 && isSeen(row.text("waiting_query")))
        text += concat(": ", shortened(row.text("waiting_query"), query_max));
    return text;
}

Judgement judge(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    std::set<std::string> waiting;
    for (const auto& row : input.rows.rows())
        waiting.insert(row.text("waiting"));
    std::map<std::string, Blocker> roots;
    double longest_s = 0;
    for (const auto& row : input.rows.rows()) {
        const double waited_s = std::max(0.0, row.number("waiting_s"));
        longest_s = std::max(longest_s, waited_s);
        if (waiting.contains(row.text("blocker"))) continue;  // waits itself: not the one to act on
        Blocker& root = roots[row.text("blocker")];
        root.waiting.insert(row.text("waiting"));
        if (root.first.empty() || waited_s > root.longest_s) root.first = waiterText(row, input.config.query_text_max);
        root.longest_s = std::max(root.longest_s, waited_s);
        root.who = row.text("blocker_who");
        root.application = row.text("blocker_application");
        root.state = row.text("blocker_state");
        root.query = row.text("blocker_query");
        root.since_s = row.number("blocker_s");
    }
    Judgement judgement;
    for (const auto& [pid, root] : roots) {
        const Status status =
            worseOf(Status::notice, band(root.longest_s, limits.lock_warning_s, limits.lock_critical_s));
        std::string text;
        if (pid == "0") {  // what pg_blocking_pids says of a prepared transaction
            text = "a prepared transaction";
        } else {
            text = concat("pid ", pid);
            if (!root.who.empty()) text += concat(" of ", root.who);
            if (!root.application.empty()) text += concat(" (", root.application, ")");
            if (!root.state.empty())
                text += concat(", ", root.state, ", transaction open for ", durationText(root.since_s), ",");
        }
        text += concat(" blocks ", countText(static_cast<double>(root.waiting.size()), "session", "sessions"),
                       ", the longest for ", durationText(root.longest_s), ": ", root.first);
        if (input.config.query_text_max > 0 && isSeen(root.query))
            text += concat("; the blocker's last statement: ", shortened(root.query, input.config.query_text_max));
        std::string suggestion = concat("select pg_catalog.pg_cancel_backend(", pid, ")");
        if (root.state.starts_with("idle in transaction"))
            suggestion = concat("select pg_catalog.pg_terminate_backend(", pid, ")");
        if (pid == "0")
            suggestion = "select gid, owner, prepared from pg_catalog.pg_prepared_xacts; rollback prepared '<gid>'";
        judgement.add({status, std::move(text), std::move(suggestion), pid == "0" ? "" : concat("pid ", pid)});
    }
    judgement.figures["waiting"] = waiting.size();
    judgement.figures["longest_s"] = rounded(longest_s);
    judgement.summary = waiting.empty()
                            ? std::string("nobody waits for a lock")
                            : concat(countText(static_cast<double>(waiting.size()), "session waits", "sessions wait"),
                                     " for a lock, the longest for ", durationText(longest_s));
    if (!waiting.empty() && !input.server.monitor)
        judgement.reason = "what sessions of other roles do is not seen: grant pg_monitor to this role";
    return judgement;
}

constexpr Source kSources[]{{0, &kLocks13}, {14, &kLocks14}};

}  // namespace

constexpr Check kLocks{.name = "locks", .sources = kSources, .judge = &judge, .values = &entries};

}  // namespace howdah::health
