// The tools over a fake database: what is judged of the rows a server gives, the SQL that mends it, and who may ask.
#include <filesystem>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>
#include <unistd.h>

#include "plugins/multi_tenant/audit/files.hpp"
#include "plugins/multi_tenant/checks/checks.hpp"
#include "plugins/query/tool_host.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

using namespace howdah;
using namespace howdah::test;
using multi_tenant::Check;

namespace {

constexpr std::uint32_t kText = 25;
using Row = std::vector<std::optional<std::string_view>>;

FakeResult resultOf(const std::vector<Row>& rows) {
    FakeResult result;
    for (std::size_t i = 0; i < (rows.empty() ? 1 : rows.front().size()); ++i)
        result.column("c", kText);
    for (const Row& row : rows)
        result.row(row);
    return result;
}

// Every check finds nothing unless a test gives it rows.
class Stage {
public:
    explicit Stage(std::string_view section = R"({"model":"shared","role":"app","operators":["local"]})",
                   std::string_view version = "160009",
                   const std::string& folder = std::filesystem::temp_directory_path().string()) {
        static const howdah_statement_v1 kStatement{sizeof(howdah_statement_v1), 0, nullptr, nullptr};
        host.databases = R"([{"name":"main","access":"restricted"},{"name":"notes","access":"read_write"}])";
        host.state_folder = folder;
        host.services = {{HOWDAH_STATEMENT_1, {&kStatement, nullptr}}};
        host.database = [this,
                         version = std::string(version)](const howdah_query_request& request) -> Result<FakeResult> {
            const std::string_view sql = fromAbi(request.sql);
            if (sql == multi_tenant::kServerStatement.sql) return resultOf({{version, "16.9", "login"}});
            asked.emplace_back(sql);
            for (const auto& [check, rows] : given) {
                for (const Check::Source& source : check->sources)
                    if (source.statement->sql == sql) return resultOf(rows);
            }
            if (sql == multi_tenant::kTenantsStatement.sql) return resultOf(names);
            if (fails.code == Code::database) return fails;
            return resultOf({});
        };
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section) == "");
    }
    ~Stage() { host.stop(); }

    Json check() {
        const FakeAnswer answer = host.call("tenant_check", Json::object());
        REQUIRE_MESSAGE(answer.status == HOWDAH_OK, answer.error.message);
        CHECK(answer.text == answer.structured);
        return Json::parse(answer.text);
    }
    // The one finding there is.
    Json finding() {
        const Json findings = check()["findings"];
        REQUIRE_MESSAGE(findings.size() == 1, findings.dump());
        return findings[0];
    }

    ToolHost host;
    std::map<const Check*, std::vector<Row>> given;
    std::vector<Row> names;
    std::vector<std::string> asked;
    Error fails;
};

}  // namespace

TEST_CASE("tenant_check: every statement is registered; nothing found is said so") {
    Stage stage;
    for (const Check* check : multi_tenant::allChecks()) {
        for (const Check::Source& source : check->sources)
            CHECK(std::find(stage.host.registered.begin(), stage.host.registered.end(), source.statement->sql) !=
                  stage.host.registered.end());
    }
    const Json answer = stage.check();
    CHECK(answer["critical"] == 0);
    CHECK(answer["findings"].empty());
    CHECK(answer["model"] == "shared");
}

TEST_CASE(
    "tenant_check: a server that mixes up plans of roles is critical before its mended minor and not from it on") {
    Stage old({R"({"model":"shared","role":"app","operators":["local"]})"}, "160004");
    CHECK(old.finding()["rule"] == "server-version");
    CHECK(old.finding()["text"].get<std::string>().find("update to 16.5") != std::string::npos);
    Stage mended({R"({"model":"shared","role":"app","operators":["local"]})"}, "160005");
    CHECK(mended.check()["findings"].empty());
    Stage newest({R"({"model":"shared","role":"app","operators":["local"]})"}, "180000");
    CHECK(newest.check()["findings"].empty());
}

