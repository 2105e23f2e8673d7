// Writes that go past this server, as triggers tell them by NOTIFY.
//
// For each database that is named, a task listens on a connection of its own and moves the epochs of the tables it is
// told of. Silence means something only while it is known that nothing is on its way: so the task asks, every half of
// bound_ms, for a notice of its own to come back behind all others, and looks which tables have the triggers. From the
// moment before that it is good for bound_ms. Answers that stand on covered tables alone live for notify.ttl_ms in
// place of ttl_ms, but are given out only while it is good; when the connection or a trigger goes, they go.
//
// Threads: cover() any shard; the tasks one each.
// Owns:    what it knows of each database, as long as any answer points there: the plugin drops its answers first.
// Errors:  none that a caller hears: the log has each once, `cache_stats` and `howdah doctor` have the last.
// Source:  PostgreSQL manual, NOTIFY, CREATE TRIGGER, pg_trigger (tgtype), pg_inherits.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <howdah/jobs.hpp>
#include <howdah/listen.hpp>
#include <howdah/statement.hpp>

#include "plugins/cache/config.hpp"
#include "plugins/cache/ledger.hpp"

namespace howdah::cache {

// One row for the server, then one for each tree of tables (or lone table) all of whose members tell: its root, its
// members, what its triggers are, its name. A trigger that is not ENABLE ALWAYS is silent for replication and for
// pg_restore; where a table has two parents, or comes from a subscription, which fires no statement triggers, nothing
// is promised.
inline constexpr Statement kCoverageStatement{R"sql(
with recursive told as (
  select t.tgrelid, t.oid, t.xmin from pg_catalog.pg_trigger t
  join pg_catalog.pg_proc p on p.oid = t.tgfoid join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname = 'howdah_cache' and p.proname = 'tell' and t.tgenabled = 'A' and t.tgtype = 60
    and t.tgqual is null and t.tgattr::pg_catalog.text = '' and not t.tgisinternal),
up(root) as (
  select tgrelid from told
  union select i.inhparent from up join pg_catalog.pg_inherits i on i.inhrelid = up.root),
tree(root, member) as (
  select root, root from up where not exists (select from pg_catalog.pg_inherits i where i.inhrelid = up.root)
  union select tree.root, i.inhrelid from tree join pg_catalog.pg_inherits i on i.inhparent = tree.member)
select 0::pg_catalog.int8, '', pg_catalog.concat_ws(' ', d.oid,
         pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())), ''
from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()
union all
(select tree.root::pg_catalog.int8, pg_catalog.string_agg(tree.member::pg_catalog.text, ' '),
   pg_catalog.string_agg(pg_catalog.concat(told.oid, ':', told.xmin), ' ' order by told.oid),
   (select pg_catalog.format('%I.%I', n.nspname, r.relname) from pg_catalog.pg_class r
    join pg_catalog.pg_namespace n on n.oid = r.relnamespace where r.oid = tree.root)
 from tree join pg_catalog.pg_class c on c.oid = tree.member left join told on told.tgrelid = tree.member
 group by tree.root
 having pg_catalog.bool_and(told.oid is not null and c.relkind in ('r', 'p')
   and not exists (select from pg_catalog.pg_subscription_rel s where s.srrelid = tree.member)
   and (select pg_catalog.count(*) from pg_catalog.pg_inherits i where i.inhrelid = tree.member) <= 1)
 order by 1))sql"};

class Notices {
public:
    Notices(const Host& host, Jobs& jobs, const Config& config, Ledger& ledger, Listener::Service service);

    // In start(): spawns the tasks. unavailable where one cannot be had.
    Result<void> begin();

    // Of an answer, as long as it is kept: until when what is known of writes is good (bootNs). Null where a relation
    // is not covered. The footing goes with it, and must have been noted before.
    using Good = std::atomic<std::uint64_t>;
    const Good* cover(std::string_view database, const std::uint32_t* relations, std::size_t count) const;
    bool listensTo(std::string_view database) const { return watchOf(database) != nullptr; }

    struct Figures {
        std::string database;
        std::string state;                // connecting, listening, failing
        std::vector<std::string> tables;  // covered; of a partitioned one its root
        std::uint64_t told = 0, lost = 0;
        std::string trouble;  // the last
    };
    std::vector<Figures> figures() const;

private:
    // What tells, as one look found it; immutable.
    struct Coverage {
        std::string server;
        std::uint32_t oid = 0;
        std::vector<std::uint32_t> roots;                          // ascending
        std::unordered_map<std::uint32_t, std::uint32_t> root_of;  // of each member
        std::vector<std::string> names;                            // of the roots
        std::string triggers;                                      // differs when one was made anew
    };
    using CoveragePtr = std::shared_ptr<const Coverage>;
    struct Watch {
        explicit Watch(std::string its_name) : name(std::move(its_name)) {}
        const std::string name;
        Good good_until_ns{0};
        std::atomic<std::uint64_t> told{0}, lost{0};
        mutable std::mutex mutex;
        CoveragePtr coverage;  // null: nothing is known
        std::string trouble;
    };

    const Watch* watchOf(std::string_view database) const;
    void keepListening(const Context& context, Watch& watch);
    Result<void> listen(const Context& context, Watch& watch);
    Result<void> prove(const Context& context, Watch& watch, Listener& listener);
    Result<CoveragePtr> look(const Context& context, const Watch& watch) const;
    void publish(Watch& watch, CoveragePtr coverage);
    void lose(Watch& watch, const Error& error);
    void apply(Watch& watch, const Coverage& coverage, std::string_view payload);

    const Host& host_;
    Jobs& jobs_;
    const Config& config_;
    Ledger& ledger_;
    const Listener::Service service_;
    std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace howdah::cache
