// The hooks: what a query gets, what is refused, and what an error becomes.
#include "plugins/multi_tenant/hooks_stage.hpp"

using namespace howdah;
using namespace howdah::test;

TEST_CASE("beforeQuery: a tenant's query gets its settings, search_path and role, the role last") {
    Stage stage(Json{{"model", "schema"}, {"claims", false}});
    const howdah_principal acme = who("acme");
    Asked query(acme);
    CHECK(stage.before(query).verdict == HOWDAH_PROCEED);
    CHECK(query.settings ==
          Settings{{"app.tenant_id", "acme"}, {"search_path", "\"tenant_acme\", pg_temp"}, {"role", "tenant_acme"}});
    CHECK(query.chosen.empty());
}

TEST_CASE("beforeQuery: a plugin's own text in a tenant's call is scoped like the tenant's") {
    Stage stage;
    const howdah_principal acme = who("acme");
    Asked query(acme);
    query.provenance = HOWDAH_PROVENANCE_PLUGIN;
    CHECK(stage.before(query).verdict == HOWDAH_PROCEED);
    CHECK(query.settings.back().second == "tenant_acme");
}

TEST_CASE("beforeQuery: without a tenant only what the server asks for itself, outside of every call, runs") {
    Stage stage;
    const howdah_principal nobody = who("", "local");
    Asked own(nobody);
    own.provenance = HOWDAH_PROVENANCE_PLUGIN;
    CHECK(stage.before(own).verdict == HOWDAH_PROCEED);
    CHECK(own.settings.empty());
    Asked clients(nobody);
    const auto denied = stage.before(clients);
    CHECK(denied.verdict == HOWDAH_DENY);
    CHECK(denied.error.rule == "tenant-missing");
    Called call(nobody);
    CHECK(stage.before(call).error.rule == "tenant-missing");
}

TEST_CASE("beforeQuery: in a call of the default tenant a plugin's own text is scoped too") {
    Stage stage(Json{{"model", "schema"}, {"default", "guest"}});
    const howdah_principal local = who("", "local");
    Called call(local);
    REQUIRE(stage.before(call).verdict == HOWDAH_PROCEED);
    Asked query(local);
    query.provenance = HOWDAH_PROVENANCE_PLUGIN;
    REQUIRE(stage.before(query).verdict == HOWDAH_PROCEED);
    CHECK(query.settings.back().second == "tenant_guest");
    stage.after(call);
    Asked later(local);
    later.provenance = HOWDAH_PROVENANCE_PLUGIN;
    CHECK(stage.before(later).verdict == HOWDAH_PROCEED);
    CHECK(later.settings.empty());
}

TEST_CASE("beforeQuery: an operator is scoped by nothing") {
    Stage stage(Json{{"model", "schema"}, {"operators", {"token:ops"}}});
    const howdah_principal ops = who("", "token:ops");
    Asked query(ops);
    CHECK(stage.before(query).verdict == HOWDAH_PROCEED);
    CHECK(query.settings.empty());
}

TEST_CASE("databases: what is not the tenant's is told in the same words as what is not there, before anybody looks") {
    Stage stage(Json{{"model", "shared"}, {"databases", {{"main", "gold"}}}});
    const howdah_principal acme = who("acme");
    Asked mine(acme);
    CHECK(stage.before(mine).verdict == HOWDAH_PROCEED);
    CHECK(mine.chosen == "gold");
    Asked other(acme);
    other.database = toAbi("notes");
    CHECK(stage.before(other).error.message == "no database \"notes\"");
    Called there(acme, {{"database", "notes"}});
    Called absent(acme, {{"database", "nodes"}});
    CHECK(stage.before(there).error.message == "no database \"notes\"");
    CHECK(stage.before(absent).error.message == "no database \"nodes\"");
    CHECK(stage.before(there).error.code == stage.before(absent).error.code);
}

TEST_CASE("tools: a tenant calls those that are listed, whoever offers the others") {
    Stage stage;
    const howdah_principal acme = who("acme");
    Called listed(acme), other(acme);
    other.name = toAbi("health_check");
    CHECK(stage.before(listed).verdict == HOWDAH_PROCEED);
    CHECK(stage.before(other).error.rule == "tenant-tool");
    Called prompt(acme);
    prompt.kind = HOWDAH_CALL_PROMPT;
    prompt.name = toAbi("explain");
    CHECK(stage.before(prompt).verdict == HOWDAH_PROCEED);
}

TEST_CASE("beforeQuery: no tenant is the role the server logs in with, which is asked for once") {
    Stage stage;
    stage.login = "tenant_boss";
    const howdah_principal acme = who("acme"), boss = who("boss");
    for (int i = 0; i < 3; ++i) {
        Asked query(acme);
        CHECK(stage.before(query).verdict == HOWDAH_PROCEED);
    }
    CHECK(stage.asked == 1);
    Asked query(boss);
    const auto denied = stage.before(query);
    CHECK(denied.verdict == HOWDAH_DENY);
    CHECK(denied.error.rule == "tenant-reserved");
    CHECK(query.settings.empty());
    for (const char* model : {"shared", "database"}) {
        Stage by_id(Json{{"model", model}, {"role", "tenant_{tenant}"}, {"databases", {{"main", "main"}}}});
        by_id.login = "tenant_boss";
        Asked bosss(boss);
        CHECK_MESSAGE(by_id.before(bosss).error.rule == "tenant-reserved", model);
    }
    Stage shared(Json{{"model", "shared"}, {"role", "app"}});
    Asked other(acme);
    CHECK(shared.before(other).verdict == HOWDAH_PROCEED);
    CHECK(shared.asked == 0);
}

