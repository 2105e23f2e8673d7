// The plugin over a fake host whose database a test plays, with the pool's sessions and HypoPG behind them.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <howdah/abi/session.h>

#include "plugins/query/tool_host.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace howdah::optimizer::test {

using namespace howdah::test;

inline constexpr std::uint32_t kText = 25;

inline FakeResult textOf(std::string_view text) {
    FakeResult result;
    result.column("QUERY PLAN", kText);
    result.row({text});
    return result;
}
inline FakeResult nothing() {
    FakeResult result;
    result.column("x", kText);
    return result;
}

inline constexpr std::string_view kPlan =
    R"j([{"Plan":{"Node Type":"Seq Scan","Relation Name":"orders","Schema":"shop","Alias":"orders",
    "Total Cost":2000,"Plan Rows":5,"Filter":"(orders.customer = 7)",
    "Output" : ["orders.id"]
}
}])j";

// What a GIN index is of use to, beside what a B-tree is.
inline constexpr std::string_view kTags = R"j((orders.tags @> '{\"kind\": 5}'::jsonb))j";
inline constexpr std::string_view kCustomerAndTags =
    R"j(((orders.customer = 7) AND (orders.tags @> '{\"kind\": 5}'::jsonb)))j";

// A dozen expressions, each of which suggests an index.
inline std::string manyConditions() {
    std::string filter;
    for (int n = 1; n <= 12; ++n)
        filter += concat(n == 1 ? "(" : " AND ", "((orders.id + ", n, ") = 5)");
    std::string plan(kPlan);
    const std::string_view usual = "(orders.customer = 7)";
    return plan.replace(plan.find(usual), usual.size(), filter + ")");
}

// The pool's sessions, and HypoPG behind them.
struct Sessions {
    inline static int opened = 0, closed = 0;
    inline static howdah_status opens = HOWDAH_OK;
    inline static std::size_t supposed = 0;  // indexes there are for the next statement
    inline static std::string definitions;   // of those

    static const howdah_session_v1& table() {
        static constexpr howdah_session_v1 kTable{
            sizeof kTable, 0,
            [](void*, howdah_ctx*, howdah_str, const howdah_principal*, howdah_str* name) {
                ++opened;
                *name = toAbi("session-1");
                return opens;
            },
            [](void*, howdah_str, howdah_str definitions) {
                Sessions::definitions = fromAbi(definitions);
                supposed = Json::parse(Sessions::definitions).size();
                return howdah_status{HOWDAH_OK};
            },
            [](void*, howdah_str) { ++closed; }};
        return kTable;
    }
    static std::string report() {
        Json list = Json::array();
        for (std::size_t i = 0; i < supposed; ++i)
            list.push_back({{"name", "<" + std::to_string(i) + ">"}, {"bytes", 8192}});
        return Json{{"supposed", list}}.dump();
    }
};

// A clock that runs fast, and waits that end at once: each piece of reckoning is a long one then. What waits for work
// on another thread has no end of its own and really waits.
struct Rests {
    inline static howdah_context_v1 context{};
    inline static howdah_reactor_v1 reactor{};
    inline static const howdah_reactor_v1* real = nullptr;
    inline static std::atomic<std::uint64_t> ahead_ns{0};
    inline static int count = 0, cancel_at = 0;  // 0: never
    inline static int sessions_closed = 0;       // before the first

    static void into(ToolHost& host) {
        count = cancel_at = 0;
        real = static_cast<const howdah_reactor_v1*>(host.raw()->get_interface(host.raw(), HOWDAH_REACTOR_1));
        context = *static_cast<const howdah_context_v1*>(host.raw()->get_interface(host.raw(), HOWDAH_CONTEXT_1));
        reactor = *real;
        context.now_ns = [](const howdah_host*) { return monotonicNs() + (ahead_ns += 3'000'000); };
        reactor.event_wait = [](howdah_ctx* ctx, std::uint64_t event, std::uint64_t until_ns) {
            if (until_ns == UINT64_MAX) return real->event_wait(ctx, event, until_ns);
            if (count == 0) sessions_closed = Sessions::closed;
            if (++count == cancel_at) ctx->cancelled = true;
            return howdah_status{HOWDAH_ERROR_TIMEOUT};
        };
        host.interfaces[HOWDAH_CONTEXT_1] = &context;
        host.interfaces[HOWDAH_REACTOR_1] = &reactor;
    }
};

