// The plugin over a fake host whose database a test plays: what is asked of it, by whom, and how errors come out.
#include <algorithm>

#include "plugins/optimizer/stage.hpp"

using namespace howdah;
using namespace howdah::optimizer::test;

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