TEST_CASE(
    "beforeQuery: a type that shows names is refused before anything runs, in a read and in a write, to tenants "
    "alone") {
    Stage stage(Json{{"model", "schema"}, {"operators", {"token:ops"}}});
    const howdah_principal acme = who("acme"), ops = who("", "token:ops");
    for (const std::uint32_t access : {HOWDAH_ACCESS_READ, HOWDAH_ACCESS_WRITE}) {
        Asked query(acme, "select g::oid::regrole::text from generate_series(1, 9) g");
        query.access = access;
        CHECK(stage.before(query).error.rule == "tenant-catalog");
        Asked operators(ops, "select 1::regrole");
        operators.access = access;
        CHECK(stage.before(operators).verdict == HOWDAH_PROCEED);
    }
    // A plugin's own text is its author's to judge.
    Asked plugins(acme, "select c.oid::regclass from pg_class c");
    plugins.provenance = HOWDAH_PROVENANCE_PLUGIN;
    CHECK(stage.before(plugins).verdict == HOWDAH_PROCEED);
}

TEST_CASE("writes: rows may be changed, definitions not; what the guard refuses, or says nothing of, does not run") {
    Stage stage;
    const howdah_principal acme = who("acme");
    const auto verdict = [&](const char* sql) {
        Asked query(acme, sql);
        query.access = HOWDAH_ACCESS_WRITE;
        return stage.before(query);
    };
    CHECK(verdict("insert into t values (1)").verdict == HOWDAH_PROCEED);
    CHECK(verdict("nonsense").verdict == HOWDAH_DENY);
    CHECK(verdict("nonsense").error.rule == "function-not-allowed");
    CHECK(verdict("silence").error.rule == "tenant-unjudged");
    CHECK(verdict("create function f() returns int language sql as 'select 1'").error.rule == "tenant-no-ddl");
}

TEST_CASE("afterQuery: catalogs, look-ups by name and plans of shared tables stay out of sight") {
    Stage stage(Json{{"model", "shared"}});
    const howdah_principal acme = who("acme");
    const auto rule = [&](const howdah_facts& found) {
        Asked query(acme);
        query.facts = &found;
        return stage.after(query).error.rule;
    };
    const auto name = [](const char* schema, const char* text) { return howdah_name{toAbi(schema), toAbi(text)}; };
    CHECK(rule(factsOf(HOWDAH_STATEMENT_SELECT)).empty());
    CHECK(rule(factsOf(HOWDAH_STATEMENT_SELECT, {name("", "orders"), name("information_schema", "tables")})).empty());
    CHECK(rule(factsOf(HOWDAH_STATEMENT_SELECT, {name("", "orders"), name("", "pg_namespace")})) == "tenant-catalog");
    CHECK(rule(factsOf(HOWDAH_STATEMENT_SELECT, {name("pg_catalog", "pg_roles")})) == "tenant-catalog");
    CHECK(rule(factsOf(HOWDAH_STATEMENT_SELECT, {}, {name("", "to_regclass")})) == "tenant-catalog");
    CHECK(rule(factsOf(HOWDAH_STATEMENT_SELECT, {}, {name("pg_catalog", "has_schema_privilege")})) == "tenant-catalog");
    CHECK(rule(factsOf(HOWDAH_STATEMENT_SELECT, {}, {name("", "lower")})).empty());
    CHECK(rule(factsOf(HOWDAH_STATEMENT_EXPLAIN)) == "tenant-explain");
    Asked unjudged(acme);
    CHECK(stage.after(unjudged).error.rule == "tenant-unjudged");
    unjudged.provenance = HOWDAH_PROVENANCE_PLUGIN;
    CHECK(stage.after(unjudged).verdict == HOWDAH_PROCEED);
}

TEST_CASE("onError: not there, not a right to it and no such schema are one answer, without a name or a place") {
    Stage stage;
    const howdah_principal acme = who("acme");
    Asked query(acme);
    std::vector<std::string> said;
    for (const auto& [state, text] : {std::pair{"42501", "permission denied for schema tenant_globex"},
                                      std::pair{"42P01", "relation \"tenant_globex.x\" does not exist"},
                                      std::pair{"3F000", "schema \"tenant_nobody\" does not exist"}}) {
        Error met = Error::database(state, text);
        met.position = 15;
        met.hint = "there is tenant_globex";
        const auto answer = stage.error(query, met);
        CHECK(answer.verdict == HOWDAH_DENY);
        CHECK(answer.error.position == 0);
        CHECK(answer.error.hint == "list_tables shows what there is");
        said.push_back(concat(answer.error.sqlstate, answer.error.message));
    }
    CHECK(said[0] == said[1]);
    CHECK(said[1] == said[2]);
    CHECK(stage.error(query, Error::database("22012", "division by zero")).verdict == HOWDAH_PROCEED);
    CHECK(stage.error(query, Error::database("42501", "new row violates row-level security policy for table \"t\""))
              .verdict == HOWDAH_PROCEED);
    const auto absent = stage.error(query, Error::database("22023", "role \"tenant_acme\" does not exist"));
    CHECK(absent.error.rule == "tenant-not-set-up");
    CHECK(absent.error.message.find("tenant_acme") == std::string::npos);
}

TEST_CASE("onError: a look-up by name that fails is refused as one that does not") {
    Stage stage;
    const howdah_principal acme = who("acme");
    const std::vector<howdah_name> functions{{toAbi(""), toAbi("to_regclass")}};
    const howdah_facts found = factsOf(HOWDAH_STATEMENT_SELECT, {}, functions);
    Asked query(acme);
    query.facts = &found;
    CHECK(stage.error(query, Error::database("42501", "permission denied for schema x")).error.rule ==
          "tenant-catalog");
    CHECK(stage.after(query).error.rule == "tenant-catalog");
}