TEST_CASE("tenant_check: row security that is missing, not forced or passed by its owner, with the SQL that mends it") {
    Stage stage;
    // name, foreign, secured, forced, owner, owner asks, has the column, has a policy, truncates, roles, who truncates
    const auto table = [&](Row row) {
        stage.given = {{&multi_tenant::kTablesCheck, {std::move(row)}}};
        return stage.finding();
    };
    Json found = table({"shop.orders", "f", "f", "f", "owner", "f", "t", "f", "f", "1", std::nullopt});
    CHECK(found["rule"] == "rls-missing");
    CHECK(found["severity"] == "critical");
    CHECK(found["sql"] ==
          "alter table shop.orders enable row level security;\nalter table shop.orders force row level security;\n"
          "create policy tenant_rows on shop.orders using (\"tenant_id\" = current_setting('app.tenant_id', true)) "
          "with check (\"tenant_id\" = current_setting('app.tenant_id', true));");
    found = table({"shop.countries", "f", "f", "f", "owner", "f", "f", "f", "f", "1", std::nullopt});
    CHECK(found["rule"] == "shared-table");
    CHECK(found["severity"] == "notice");
    found = table({"shop.orders", "f", "t", "f", "owner", "f", "t", "t", "f", "1", std::nullopt});
    CHECK(found["rule"] == "rls-not-forced");
    CHECK(found["sql"] == "alter table shop.orders force row level security;");
    found = table({"shop.orders", "f", "t", "f", "login", "t", "t", "t", "f", "1", std::nullopt});
    CHECK(found["rule"] == "owner-bypass");
    CHECK(found["severity"] == "critical");
    found = table({"shop.orders", "f", "t", "t", "owner", "f", "t", "t", "t", "1", "app"});
    CHECK(found["rule"] == "truncate");
    CHECK(found["sql"] == "revoke truncate on shop.orders from app;");
    found = table({"shop.orders", "f", "t", "t", "owner", "f", "t", "f", "f", "1", std::nullopt});
    CHECK(found["rule"] == "no-policy");
    found = table({"shop.remote", "t", "f", "f", "owner", "f", "f", "f", "f", "1", std::nullopt});
    CHECK(found["rule"] == "foreign-table");
}

TEST_CASE("tenant_check: in model role the SQL compares with the role") {
    Stage stage(R"({"model":"role","operators":["local"]})");
    stage.given = {{&multi_tenant::kTablesCheck,
                    {{"shop.orders", "f", "f", "f", "owner", "f", "t", "f", "f", "2", std::nullopt}}}};
    CHECK(stage.finding()["sql"].get<std::string>().find("using ('tenant_' || \"tenant_id\" = current_user)") !=
          std::string::npos);
}

TEST_CASE("tenant_check: of several settings those that name the tenant count, whatever stands before them") {
    const auto sql = [](const char* section) {
        Stage stage(section);
        stage.given = {{&multi_tenant::kTablesCheck,
                        {{"shop.orders", "f", "f", "f", "owner", "f", "t", "f", "f", "1", std::nullopt}}}};
        const auto text = stage.finding()["sql"].get<std::string>();
        const std::size_t from = text.find("using (") + 7;
        return text.substr(from, text.find(") with check") - from);
    };
    CHECK(
        sql(R"({"model":"shared","role":"app","operators":["local"],"settings":{"app.a":"eu","app.b":"{tenant}"}})") ==
        "\"tenant_id\" = current_setting('app.b', true)");
    CHECK(sql(R"({"model":"shared","role":"app","operators":["local"],
        "settings":{"app.a":"eu","app.b":"t-{tenant}-x","app.c":"{tenant}"}})") ==
          "\"tenant_id\" = current_setting('app.c', true)");
    CHECK(
        sql(R"({"model":"shared","role":"app","operators":["local"],"settings":{"app.a":"eu","app.b":"t-{tenant}-x"}})") ==
        "'t-' || \"tenant_id\" || '-x' = current_setting('app.b', true)");
    CHECK(sql(R"({"model":"shared","role":"app","operators":["local"],"settings":{"app.a":"eu"}})") ==
          "\"tenant_id\" = current_setting('request.jwt.claims', true)::json ->> 'tenant'");

    Stage stage(
        R"({"model":"shared","role":"app","operators":["local"],"settings":{"app.a":"eu","app.b":"{tenant}","app.c":"{tenant}"}})");
    const auto rules = [&](const char* setting) {
        const std::string qual = concat("(tenant_id = current_setting('", setting, "'::text, true))");
        stage.given = {{&multi_tenant::kPoliciesCheck, {{"shop.orders", "p", qual, std::nullopt, "t", "*"}}}};
        return stage.check()["findings"].size();
    };
    CHECK(rules("app.b") == 0);
    CHECK(rules("app.c") == 0);
    CHECK(rules("app.a") == 1);  // the same for all: it asks nobody
}

