// Which database a name of the configuration stands for. Two names may stand for one, and a write through the one makes
// answers of the other out of date; so nothing is remembered of a database before it has told its oid.
//
// Threads: any; the names do not change after start().
// Owns:    what each has told.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/host.hpp>
#include <howdah/statement.hpp>

namespace howdah::cache {

// Its life, too: what lies on disk is of this database as long as the server has not been started anew.
inline constexpr Statement kIdentityStatement{R"sql(
select d.oid::pg_catalog.int8, pg_catalog.concat_ws(' ', d.oid, d.datname, session_user,
         pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()))
from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())sql"};

class Database {
public:
    Database(std::string name, bool off) : name_(std::move(name)), off_(off) {}

    const std::string& name() const { return name_; }
    bool isOff() const { return off_; }
    std::uint32_t oid() const { return oid_.load(std::memory_order_acquire); }  // 0: not known yet
    std::string identity() const;
    // A definition was changed through this server a moment ago: what the guard says of a write may be from before.
    bool isNewlyDefined(std::uint64_t now_ns) const { return now_ns < defined_until_ns_.load(); }
    void noteDefinition(std::uint64_t now_ns);
    // The same through another instance: neither what the guard here says of writes nor of reads is to be relied on
    // before it has looked at the catalog again.
    bool isDefinedElsewhere(std::uint64_t now_ns) const { return now_ns < foreign_until_ns_.load(); }
    void noteForeignDefinition(std::uint64_t now_ns);

    // Inside a hook, whose request runs through the same plugins as this instance: a task might still be served by
    // those that a reload replaces, and another database. Waits; one call asks, the others do not wait for it.
    void ask(const Context& context);

private:
    bool tryToAsk(const Context& context);

    const std::string name_;
    const bool off_;
    std::atomic<bool> asking_{false};
    std::atomic<std::uint64_t> next_ns_{0};
    std::atomic<std::uint32_t> oid_{0};
    std::atomic<std::uint64_t> defined_until_ns_{0}, foreign_until_ns_{0};
    mutable std::mutex mutex_;
    std::string identity_;
};

class Databases {
public:
    Databases(const std::vector<std::string>& names, const std::vector<std::string>& off);

    // Null for one that is not configured.
    Database* find(std::string_view name) const;
    // Under every name that database has, or may have.
    void noteDefinition(std::uint32_t oid, std::uint64_t now_ns);
    void noteForeignDefinition(std::uint32_t oid, std::uint64_t now_ns);
    const std::vector<std::unique_ptr<Database>>& all() const { return databases_; }

private:
    std::vector<std::unique_ptr<Database>> databases_;
};

}  // namespace howdah::cache
