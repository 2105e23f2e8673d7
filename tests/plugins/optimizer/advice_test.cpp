// What the tools advise, judged by a HypoPG that a test plays or estimated, and what they say of it.
#include <algorithm>

#include "plugins/optimizer/stage.hpp"

using namespace howdah;
using namespace howdah::optimizer::test;

namespace {

std::string noteOf(const Json& advice) {
    return advice.value("note", "");
}

}  // namespace

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

TEST_CASE("optimizer: with HypoPG the server judges, on a session that is closed, and nothing is asked for twice") {
    Stage stage("{}", true);
    const Json advice = stage.advice();
    CHECK(advice["judged_by"] == "hypopg");
    CHECK(advice["cost_before"] == 2000);
    CHECK(advice["complete"] == true);
    CHECK_FALSE(advice.contains("not_judged"));
    CHECK(Sessions::opened == 1);
    CHECK(Sessions::closed == 1);
    // What the statement costs as things are is known of the plan its uses were read from.
    CHECK(std::none_of(stage.asked.begin(), stage.asked.end(),
                       [](const auto& asked) { return asked.inSession("explain") && asked.supposed == 0; }));
    stage.asked.clear();
    (void)stage.advice("optimize_query");
    CHECK(std::count_if(stage.asked.begin(), stage.asked.end(),
                        [](const auto& asked) { return asked.sql.find("n_live_tup") != std::string::npos; }) == 1);
}

TEST_CASE("optimizer: trouble with HypoPG is no trouble of the call: an estimate, and why it is one") {
    const auto note = [](const auto& trouble) {
        Stage stage("{}", true);
        trouble(stage);
        const Json advice = stage.advice();
        CHECK(advice["judged_by"] == "estimate");
        CHECK(advice["steps"].size() == 1);
        CHECK(advice["steps"][0]["indexes"][0].contains("bytes_estimated"));
        CHECK(Sessions::opened == 1);
        CHECK(Sessions::closed == (Sessions::opens < 0 ? 0 : 1));
        return noteOf(advice);
    };
    CHECK(note([](Stage&) { Sessions::opens = HOWDAH_ERROR_UNAVAILABLE; }).find("ESTIMATED") != std::string::npos);
    CHECK(note([](Stage& stage) {
              stage.none_error = Error::database("42883", "no function");
          }).find("create extension hypopg") != std::string::npos);
    CHECK(note([](Stage& stage) {
              stage.none_error = Error::database("42501", "denied for schema x");
          }).find("denied for schema x") != std::string::npos);
    CHECK(note([](Stage& stage) { stage.none_error = Error::timeout("it took too long"); }).find("too long") !=
          std::string::npos);
    const std::string none_made = note([](Stage& stage) { stage.one_error = Error::database("XX000", "broken"); });
    CHECK(none_made.find("HypoPG made none of ") != std::string::npos);
    CHECK(none_made.find("broken") != std::string::npos);
    CHECK(note([](Stage& stage) {
              stage.one_error = Error::notFound("the session was ended");
          }).find("HypoPG failed: the session was ended") != std::string::npos);
    CHECK(note([](Stage& stage) {
              stage.plan_error = Error::database("XX000", "planner gave up");
          }).find("HypoPG failed: planner gave up") != std::string::npos);
}

TEST_CASE("optimizer: a judge that failed keeps no connection while costs are estimated") {
    Stage stage("{}", true, &Rests::into);
    stage.plan_error = Error::database("XX000", "planner gave up");
    CHECK(stage.advice()["judged_by"] == "estimate");
    CHECK(Rests::count > 0);
    CHECK(Rests::sessions_closed == 1);
}

TEST_CASE("optimizer: an index that the server refuses for what it is is never suggested, not even as an estimate") {
    Stage stage("{}", true);
    stage.one_error = Error::database("42P17", "functions in index expression must be marked IMMUTABLE");
    const Json advice = stage.advice();
    CHECK(advice["judged_by"] == "hypopg");
    CHECK(advice["steps"].empty());
    CHECK(advice["cost_after"] == 2000);
    CHECK(advice["complete"] == true);
    CHECK(advice["refused_by_the_server"]["candidates"] == advice["candidates"]);
    CHECK(advice["refused_by_the_server"]["why"] == "functions in index expression must be marked IMMUTABLE");
    for (const char* sqlstate : {"42501", "42883"}) {
        stage.one_error = Error::database(sqlstate, "no word on the index");
        CHECK(stage.advice()["judged_by"] == "estimate");
    }
}

TEST_CASE("optimizer: where HypoPG fails later, what the server has refused is in no estimate") {
    Stage stage("{}", true);
    stage.plan_error = Error::database("XX000", "planner gave up");
    const auto suggested = [&](const Json& advice) {
        CHECK(advice["judged_by"] == "estimate");
        return advice["steps"].dump().find(" include (") != std::string::npos;
    };
    REQUIRE(suggested(stage.advice()));
    stage.one_error = Error::database("42P17", "no");
    stage.one_error_of = " include (";
    const Json advice = stage.advice();
    CHECK_FALSE(suggested(advice));
    CHECK(advice["steps"].size() == 1);
    CHECK(advice["refused_by_the_server"]["why"] == "no");
}

