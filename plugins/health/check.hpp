// A check: what is asked, of which servers, and how the answer is judged. Judging is a pure function of what was read.
//
// Threads: constants.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/statement.hpp>

#include "plugins/health/config.hpp"
#include "plugins/health/finding.hpp"
#include "plugins/health/table.hpp"

namespace howdah::health {

// What the first statement of a round tells of the server and of the role that asks.
struct Server {
    int version = 0;  // as in 150008
    std::string version_text;
    std::string role;
    std::string database;  // as the server calls it
    bool standby = false;
    bool superuser = false;
    bool monitor = false;  // sees what other roles do: pg_read_all_stats, of pg_monitor
    bool tls = false;
    std::string tls_version;
    double up_s = 0;      // since the server started
    double stats_s = -1;  // since the statistics of this database were reset; -1 = never, or not known
    int major() const { return version / 10000; }

    static Server of(const Table& rows);
};

struct Input {
    const Table& rows;           // of the statement
    const nlohmann::json& told;  // instead, where no statement is asked
    const Server& server;
    const Config& config;
    const Counters* before = nullptr;  // of the round before, if there was one
    double before_s = 0;               // how long ago that was
    double now_s = 0;                  // seconds since 1970

    // How much a counter has grown since the round before; nothing when it was reset in between.
    std::optional<double> grown(const std::string& counter, double now) const;
};

// Where what is judged comes from.
enum class Origin : std::uint8_t { statement, pool, plugins, network };

// The text for servers from that major version on, to the next source.
struct Source {
    int major_min;
    const Statement* statement;
};

struct Check {
    std::string_view name;
    Origin origin = Origin::statement;
    std::span<const Source> sources = {};
    Judgement (*judge)(const Input& input) = nullptr;
    // Values for $1, $2, ... of the statement: thresholds below which rows are not worth sending.
    std::vector<std::int64_t> (*values)(const Config& config) = nullptr;

    const Statement* statementFor(int major) const;
};

// For a statement with no other parameter than how many entries it gives at most.
inline std::vector<std::int64_t> findingsMax(const Config& config) {
    return {config.findings_max};
}

extern const Statement kServerStatement;  // one row; also the probe of reachability

// All of them, in the order they are told.
std::span<const Check* const> allChecks();
const Check* findCheck(std::string_view name);

// The checks that a round begins with or that need no statement.
extern const Check kReachability;
extern const Check kPool, kPlugins, kNetwork;
extern const Check kConnections, kTransactions, kLocks;
extern const Check kReplication, kSlots, kArchiving;
extern const Check kWraparound, kVacuum, kTableBloat, kIndexBloat;
extern const Check kInvalidIndexes, kUnusedIndexes, kDuplicateIndexes;
extern const Check kSequences, kCache, kCheckpoints, kMemory, kDisk;
extern const Check kExtensions, kPermissions;

}  // namespace howdah::health