TEST_CASE("tenant_check: policies that ask nobody, the wrong one, or fail without their setting") {
    Stage stage;
    // table, policy, using, with check, permissive, command
    const auto policy = [&](const char* qual, const char* permissive = "t") {
        stage.given = {{&multi_tenant::kPoliciesCheck, {{"shop.orders", "p", qual, std::nullopt, permissive, "*"}}}};
        const Json findings = stage.check()["findings"];
        return findings.empty() ? std::string() : findings[0]["rule"].get<std::string>();
    };
    CHECK(policy("true") == "policy-open");
    CHECK(policy("(note <> ''::text)") == "policy-open");
    CHECK(policy("true", "f").empty());  // a restrictive one only narrows
    CHECK(policy("(tenant_id = (SESSION_USER)::text)") == "policy-session-user");
    CHECK(policy("(tenant_id = current_setting('app.tenant_id'::text))") == "policy-setting-required");
    CHECK(policy("(tenant_id = current_setting('app.tenant_id'::text, true))").empty());
    CHECK(policy("(tenant_id = (CURRENT_USER)::text)").empty());
    CHECK(
        policy("(tenant_id = ((current_setting('request.jwt.claims'::text, true))::json ->> 'tenant'::text))").empty());
}

TEST_CASE("tenant_check: views as their owner, with what mends them on that server") {
    // name, stored, invoker, over a tenants' table, its owner passes, owner
    const std::vector<Row> view{{"shop.all_orders", "f", "f", "shop.orders", "t", "owner", "app, public"}};
    Stage newer;
    newer.given = {{&multi_tenant::kViewsCheck, view}};
    CHECK(newer.finding()["severity"] == "critical");
    CHECK(newer.finding()["sql"] == "alter view shop.all_orders set (security_invoker = true);");
    Stage older(R"({"model":"shared","role":"app","operators":["local"]})", "140020");
    older.given = {{&multi_tenant::kViewsCheck, view}};
    CHECK(older.finding()["sql"] == "revoke all on shop.all_orders from app, public;");
    newer.given = {{&multi_tenant::kViewsCheck,
                    {{"shop.v", "f", "t", "shop.orders", "t", "owner", "app"},
                     {"shop.w", "f", "f", std::nullopt, "t", "owner", "app"}}}};
    CHECK(newer.check()["findings"].empty());
    newer.given = {{&multi_tenant::kViewsCheck, {{"shop.m", "t", "f", "shop.orders", "f", "owner", "app"}}}};
    CHECK(newer.finding()["rule"] == "stored-view");
}

TEST_CASE("tenant_check: a role in another tenant's schema is found by the names, its own is not") {
    Stage stage(
        R"({"model":"schema","operators":["local"],"tenants":{"acme":{"role":"acme_app","search_path":["acme_data"]}}})");
    // role, schema, may create, by public
    const auto found = [&](Row row) {
        stage.given = {{&multi_tenant::kSchemasCheck, {std::move(row)}}};
        return stage.check()["findings"];
    };
    CHECK(found({"tenant_a", "tenant_a", "f", "f"}).empty());
    CHECK(found({"acme_app", "acme_data", "f", "f"}).empty());
    CHECK(found({"tenant_a", "shared", "f", "f"}).empty());
    CHECK(found({"tenant_a", "tenant_b", "f", "f"})[0]["sql"] ==
          "revoke all on schema \"tenant_b\" from \"tenant_a\";");
    CHECK(found({"tenant_a", "acme_data", "f", "t"})[0]["sql"] == "revoke all on schema \"acme_data\" from public;");
    CHECK(found({"tenant_a", "tenant_a", "t", "f"})[0]["rule"] == "role-creates");
}

