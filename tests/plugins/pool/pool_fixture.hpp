// The real plugin under the fake host, talking to a throw-away PostgreSQL.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <howdah/abi/sql.h>
#include <howdah/rows.hpp>
#include <howdah/test/fake_host.hpp>
#include <howdah/value.hpp>

#include "throw_away_cluster.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace howdah::test {

using namespace std::chrono_literals;

inline ThrowAwayCluster& cluster() {
    static ThrowAwayCluster one;
    return one;
}

struct Ask {
    std::string_view sql;
    Values parameters = {};
    std::vector<std::pair<std::string, std::string>> settings = {};
    std::uint32_t facts = 0;  // HOWDAH_FACT_*, 0 = nothing is known of the text
    std::uint32_t access = HOWDAH_ACCESS_READ;
    std::uint64_t rows_max = 0;
    std::uint64_t bytes_max = 0;
    std::uint64_t timeout_ms = 0;
    std::uint64_t rows_skip = 0;
    std::string_view principal = "local";
    std::string_view tool = "query";
    std::uint32_t flags = 0;  // HOWDAH_RUN_*
    std::string_view cursor = {};
    std::string_view database = "main";
};

// Not at all, as a subquery, by a limit behind it.
constexpr std::uint32_t kWaysToBound[] = {0, HOWDAH_FACT_WRAPPABLE, HOWDAH_FACT_WRAPPABLE | HOWDAH_FACT_UNLIMITED};

struct Answer {
    howdah_status status = 0;
    Error error;
    std::vector<std::string> columns;
    std::vector<std::vector<std::optional<std::string>>> rows;
    std::size_t batches = 0;
    std::size_t largest_batch = 0;
    std::uint32_t truncated = 0;
    std::int64_t affected_rows = -1;
    std::string tag;
    std::string report;  // JSON

    std::string value() const {
        if (status < 0) return error.sqlstate + " " + error.message;
        return rows.empty() || rows[0].empty() ? "(nothing)" : rows[0][0].value_or("(null)");
    }
};

// The kernel's part of howdah.query/1 that a pool uses: whether a new connection may be used.
struct ConnectHook {
    inline static std::atomic<int> asked{0};
    inline static std::atomic<bool> deny{false};
    static howdah_status raise(howdah_ctx*, howdah_str) {
        ++asked;
        return deny ? HOWDAH_ERROR_REFUSED : HOWDAH_OK;
    }
    static const howdah_query_v1& table() {
        static const howdah_query_v1 made = [] {
            howdah_query_v1 query{};
            query.struct_size = sizeof query;
            query.connect_database = &raise;
            return query;
        }();
        return made;
    }
};

// Waits for what another thread or the server is about to do; false if it has not come within twenty seconds.
template <typename Condition>
bool comes(Condition&& condition) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

class PoolFixture {
public:
    explicit PoolFixture(const std::string& section = "{}", const std::string& dsn = cluster().dsn(),
                         const std::string& access = "read_write", const std::string& second_dsn = "") {
        host.shard_count = 2;
        host.workers_max = 32;
        auto databases = nlohmann::json::array({{{"name", "main"}, {"access", access}, {"dsn", dsn}}});
        if (!second_dsn.empty()) databases.push_back({{"name", "other"}, {"access", access}, {"dsn", second_dsn}});
        host.databases = databases.dump();
        host.interfaces[HOWDAH_QUERY_1] = &ConnectHook::table();
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        start_error = host.start(section);
        if (start_error.empty()) sql = host.plugin<howdah_sql_v1>(HOWDAH_SQL_1);
    }

