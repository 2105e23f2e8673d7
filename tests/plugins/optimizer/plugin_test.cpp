// The plugin over a fake host whose database a test plays: what is asked of it, by whom, and how errors come out.
#include <algorithm>
#include <atomic>

#include <doctest/doctest.h>

#include <howdah/abi/session.h>

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

// What a GIN index is of use to, beside what a B-tree is.
constexpr std::string_view kTags = R"j((orders.tags @> '{\"kind\": 5}'::jsonb))j";
constexpr std::string_view kCustomerAndTags =
    R"j(((orders.customer = 7) AND (orders.tags @> '{\"kind\": 5}'::jsonb)))j";

// A dozen expressions, each of which suggests an index.
std::string manyConditions() {
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

    static const howdah_session_v1& table() {
        static constexpr howdah_session_v1 kTable{
            sizeof kTable, 0,
            [](void*, howdah_ctx*, howdah_str, const howdah_principal*, howdah_str* name) {
                ++opened;
                *name = toAbi("session-1");
                return opens;
            },
            [](void*, howdah_str, howdah_str definitions) {
                supposed = Json::parse(fromAbi(definitions)).size();
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

    static void into(ToolHost& host) {
        count = cancel_at = 0;
        real = static_cast<const howdah_reactor_v1*>(host.raw()->get_interface(host.raw(), HOWDAH_REACTOR_1));
        context = *static_cast<const howdah_context_v1*>(host.raw()->get_interface(host.raw(), HOWDAH_CONTEXT_1));
        reactor = *real;
        context.now_ns = [](const howdah_host*) { return monotonicNs() + (ahead_ns += 3'000'000); };
        reactor.event_wait = [](howdah_ctx* ctx, std::uint64_t event, std::uint64_t until_ns) {
            if (until_ns == UINT64_MAX) return real->event_wait(ctx, event, until_ns);
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
    int cost_with = 20;  // in a session, whatever is supposed
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
        if (!plans && Sessions::supposed == 1 && one_error) return *one_error;
        std::string planned = plan();
        if (Sessions::supposed > 0)
            planned.replace(planned.find("2000"), 4, concat(cost_with, R"(,"Index Name":"<0>")"));
        FakeResult result = plans ? textOf(planned) : nothing();
        result.report = Sessions::report();
        return result;
    }
};

std::string noteOf(const Json& advice) {
    return advice.value("note", "");
}

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
        CHECK(alone["text"].get<std::string>().starts_with("1 more index may save about 1"));
        CHECK(alone["text"].get<std::string>().ends_with(" of the cost of 2000 (ESTIMATED)"));
        CHECK(alone["suggestion"] == "create index concurrently on shop.orders using gin (tags)");
        CHECK(alone["evidence"] ==
              Json{{"judged_by", "estimate"}, {"cost_before", 2000}, {"cost_saved_estimated", saved}});
    }
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
