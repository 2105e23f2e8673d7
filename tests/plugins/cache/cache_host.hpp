// The plugin on a fake host: queries as the kernel hands them to hooks, and what the plugin replies.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <howdah/abi/hooks.h>
#include <howdah/abi/sql.h>

#include "plugins/query/tool_host.hpp"
#include "tests/plugins/cache/folder.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace howdah::cache::test {

// One query: `reads` and `writes` make those that a guard has judged.
struct FakeQuery : howdah_query {
    FakeQuery() : howdah_query{} {}
    FakeQuery(const FakeQuery&) = delete;
    FakeQuery& operator=(const FakeQuery&) = delete;

    std::string text;
    std::vector<std::uint32_t> relations;
    std::vector<howdah_value> values;
    howdah_facts judged{};
    howdah_principal who{sizeof(howdah_principal), 0, toAbi("local"), {}, {}, nullptr, 0};
    std::vector<std::string> replied;  // first cells of the rows
    howdah_trailer replied_with{};

    static std::unique_ptr<FakeQuery> reads(std::string sql, std::vector<std::uint32_t> relations,
                                            std::uint64_t scope = 7) {
        return make(std::move(sql), std::move(relations), scope, HOWDAH_ACCESS_READ,
                    HOWDAH_FACT_READ_ONLY | HOWDAH_FACT_CACHEABLE);
    }
    static std::unique_ptr<FakeQuery> writes(std::string sql, std::vector<std::uint32_t> relations) {
        return make(std::move(sql), std::move(relations), 7, HOWDAH_ACCESS_WRITE, HOWDAH_FACT_REACH_KNOWN);
    }
    void with(std::vector<howdah_value> parameters_given) {
        values = std::move(parameters_given);
        parameters = values.data();
        parameter_count = values.size();
    }

private:
    static std::unique_ptr<FakeQuery> make(std::string sql, std::vector<std::uint32_t> relations, std::uint64_t scope,
                                           std::uint32_t how, std::uint32_t flags) {
        auto query = std::make_unique<FakeQuery>();
        query->text = std::move(sql);
        query->relations = std::move(relations);
        query->struct_size = sizeof(howdah_query);
        query->access = how;
        query->provenance = HOWDAH_PROVENANCE_CLIENT;
        query->sql = toAbi(query->text);
        query->database = toAbi("main");
        query->scope_hash = scope;
        query->principal = &query->who;
        query->judged.struct_size = sizeof(howdah_facts);
        query->judged.kind = how == HOWDAH_ACCESS_READ ? HOWDAH_STATEMENT_SELECT : HOWDAH_STATEMENT_UPDATE;
        query->judged.flags = flags;
        query->judged.relations = query->relations.data();
        query->judged.relation_count = query->relations.size();
        query->judged.schema_version = 1;
        query->facts = &query->judged;
        return query;
    }
};
using FakeQueryPtr = std::unique_ptr<FakeQuery>;

inline howdah_value textValue(std::string_view text) {
    return Value(text).raw();
}

// Rows of one text column, as an executor gives them.
class FakeRows {
public:
    explicit FakeRows(const std::vector<std::string>& cells) {
        for (const std::string& cell : cells) {
            rows_.cell(cell);
            rows_.endRow();
        }
        batch_ = rows_.batch();
        result_.struct_size = sizeof result_;
        result_.columns = &column_;
        result_.column_count = 1;
        result_.batches = &batch_;
        result_.batch_count = 1;
        result_.trailer = {
            sizeof(howdah_trailer), 0, cells.size(), -1, 1'000'000, toAbi("SELECT 1"), HOWDAH_FROM_DATABASE, 0, 0, 0};
    }
    FakeRows(const FakeRows&) = delete;
    FakeRows& operator=(const FakeRows&) = delete;
    const howdah_result& result() const { return result_; }

private:
    BatchBuilder rows_;
    howdah_batch batch_{};
    howdah_column column_{toAbi("value"), 25, -1};
    howdah_result result_{};
};