    howdah_status open(FakeCall& call, const Ask& ask, std::uint64_t* cursor) {
        std::vector<howdah_setting> settings;
        for (const auto& [name, value] : ask.settings)
            settings.push_back({toAbi(name), toAbi(value)});
        howdah_facts facts{};
        facts.struct_size = sizeof facts;
        facts.kind = HOWDAH_STATEMENT_SELECT;
        facts.flags = ask.facts;
        facts.body_end = ask.sql.size();
        howdah_execution execution{};
        execution.struct_size = sizeof execution;
        execution.access = ask.access;
        execution.database = toAbi(ask.database);
        execution.sql = toAbi(ask.sql);
        execution.parameters = toAbi(ask.parameters);
        execution.parameter_count = ask.parameters.size();
        execution.settings = settings.data();
        execution.setting_count = settings.size();
        execution.facts = ask.facts ? &facts : nullptr;
        execution.flags = ask.flags;
        execution.cursor = toAbi(ask.cursor);
        execution.rows_max = ask.rows_max;
        execution.bytes_max = ask.bytes_max;
        execution.timeout_ms = ask.timeout_ms;
        execution.rows_skip = ask.rows_skip;
        howdah_principal principal{};
        principal.struct_size = sizeof principal;
        principal.subject = toAbi(ask.principal);
        execution.principal = &principal;
        execution.plugin = toAbi("query");
        execution.tool = toAbi(ask.tool);
        return sql->execute(host.self(), call.ctx(), &execution, cursor);
    }

    Answer run(const Ask& ask, std::chrono::milliseconds time = 30s, std::uint32_t shard = 0) {
        FakeCall call(host, time, shard);
        return run(call, ask);
    }

    Answer run(FakeCall& call, const Ask& ask) {
        Answer answer;
        std::uint64_t cursor = 0;
        answer.status = open(call, ask, &cursor);
        if (answer.status < 0) {
            answer.error = call.error();
            return answer;
        }
        const howdah_column* columns = nullptr;
        std::uint64_t count = 0;
        sql->columns(host.self(), call.ctx(), cursor, &columns, &count);
        for (std::uint64_t i = 0; i < count; ++i)
            answer.columns.emplace_back(fromAbi(columns[i].name));
        howdah_batch batch{};
        while ((answer.status = sql->next(host.self(), call.ctx(), cursor, &batch)) == 1) {
            ++answer.batches;
            answer.largest_batch = std::max<std::size_t>(answer.largest_batch, batch.size);
            BatchReader reader(batch, count);
            while (reader.next()) {
                auto& row = answer.rows.emplace_back();
                for (const Cell& cell : reader.cells()) {
                    row.push_back(cell.isNull() ? std::nullopt : std::optional(std::string(cell.text())));
                }
            }
        }
        if (answer.status < 0) {
            answer.error = call.error();
        } else {
            howdah_trailer trailer{};
            trailer.struct_size = sizeof trailer;
            if (sql->trailer(host.self(), call.ctx(), cursor, &trailer) < 0) {
                answer.status = HOWDAH_ERROR_INTERNAL;
                answer.error = call.error();
            }
            answer.truncated = trailer.truncated;
            answer.affected_rows = trailer.affected_rows;
            answer.tag = fromAbi(trailer.command_tag);
            howdah_str report{};
            if (sql->report(host.self(), call.ctx(), cursor, &report) == HOWDAH_OK) answer.report = fromAbi(report);
            CHECK(trailer.row_count == answer.rows.size());
        }
        sql->close(host.self(), call.ctx(), cursor);
        return answer;
    }

    // How the connections stand, without asking the server.
    nlohmann::json state() {
        FakeCall call(host);
        howdah_str json{};
        REQUIRE(sql->state(host.self(), call.ctx(), toAbi("main"), &json) == HOWDAH_OK);
        return nlohmann::json::parse(fromAbi(json));
    }
    bool logged(std::string_view part) {
        for (const std::string& line : host.logLines()) {
            if (line.find(part) != std::string::npos) return true;
        }
        return false;
    }

    nlohmann::json report() {
        FakeCall call(host);
        howdah_str json{};
        REQUIRE(host.plugin<howdah_report_v1>(HOWDAH_REPORT_1)->report(host.self(), call.ctx(), &json) == HOWDAH_OK);
        return nlohmann::json::parse(fromAbi(json));
    }

    FakeHost host;
    const howdah_sql_v1* sql = nullptr;
    std::string start_error;
};

}  // namespace howdah::test
