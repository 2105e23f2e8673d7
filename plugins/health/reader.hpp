// Reads what a check needs and has it judged. Whatever goes wrong while reading becomes a check that is skipped, with
// the reason; so one that cannot be answered never hides the others.
//
// Threads: any; each call on the fiber or thread of its context. Waits.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <howdah/abi/sql.h>
#include <howdah/jobs.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/history.hpp"
#include "plugins/health/table.hpp"

namespace howdah::health {

extern const Statement kPingStatement;

// One check of one round, judged.
struct Outcome {
    const Check* check = nullptr;
    Judgement judgement;
    double took_ms = 0;
};

class Reader {
public:
    struct Pool {
        const howdah_sql_v1* table = nullptr;
        void* self = nullptr;
    };
    Reader(const Host& host, const Config& config, Jobs& jobs, Pool pool)
        : host_(host), config_(config), jobs_(jobs), pool_(pool) {}

    // One of the plugin's own statements; ends at check_timeout_ms.
    Result<Table> ask(const Context& context, std::string_view database, const Statement& statement,
                      const std::vector<std::int64_t>& values = {}) const;
    // How long the server takes to answer nothing at all.
    Result<double> pingMs(const Context& context, std::string_view database) const;

    // Reads and judges; `before` is what was remembered when the round began.
    Outcome run(const Context& context, const std::string& database, const Check& check, const Server& server,
                const History& before) const;
    // The same for the first check of a round, whose figures the round has.
    Outcome judgeReachability(const Server& server, const History& before, double latency_ms) const;

    // How the connections to a database stand; an empty object where it cannot be told.
    nlohmann::json poolState(const Context& context, const std::string& database) const;
    nlohmann::json describe(const Context& context) const;  // version, generation, plugins

    const Host& host() const { return host_; }
    const Config& config() const { return config_; }
    Jobs& jobs() const { return jobs_; }
    double msSince(std::uint64_t began_ns) const { return static_cast<double>(host_.nowNs() - began_ns) / 1e6; }
    static double now_s() {
        return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    }

private:
    nlohmann::json network(const Context& context, const std::string& database) const;
    Judgement judged(const Check& check, const Server& server, const History& before, const Table& rows,
                     const nlohmann::json& told) const;

    const Host& host_;
    const Config& config_;
    Jobs& jobs_;
    const Pool pool_;
};

// Why a check could not be made, in words for its `reason`.
std::string reasonOf(const Error& error, const Server& server, std::chrono::milliseconds limit);

}  // namespace howdah::health
