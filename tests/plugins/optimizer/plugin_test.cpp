// The plugin over a fake host whose database a test plays: what is asked of it, by whom, and how errors come out.
#include <algorithm>

#include <doctest/doctest.h>

#include "plugins/query/tool_host.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

using namespace howdah;
using namespace howdah::test;

namespace {

constexpr std::uint32_t kText = 25;

FakeResult textOf(std::string_view text) {
    FakeResult result;
    result.column("QUERY PLAN", kText);
    result.row({text});
    return result;
}
FakeResult nothing() {
    FakeResult result;
    result.column("x", kText);
    return result;
}

constexpr std::string_view kPlan =
    R"j([{"Plan":{"Node Type":"Seq Scan","Relation Name":"orders","Schema":"shop","Alias":"orders",
    "Total Cost":2000,"Plan Rows":5,"Filter":"(orders.customer = 7)",
    "Output" : ["orders.id"]
}
}])j";

class Stage {
public:
    explicit Stage(std::string_view section = "{}") {
        host.databases = R"j([{"name":"other","access":"restricted"},{"name":"main","access":"restricted"}])j";
        host.database = [this](const howdah_query_request& request) -> Result<FakeResult> {
            const std::string sql(fromAbi(request.sql));
            asked.push_back({sql, request.provenance, std::string(fromAbi(request.database))});
            if (sql.starts_with("explain")) {
                if (explain_error) return *explain_error;
                return textOf(kPlan);
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
                columns.row({"shop", "orders", "customer", "int4", "N", "5000", "0", "4", "0", "0.001", "1", "2"});
                columns.row(
                    {"shop", "orders", "id", "int8", "N", "100000", "0", "8", "1", std::nullopt, std::nullopt, "5"});
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
    };
    std::vector<Asked> asked;
    std::optional<Error> explain_error;
    ToolHost host;
};

}  // namespace

TEST_CASE("optimizer: what is made of the client's text is asked as the client's text, of the default database") {
    Stage stage;
    const FakeAnswer answer = stage.host.call("explain_query", {{"sql", "select 1; -- x"}, {"format", "json"}});
    REQUIRE_MESSAGE(answer.status == HOWDAH_OK, answer.error.message);
    REQUIRE(stage.asked.size() == 1);
    CHECK(stage.asked[0].sql == "explain (format json, verbose)\nselect 1");
    CHECK(stage.asked[0].provenance == HOWDAH_PROVENANCE_CLIENT);
    CHECK(stage.asked[0].database == "main");
    CHECK(Json::parse(answer.text) == Json::parse(answer.structured));
}

TEST_CASE("optimizer: every statement of its own that is asked was registered") {
    Stage stage;
    REQUIRE(stage.host.call("suggest_indexes", {{"sql", "select id from orders where customer = 7"}}).status ==
            HOWDAH_OK);
    for (const auto& asked : stage.asked) {
        if (asked.provenance == HOWDAH_PROVENANCE_CLIENT) continue;
        const auto& known = stage.host.registered;
        CHECK_MESSAGE(std::find(known.begin(), known.end(), asked.sql) != known.end(), asked.sql);
    }
}

TEST_CASE("optimizer: without a session the advice is an estimate, and says so") {
    Stage stage;
    const FakeAnswer answer = stage.host.call("suggest_indexes", {{"sql", "select id from orders where customer = 7"}});
    REQUIRE_MESSAGE(answer.status == HOWDAH_OK, answer.error.message);
    const Json advice = Json::parse(answer.text);
    CHECK(advice["judged_by"] == "estimate");
    CHECK(advice["note"].get<std::string>().find("ESTIMATED") != std::string::npos);
    REQUIRE(advice["steps"].size() == 1);
    CHECK(advice["steps"][0]["indexes"][0]["sql"].get<std::string>().starts_with(
        "create index concurrently on shop.orders (customer)"));
    CHECK(advice["cost_after"] < advice["cost_before"]);
}

TEST_CASE("optimizer: an error of the guard or the database is the tool's error, unchanged") {
    Stage stage;
    Error refused = Error::refused("no");
    refused.rule = "statement-kind";
    stage.explain_error = refused;
    for (const char* tool : {"explain_query", "suggest_indexes", "optimize_query"}) {
        const FakeAnswer answer = stage.host.call(tool, {{"sql", "delete from orders"}});
        CHECK(answer.status == HOWDAH_ERROR_REFUSED);
        CHECK(answer.error.rule == "statement-kind");
    }
}

TEST_CASE("optimizer: of several statements one that cannot be planned is left out and told") {
    Stage stage;
    stage.explain_error = Error::database("42P01", "no such table");
    const FakeAnswer none = stage.host.call("suggest_indexes", {{"queries", Json::array({{{"sql", "select 1"}}})}});
    CHECK(none.status == HOWDAH_ERROR_NOT_FOUND);
    CHECK(none.error.message.find("no such table") != std::string::npos);
}

TEST_CASE("optimizer: a tenant is not shown what the whole database runs") {
    Stage stage;
    stage.host.principal.tenant = toAbi("acme");
    const FakeAnswer answer = stage.host.call("suggest_indexes", Json::object());
    CHECK(answer.status == HOWDAH_ERROR_REFUSED);
    CHECK(stage.asked.empty());
}

TEST_CASE("optimizer: a configuration that cannot work is refused") {
    ToolHost host;
    REQUIRE(host.load(&howdah_plugin_v1) == "");
    CHECK(host.start(R"j({"recent_max":2,"n_plus_one_min":5})j").find("n_plus_one_min") != std::string::npos);
}