TEST_CASE("tenant_check: a login role that passes row security, or inherits or cannot take a tenant's role") {
    Stage stage(R"({"model":"role","operators":["local"]})");
    // name, super, bypass, creates roles, tenants, is a tenant
    stage.given = {{&multi_tenant::kLoginCheck, {{"login", "f", "t", "f", "2", "f"}}}};
    CHECK(stage.finding()["sql"] == "alter role login nosuperuser nobypassrls;");
    // name, super, bypass, creates roles, logs in, may be taken, inherited, creates, is the login role, database
    const auto role = [&](Row row) {
        stage.given = {{&multi_tenant::kRolesCheck, {std::move(row)}}};
        return stage.finding();
    };
    CHECK(role({"tenant_a", "f", "f", "f", "f", "t", "t", "f", "f", "shop"})["sql"] ==
          "grant tenant_a to \"login\" with inherit false;");
    CHECK(role({"tenant_a", "f", "f", "f", "f", "f", "f", "f", "f", "shop"})["sql"] ==
          "grant tenant_a to \"login\" with inherit false, set true;");
    CHECK(role({"tenant_a", "f", "f", "f", "f", "t", "f", "t", "f", "shop"})["sql"] ==
          "revoke create on database shop from tenant_a;");
    stage.given = {{&multi_tenant::kLoginCheck, {{"tenant_login", "f", "f", "f", "2", "t"}}}};
    CHECK(stage.finding()["rule"] == "login-is-tenant");
    CHECK(stage.finding()["severity"] == "critical");
    stage.given = {{&multi_tenant::kMembersCheck, {{"tenant_a", "tenant_b", "t", "f"}}}};
    CHECK(stage.finding()["rule"] == "role-of-another");
}

TEST_CASE("tenant_check: what cannot be asked is told, and the rest is judged") {
    Stage stage;
    stage.fails = Error::database("42501", "permission denied for table pg_policy");
    stage.given = {{&multi_tenant::kTablesCheck,
                    {{"shop.orders", "f", "f", "f", "owner", "f", "t", "f", "f", "1", std::nullopt}}}};
    const Json answer = stage.check();
    CHECK(answer["findings"].size() == 1);
    CHECK(answer["not_checked"].size() == multi_tenant::allChecks().size() - 1);
}

TEST_CASE("tenant_check: versions from 16 on are asked for SET, older ones for membership") {
    const auto asked = [](const char* version) {
        Stage stage(R"({"model":"role","operators":["local"]})", version);
        stage.check();
        for (const std::string& sql : stage.asked)
            if (sql.find("as may_set") != std::string::npos) return sql.find("'SET'") != std::string::npos;
        FAIL("roles were not asked for");
        return false;
    };
    CHECK_FALSE(asked("150009"));
    CHECK(asked("160005"));
}

TEST_CASE("tools: a tenant is no operator; its own log it may ask for, another's is not there") {
    Stage stage(R"({"model":"schema"})");
    stage.host.principal.tenant = toAbi("acme");
    for (const char* tool : {"tenant_check", "tenant_list"}) {
        const FakeAnswer answer = stage.host.call(tool, Json::object());
        CHECK(answer.error.rule == "tenant-operator-only");
    }
    CHECK(stage.host.call("tenant_create", {{"tenant", "x"}}).error.rule == "tenant-operator-only");
    CHECK(stage.host.call("tenant_audit", {{"tenant", "globex"}}).error.message ==
          "tenant globex has no audit log yet");
    CHECK(stage.host.call("tenant_audit", Json::object()).error.message == "no audit log is kept");
    stage.host.principal.tenant = {};
    CHECK(stage.host.call("tenant_check", Json::object()).error.rule == "tenant-missing");
}