class Stage {
public:
    explicit Stage(
        std::string_view section = "{}", bool with_sessions = false, void (*before)(ToolHost&) = [](ToolHost&) {}) {
        Sessions::opened = Sessions::closed = 0;
        Sessions::opens = HOWDAH_OK, Sessions::supposed = 0;
        before(host);
        if (with_sessions) host.services[HOWDAH_SESSION_1] = {&Sessions::table(), nullptr};
        host.databases = R"j([{"name":"other","access":"restricted"},{"name":"main","access":"restricted"}])j";
        host.database = [this](const howdah_query_request& request) -> Result<FakeResult> {
            const std::string sql(fromAbi(request.sql));
            asked.push_back({sql, request.provenance, std::string(fromAbi(request.database)), Sessions::supposed});
            if (request.cursor.size > 0) return inSession(sql);
            if (sql.starts_with("explain")) {
                if (explain_error) return *explain_error;
                return textOf(many_conditions ? manyConditions() : plan());
            }
            if (sql.find("c.relkind") != std::string::npos && sql.find("n_live_tup") != std::string::npos) {
                FakeResult table = nothing();
                table.columns.clear();
                for (int i = 0; i < 12; ++i)
                    table.column("c", kText);
                table.row({"shop", "orders", "r", "100000", "2000", "100000", "0", "0", "0", "0", "86400", "t"});
                return table;
            }
            if (sql.find("pg_attribute a on a.attrelid = c.oid") != std::string::npos) {
                FakeResult columns;
                for (int i = 0; i < 12; ++i)
                    columns.column("c", kText);
                if (without_columns) return columns;
                columns.row({"shop", "orders", "customer", "int4", "N", "5000", "0", "4", "0", "0.001", "1", "2"});
                columns.row(
                    {"shop", "orders", "id", "int8", "N", "100000", "0", "8", "1", std::nullopt, std::nullopt, "5"});
                columns.row({"shop", "orders", "tags", "jsonb", "U", "900", "0", "30", "0", "0.001", "1", "2"});
                return columns;
            }
            return nothing();
        };
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section) == "");
    }
    ~Stage() { host.stop(); }

    struct Asked {
        std::string sql;
        std::uint32_t provenance;
        std::string database;
        std::size_t supposed;
        bool inSession(std::string_view begin) const { return in_session && sql.starts_with(begin); }
        bool in_session = false;
    };
    std::vector<Asked> asked;
    std::optional<Error> explain_error;
    // Of a session, by how many indexes are supposed: 0, one, and for the statements themselves.
    std::optional<Error> none_error, one_error, plan_error;
    std::string one_error_of;  // only where the definition has that in it
    int cost_with = 20;        // in a session, whatever is supposed
    bool without_columns = false;
    bool many_conditions = false;
    std::string filter = "(orders.customer = 7)";
    ToolHost host;

    Json answer(const char* tool, Json arguments) {
        arguments["sql"] = "select id from orders where customer = 7";
        const FakeAnswer answer = host.call(tool, arguments);
        REQUIRE_MESSAGE(answer.status == HOWDAH_OK, answer.error.message);
        return Json::parse(answer.text);
    }

    Json advice(const char* tool = "suggest_indexes") {
        const Json json = answer(tool, Json::object());
        return json.contains("indexes") ? json["indexes"] : json;
    }

private:
    std::string plan() const {
        std::string plan(kPlan);
        const std::string_view usual = "(orders.customer = 7)";
        return plan.replace(plan.find(usual), usual.size(), filter);
    }
    Result<FakeResult> inSession(const std::string& sql) {
        asked.back().in_session = true;
        const bool plans = sql.starts_with("explain");
        if (plans && plan_error) return *plan_error;
        if (!plans && Sessions::supposed == 0 && none_error) return *none_error;
        if (!plans && Sessions::supposed == 1 && one_error &&
            Sessions::definitions.find(one_error_of) != std::string::npos)
            return *one_error;
        std::string planned = plan();
        if (Sessions::supposed > 0)
            planned.replace(planned.find("2000"), 4, concat(cost_with, R"(,"Index Name":"<0>")"));
        FakeResult result = plans ? textOf(planned) : nothing();
        result.report = Sessions::report();
        return result;
    }
};

}  // namespace howdah::optimizer::test