TEST_CASE("optimizer: what a missing index would save is told of those that were judged, else as the estimate it is") {
    Stage stage("{}", true);
    const auto missing = [&] {
        const Json answer = stage.answer("optimize_query", {{"rewrites", false}});
        const Json& findings = answer["findings"];
        const auto found = std::find_if(findings.begin(), findings.end(),
                                        [](const Json& finding) { return finding["rule"] == "missing_index"; });
        REQUIRE_MESSAGE(found != findings.end(), answer.dump());
        return std::pair(*found, answer["indexes"]);
    };
    stage.filter = kCustomerAndTags;
    const auto [both, judged] = missing();
    REQUIRE(judged["estimated"].size() == 1);
    CHECK(both["text"].get<std::string>().starts_with("with 1 more index(es) the cost falls from 2000 to 20,"));
    CHECK(both["suggestion"].get<std::string>().find("gin") == std::string::npos);
    for (const std::string_view filter : {kTags, kCustomerAndTags}) {
        stage.filter = filter;
        stage.cost_with = 2000;  // nothing that HypoPG makes is of use
        const auto [alone, estimated] = missing();
        const Json& saved = estimated["estimated"][0]["cost_saved_estimated"];
        CHECK(alone["text"].get<std::string>().starts_with("1 more index may save about "));
        CHECK(alone["text"].get<std::string>().ends_with(" of the cost of 2000 (ESTIMATED)"));
        CHECK(alone["suggestion"] == "create index concurrently on shop.orders using gin (tags)");
        CHECK(alone["evidence"] ==
              Json{{"judged_by", "estimate"}, {"cost_before", 2000}, {"cost_saved_estimated", saved}});
    }
}

TEST_CASE("optimizer: the limits of an advice hold for what can only be estimated too") {
    const auto estimated = [](std::string_view section, std::string_view filter, const Json& arguments) {
        Stage stage(section, true);
        stage.filter = filter;
        return stage.answer("suggest_indexes", arguments).value("estimated", Json::array()).size();
    };
    const Json none = Json::object();
    CHECK(estimated("{}", kCustomerAndTags, none) == 1);
    CHECK(estimated("{}", kCustomerAndTags, {{"indexes_max", 2}}) == 1);
    CHECK(estimated("{}", kCustomerAndTags, {{"indexes_max", 1}}) == 0);  // the B-tree has the place
    CHECK(estimated("{}", kTags, {{"indexes_max", 1}}) == 1);
    CHECK(estimated("{}", kTags, {{"size_max_bytes", 1e9}}) == 1);
    CHECK(estimated("{}", kTags, {{"size_max_bytes", 8192}}) == 0);
    CHECK(estimated(R"j({"gain_min_percent":1})j", kTags, none) == 1);
    CHECK(estimated(R"j({"gain_min_percent":50})j", kTags, none) == 0);
}

TEST_CASE("optimizer: a call that was cancelled while HypoPG judged is cancelled, and not estimated") {
    Stage stage("{}", true);
    stage.none_error = Error::cancelled("gone");
    const FakeAnswer answer = stage.host.call("suggest_indexes", {{"sql", "select id from orders where customer = 7"}});
    CHECK(answer.status == HOWDAH_ERROR_CANCELLED);
    CHECK(Sessions::closed == 1);
}

TEST_CASE("optimizer: an estimate gives the shard back in between, and ends with a request that was cancelled") {
    Stage stage("{}", false, &Rests::into);
    const Json advice = stage.advice();
    CHECK(advice["judged_by"] == "estimate");
    CHECK(Rests::count >= advice["plans"].get<int>());
    Rests::count = 0, Rests::cancel_at = 2;
    const FakeAnswer answer = stage.host.call("suggest_indexes", {{"sql", "select id from orders where customer = 7"}});
    CHECK(answer.status == HOWDAH_ERROR_CANCELLED);
    CHECK(Rests::count == 2);
}

TEST_CASE("optimizer: a search ends in half of a short request's time, and tells what it found until then") {
    static std::uint64_t ends_ns;
    ends_ns = UINT64_MAX;
    Stage stage("{}", true, [](ToolHost& host) {
        Rests::into(host);
        Rests::context.deadline_ns = [](howdah_ctx*) { return ends_ns; };
    });
    stage.many_conditions = true;
    CHECK(stage.advice()["complete"] == true);
    ends_ns = Rests::context.now_ns(nullptr) + 60'000'000;  // looks at the clock take 3 ms each
    const Json advice = stage.advice();
    CHECK(advice["complete"] == false);
    CHECK(advice["not_judged"]["candidates_out_of_time"] > 0);
}

TEST_CASE("optimizer: where nothing is to be judged no session is opened") {
    Stage stage("{}", true);
    stage.without_columns = true;
    const Json advice = stage.advice();
    CHECK(advice["judged_by"] == "none");
    CHECK(advice["cost_before"] == 2000);
    CHECK(advice["cost_after"] == 2000);
    CHECK(advice["steps"].empty());
    CHECK(Sessions::opened == 0);
}

TEST_CASE("optimizer: candidates there is no place for are counted") {
    Stage stage(R"j({"candidates_max":10})j", true);
    const Json all = stage.advice();
    CHECK(all["complete"] == true);
    stage.many_conditions = true;
    const Json cut = stage.advice();
    CHECK(cut["complete"] == false);
    CHECK(cut["candidates"] == 10);
    CHECK(cut["not_judged"]["candidates_beyond_candidates_max"] > 0);
    CHECK(cut["hint"].get<std::string>().find("candidates_max") != std::string::npos);
}