class CacheHost : public howdah::test::ToolHost {
public:
    explicit CacheHost(const std::string& folder, std::uint32_t shards = 2) {
        table_ = *static_cast<const howdah_query_v1*>(interfaces.at(HOWDAH_QUERY_1));
        table_.reply = &reply;
        interfaces[HOWDAH_QUERY_1] = &table_;
        sql_.struct_size = sizeof sql_;
        services = {{HOWDAH_SQL_1, {&sql_, nullptr}}};
        databases = R"([{"name":"main","access":"read_write"},{"name":"same","access":"read_write"}])";
        state_folder = folder;
        shard_count = shards;
        database = [this](const howdah_query_request& request) { return asked(request); };
    }
    // Started, and the databases have told who they are, as they do at the first read.
    void begin(std::string_view section = "{}") {
        REQUIRE(load(&howdah_plugin_v1) == "");
        REQUIRE(start(section) == "");
        hooks_ = plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
        for (const char* name : {"main", "same"}) {
            auto first = FakeQuery::reads("select 1", {});
            first->database = toAbi(name);
            REQUIRE(before(*first) == HOWDAH_PROCEED);
            after(*first, {"1"});
            REQUIRE(stats()["databases"][name] != "unknown");
        }
    }
    template <typename Condition>
    static void until(Condition condition) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > limit) FAIL("it has not come true within 60 s");
            // What the plugin's own threads have done by now only its counts tell, and no event: they are looked at,
            // with a rest, which leaves the processor to those threads.
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    }

    // --- the hooks
    std::uint32_t before(FakeQuery& query, std::uint32_t shard = 0,
                         std::chrono::milliseconds time = std::chrono::seconds(60)) {
        howdah::test::FakeCall call(*this, time, shard);
        const std::uint32_t verdict = hooks_->before_query(self(), call.ctx(), &query);
        denied = call.error();
        return verdict;
    }
    void after(FakeQuery& query, const std::vector<std::string>& cells, std::uint32_t shard = 0) {
        const FakeRows rows(cells);
        afterResult(query, rows.result(), shard);
    }
    void afterResult(FakeQuery& query, const howdah_result& result, std::uint32_t shard = 0) {
        howdah::test::FakeCall call(*this, std::chrono::seconds(60), shard);
        CHECK(hooks_->after_query(self(), call.ctx(), &query, &result) == HOWDAH_PROCEED);
    }
    // What the hook says of a result without rows, to a call that has so much time left.
    std::uint32_t afterWithin(FakeQuery& query, std::chrono::milliseconds time) {
        const FakeRows rows({});
        howdah::test::FakeCall call(*this, time);
        const std::uint32_t verdict = hooks_->after_query(self(), call.ctx(), &query, &rows.result());
        denied = call.error();
        return verdict;
    }
    void failed(FakeQuery& query, const Error& error, std::uint32_t shard = 0) {
        howdah::test::FakeCall call(*this, std::chrono::seconds(60), shard);
        const howdah_error abi = toAbi(error);
        CHECK(hooks_->on_error(self(), call.ctx(), &query, &abi) == HOWDAH_PROCEED);
    }

    // A whole read: what it was given, and whether the database was asked.
    struct Given {
        std::vector<std::string> cells;
        bool asked = false;
    };
    Given read(FakeQueryPtr query, const std::string& in_database, std::uint32_t shard = 0) {
        const std::uint32_t verdict = before(*query, shard);
        if (verdict == HOWDAH_REPLY) return {query->replied, false};
        REQUIRE(verdict == HOWDAH_PROCEED);
        after(*query, {in_database}, shard);
        return {{in_database}, true};
    }
    bool isKept(FakeQueryPtr query, std::uint32_t shard = 0) { return !read(std::move(query), "looked", shard).asked; }
    void write(FakeQueryPtr query, std::uint32_t shard = 0) {
        REQUIRE(before(*query, shard) == HOWDAH_PROCEED);
        after(*query, {}, shard);
    }

    Json stats() {
        const auto answer = call("cache_stats", Json::object());
        REQUIRE(answer.status == HOWDAH_OK);
        return Json::parse(answer.text);
    }

    inline static thread_local Error denied;  // with the last verdict of this thread
    std::uint32_t relation = 41;              // what cache_invalidate is told a name stands for
    // Which tables have the triggers, as (root, members, triggers, name); asked for by tasks.
    using Told = std::vector<std::array<std::string, 4>>;
    void setCoverage(Told told) {
        const std::lock_guard lock(mutex_);
        coverage_ = std::move(told);
    }

private:
    Result<howdah::test::FakeResult> asked(const howdah_query_request& request) {
        howdah::test::FakeResult result;
        result.column("oid", 20);
        result.column("more", 25);
        if (fromAbi(request.sql).find("howdah_cache") != std::string_view::npos) {
            result.column("triggers", 25);
            result.column("name", 25);
            const std::lock_guard lock(mutex_);
            result.row({"0", "", "16384 1.5", ""});
            for (const auto& [root, members, triggers, name] : coverage_)
                result.row({root, members, triggers, name});
        } else if (fromAbi(request.sql).find("pg_postmaster_start_time") != std::string_view::npos) {
            result.row({"16384", "16384 shop reader 1700000000"});
        } else if (relation != 0) {
            const std::string oid = std::to_string(relation);
            result.row({oid, "f"});
        }
        return result;
    }
    static howdah_status reply(howdah_ctx*, howdah_query* query, const howdah_result* result) {
        auto& fake = *static_cast<FakeQuery*>(query);
        fake.replied.clear();
        fake.replied_with = result->trailer;
        for (std::uint64_t i = 0; i < result->batch_count; ++i) {
            BatchReader reader(result->batches[i], result->column_count);
            while (reader.next())
                fake.replied.emplace_back(reader.cells()[0].text());
        }
        return HOWDAH_OK;
    }

    std::mutex mutex_;
    Told coverage_;
    howdah_query_v1 table_{};
    howdah_sql_v1 sql_{};
    const howdah_hooks_v1* hooks_ = nullptr;
};

struct Stage {
    explicit Stage(std::string_view section = "{}") : host(folder.path()) { host.begin(section); }
    ~Stage() { host.stop(); }
    // Until a call waits for what another one reads.
    void untilWaiting() {
        CacheHost::until([&] { return host.stats()["waiting"] == 1; });
    }
    Folder folder;
    CacheHost host;
};

inline FakeQueryPtr readOf(std::uint32_t relation, std::string sql = "select name from t") {
    return FakeQuery::reads(std::move(sql), {relation});
}

}  // namespace howdah::cache::test