TEST_CASE("tenant_create: SQL for the model and the server, every name in quotes") {
    Stage stage(R"({"model":"schema","operators":["local"],"databases":{"main":"main","notes":"notes"}})");
    const FakeAnswer answer = stage.host.call("tenant_create", {{"tenant", "a-b"}, {"database", "notes"}});
    REQUIRE(answer.status == HOWDAH_OK);
    const auto sql = Json::parse(answer.text)["sql"].get<std::string>();
    for (const char* part : {"create role \"tenant_a-b\" nologin noinherit",
                             "grant \"tenant_a-b\" to \"login\" with inherit false, set true;",
                             "create schema \"tenant_a-b\";", "revoke all on schema \"tenant_a-b\" from public;",
                             "grant select, insert, update, delete on all tables in schema \"tenant_a-b\""})
        CHECK_MESSAGE(sql.find(part) != std::string::npos, part);
    const auto reading =
        Json::parse(stage.host.call("tenant_create", {{"tenant", "a-b"}, {"database", "main"}}).text)["sql"]
            .get<std::string>();
    CHECK(reading.find("insert") == std::string::npos);
    CHECK(stage.host.call("tenant_create", {{"tenant", "A b"}}).status == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(stage.host.call("tenant_create", {{"tenant", "public"}}).error.rule == "tenant-reserved");
}

TEST_CASE("tenant_list: those that are listed and those whose role or schema is there") {
    Stage stage(R"({"model":"schema","operators":["local"],"tenants":{"acme":{}}})");
    stage.names = {{"role", "tenant_globex"}, {"role", "tenant_"}, {"schema", "tenant_initech"}};
    const Json tenants = Json::parse(stage.host.call("tenant_list", Json::object()).text)["tenants"];
    REQUIRE(tenants.size() == 3);
    CHECK(tenants[0]["tenant"] == "acme");
    CHECK(tenants[0]["listed"] == true);
    CHECK(tenants[1]["tenant"] == "globex");
    CHECK(tenants[1]["role"] == "tenant_globex");
    CHECK(tenants[2]["tenant"] == "initech");
}

TEST_CASE("tenant_list: a schema of the tenants' own is found behind one of all") {
    Stage stage(R"({"model":"schema","operators":["local"],"search_path":["shared","s_{tenant}"]})");
    stage.names = {{"schema", "s_initech"}, {"schema", "shared"}};
    const Json tenants = Json::parse(stage.host.call("tenant_list", Json::object()).text)["tenants"];
    REQUIRE(tenants.size() == 1);
    CHECK(tenants[0]["tenant"] == "initech");
}

TEST_CASE("tenant_audit: while a log is read for an operator no other is, and then the next") {
    namespace fs = std::filesystem;
    const std::string folder = (fs::temp_directory_path() / concat("multi-tenant-tools-", ::getpid())).string();
    REQUIRE(multi_tenant::makeFolder(folder + "/audit"));
    std::ofstream(folder + "/keys") << "k1 " << std::string(64, '1') << "\n";
    fs::permissions(folder + "/keys", fs::perms::owner_read | fs::perms::owner_write);
    {
        Stage stage(concat(R"({"model":"schema","operators":["local"],"audit":{"key_file":")", folder, R"(/keys"}})"),
                    "160009", folder);
        std::optional<multi_tenant::File> held;
        {
            auto mark = multi_tenant::File::make(folder + "/audit/acme.mark");
            REQUIRE(mark);
            held = std::move(*mark);
            REQUIRE(held->lock());
        }
        FakeAnswer first;
        std::atomic<bool> over{false};
        std::thread reading([&] {
            do  // until it is not the other's turn
                first = stage.host.call("tenant_audit", {{"tenant", "acme"}});
            while (first.error.message == "a log is being verified already");
            over = true;
        });
        const auto asked = [&] { return stage.host.call("tenant_audit", {{"tenant", "globex"}}).error; };
        Error second = asked();
        while (!over && second.code != Code::unavailable)
            second = asked();
        CHECK(second.message == "a log is being verified already");
        held.reset();
        reading.join();
        CHECK(first.error.code == Code::not_found);
        CHECK(asked().message == "tenant globex has no audit log yet");
    }
    fs::remove_all(folder);
}
