// Which ids are tenants, what names they make, and what a principal's scope is.
#include "plugins/multi_tenant/directory.hpp"

#include <fstream>
#include <tuple>

#include <doctest/doctest.h>

#include <howdah/host.hpp>

using namespace howdah;
using namespace howdah::multi_tenant;
using Json = nlohmann::json;

namespace {

struct Who {
    std::string subject = "oauth:ada", tenant, tier;
    std::vector<howdah_str> scopes{toAbi("howdah:read")};
    howdah_principal principal() const {
        return {sizeof(howdah_principal), 0, toAbi(subject), toAbi(tenant), toAbi(tier), scopes.data(), scopes.size()};
    }
};

Directory directoryOf(const char* section, const std::vector<std::string>& databases = {"main", "notes", "gold"}) {
    auto config = Config::parse(Json::parse(section));
    REQUIRE_MESSAGE(config, config.error().message);
    auto directory = Directory::make(std::move(*config), databases);
    REQUIRE_MESSAGE(directory, directory.error().message);
    return std::move(*directory);
}

std::string problemOf(const char* section) {
    auto config = Config::parse(Json::parse(section));
    if (!config) return config.error().message;
    auto directory = Directory::make(std::move(*config), {"main", "notes"});
    return directory ? "" : directory.error().message;
}

std::string settingOf(const Scope& scope, std::string_view name) {
    for (const auto& [key, value] : scope.settings)
        if (key == name) return value;
    return "(none)";
}

}  // namespace

TEST_CASE("tenant ids: 1 to 63 of a-z, 0-9, _ and -, and nothing that could be read as something else") {
    for (const char* id : {"a", "7", "acme", "a-b_c", "0b6f4c1e-7a0e-4a53-9b1e-111111111111"})
        CHECK_MESSAGE(isTenantId(id), id);
    CHECK(isTenantId(std::string(63, 'a')));
    CHECK_FALSE(isTenantId(std::string(64, 'a')));
    for (const char* id :
         {"", "Acme", "_a", "-a", "a b", "a\"b", "a'b", "a%b", "a.b", "a/b", "../b", "a;b", "a\nb", "{tenant}",
          "\xD0\xB0"
          "cme",  // the first letter is Cyrillic
          "acme\xE2\x80\x8B"})
        CHECK_FALSE_MESSAGE(isTenantId(id), id);
    CHECK_FALSE(isTenantId(std::string_view("a\0b", 3)));
}

TEST_CASE("templates: one variable, behind something of the operator's own, and back from a name to its tenant") {
    auto made = NameTemplate::parse("role", "tenant_{tenant}_app", true);
    REQUIRE(made);
    CHECK(made->of("acme") == "tenant_acme_app");
    CHECK(made->tenantOf("tenant_acme_app") == std::optional<std::string_view>("acme"));
    CHECK_FALSE(made->tenantOf("tenant__app"));
    CHECK_FALSE(made->tenantOf("tenant_ACME_app"));
    CHECK_FALSE(made->tenantOf("other"));
    CHECK_FALSE(NameTemplate::parse("role", "{tenant}", true));
    CHECK(NameTemplate::parse("databases.main", "{tenant}", false));
    for (const char* wrong : {"", "a{tenant}b{tenant}", "a{name}", "a}"})
        CHECK_FALSE_MESSAGE(NameTemplate::parse("role", wrong, true), wrong);
}

TEST_CASE("reserved: in the models that make names of ids a tenant called like something of all is refused") {
    Who who;
    for (const char* id : {"public", "postgres", "none", "information_schema", "template1", "pg_temp", "pg_catalog"}) {
        who.tenant = isTenantId(id) ? id : "";
        REQUIRE_FALSE(who.tenant.empty());
        for (const char* model : {"role", "schema", "database"}) {
            const auto directory = directoryOf(concat(R"({"model":")", model, R"("})").c_str());
            CHECK_MESSAGE(directory.askerOf(who.principal()).error().rule == "tenant-reserved", id);
            CHECK(problemOf(concat(R"({"model":")", model, R"(","tenants":{")", id, R"(":{}}})").c_str())
                      .starts_with(concat("multi_tenant.tenants.", id)));
            CHECK(problemOf(concat(R"({"model":")", model, R"(","default":")", id, R"("})").c_str())
                      .starts_with("multi_tenant.default"));
        }
        // There the id is a value in a setting.
        CHECK(directoryOf(R"({"model":"shared"})").askerOf(who.principal()));
    }
}

TEST_CASE("reserved: no id makes the name of a schema, role or database that is spelled out for all or for another") {
    Who who;
    const auto rule = [&](const Directory& directory, const char* tenant) {
        auto scope = directory.scopeOf(tenant, who.principal());
        return scope ? std::string() : scope.error().rule;
    };
    const auto schema = directoryOf(R"({"model":"schema","search_path":["tenant_{tenant}","tenant_common"],
        "tenants":{"acme":{"role":"tenant_acme","search_path":["acme_data","tenant_common"]}}})");
    CHECK(rule(schema, "common") == "tenant-reserved");
    CHECK(rule(schema, "acme").empty());
    CHECK(rule(schema, "globex").empty());
    const auto role = directoryOf(R"({"model":"role","role":"app_{tenant}","tenants":{"acme":{"role":"other"}}})");
    CHECK(rule(role, "acme").empty());
    const auto database = directoryOf(
        R"({"model":"database","tiers":{"gold":{"databases":{"main":"gold"}}},"tenants":{"acme":{"databases":{"main":"notes"}}}})");
    for (const char* id : {"main", "gold", "notes"})
        CHECK_MESSAGE(rule(database, id) == "tenant-reserved", id);
    CHECK(*database.scopeOf("acme", who.principal())->database("main") == "notes");
    // A template whose beginning is that of a name of PostgreSQL's.
    CHECK_FALSE(directoryOf(R"({"model":"role","role":"pg_{tenant}"})").scopeOf("monitor", who.principal()));
    CHECK_FALSE(directoryOf(R"({"model":"role","role":"post{tenant}"})").scopeOf("gres", who.principal()));
}

TEST_CASE("reserved: two tenants with one role, schema or database are refused where that is what keeps them apart") {
    for (const auto& [model, key, value] :
         {std::tuple{"role", "role", R"("x_app")"}, std::tuple{"schema", "search_path", R"(["x_data"])"},
          std::tuple{"database", "databases", R"({"main":"notes"})"}}) {
        const auto with = [&, model = model, key = key](const std::string& first, const std::string& second) {
            return problemOf(concat(R"({"model":")", model, R"(","tenants":{"acme":{")", key, "\":", first,
                                    R"(},"globex":{")", key, "\":", second, "}}}")
                                 .c_str());
        };
        CHECK_MESSAGE(with(value, value).starts_with(concat("multi_tenant.tenants.globex.", key)), with(value, value));
    }
    CHECK(problemOf(R"({"model":"role","tenants":{"acme":{"role":"tenant_globex"}}})")
              .starts_with("multi_tenant.tenants.acme.role: tenant_globex"));
    CHECK(
        problemOf(R"({"model":"shared","role":"app","tenants":{"acme":{"role":"x"},"globex":{"role":"x"}}})").empty());
}

TEST_CASE("identifiers: what PostgreSQL would cut or take for its own is refused") {
    CHECK(identifier(std::string(63, 'a')));
    CHECK_FALSE(identifier(std::string(64, 'a')));
    for (const char* name : {"none", "public", "pg_read_all_data"})
        CHECK_FALSE_MESSAGE(identifier(name), name);
    CHECK(sqlName("a\"b") == "\"a\"\"b\"");
}

TEST_CASE(
    "askers: no tenant is refused unless a default or an operator is configured, and a tenant is never an operator") {
    Who who;
    const auto strict = directoryOf(R"({"model":"schema"})");
    REQUIRE_FALSE(strict.askerOf(who.principal()));
    CHECK(strict.askerOf(who.principal()).error().rule == "tenant-missing");

    const auto open = directoryOf(R"({"model":"schema","default":"guest","operators":["token:ops"]})");
    CHECK(open.askerOf(who.principal())->tenant == "guest");
    who.subject = "token:ops";
    CHECK(open.askerOf(who.principal())->is_operator);
    who.tenant = "acme";
    CHECK_FALSE(open.askerOf(who.principal())->is_operator);
    CHECK(open.askerOf(who.principal())->tenant == "acme");
}

TEST_CASE(
    "askers: an id that is none, or is not listed where only listed ones are served, is refused and not repeated") {
    Who who;
    who.tenant = "x'; drop table y --";
    const auto directory = directoryOf(R"({"model":"schema","listed_only":true,"tenants":{"acme":{}}})");
    auto asker = directory.askerOf(who.principal());
    REQUIRE_FALSE(asker);
    CHECK(asker.error().rule == "tenant-malformed");
    CHECK(asker.error().message.find("drop") == std::string::npos);
    who.tenant = "globex";
    CHECK(directory.askerOf(who.principal()).error().rule == "tenant-unknown");
    who.tenant = "acme";
    CHECK(directory.askerOf(who.principal()));
}

TEST_CASE("scope: of model schema a role, a quoted search_path with pg_temp last, settings and claims") {
    Who who;
    who.tenant = "a-b";
    who.tier = "gold";
    const auto directory = directoryOf(R"({"model":"schema","search_path":["tenant_{tenant}","shared"]})");
    auto scope = directory.scopeOf("a-b", who.principal());
    REQUIRE(scope);
    CHECK(scope->role == "tenant_a-b");
    CHECK(scope->search_path == R"("tenant_a-b", "shared", pg_temp)");
    CHECK(settingOf(*scope, "app.tenant_id") == "a-b");
    const Json claims = Json::parse(settingOf(*scope, "request.jwt.claims"));
    CHECK(claims == Json{{"tenant", "a-b"},
                         {"subject", "oauth:ada"},
                         {"sub", "ada"},
                         {"role", "tenant_a-b"},
                         {"tier", "gold"},
                         {"scopes", {"howdah:read"}}});
    CHECK(*scope->database("main") == "main");
    CHECK(scope->database("notes") == nullptr);
}

TEST_CASE("scope: a schema that is spelled out for all is taken as it is, a role of PostgreSQL's own does not start") {
    Who who;
    const auto schema = directoryOf(R"({"model":"schema","search_path":["tenant_{tenant}","public"]})");
    auto scope = schema.scopeOf("acme", who.principal());
    REQUIRE_MESSAGE(scope, scope.error().message);
    CHECK(scope->search_path == R"("tenant_acme", "public", pg_temp)");
    for (const char* role : {"none", "postgres", "pg_monitor"}) {
        CHECK(problemOf(concat(R"({"model":"shared","role":")", role, R"("})").c_str())
                  .starts_with("multi_tenant.role: "));
        CHECK(problemOf(concat(R"({"model":"role","tenants":{"acme":{"role":")", role, R"("}}})").c_str())
                  .starts_with("multi_tenant.tenants.acme.role: "));
    }
    // Of 40 letters and 80 bytes; what PostgreSQL keeps of it may be another's as well.
    std::string cut;
    for (int i = 0; i < 40; ++i)
        cut += "\u00e4";
    CHECK(problemOf(concat(R"({"model":"schema","search_path":["tenant_{tenant}",")", cut, R"("]})").c_str())
              .starts_with("multi_tenant.search_path: "));
    CHECK(problemOf(concat(R"({"model":"schema","search_path":["tenant_{tenant}"],"tenants":{"acme":{"search_path":[")",
                           cut, R"("]}}})")
                        .c_str())
              .starts_with("multi_tenant.tenants.acme.search_path: "));
}

TEST_CASE("claims: only an issuer's user has a sub, so a token cannot pose as one") {
    Who who;
    who.subject = "token:ada";
    CHECK_FALSE(Json::parse(claimsOf("acme", "", who.principal())).contains("sub"));
    who.subject = "oauth:token:ada";
    CHECK(Json::parse(claimsOf("acme", "", who.principal()))["sub"] == "token:ada");
}

TEST_CASE("scope: tiers, then a tenant's own entry, choose the database; a name too long is no scope at all") {
    Who who;
    const auto directory = directoryOf(R"({"model":"shared","role":"app","databases":{"main":"main","notes":"notes"},
        "tiers":{"gold":{"databases":{"main":"gold"}}},
        "tenants":{"acme":{"role":"acme_own","databases":{"notes":"main"}}}})");
    who.tier = "gold";
    auto gold = directory.scopeOf("globex", who.principal());
    REQUIRE(gold);
    CHECK(gold->role == "app");
    CHECK(gold->search_path.empty());
    CHECK(*gold->database("main") == "gold");
    CHECK(*gold->database("notes") == "notes");
    auto acme = directory.scopeOf("acme", who.principal());
    CHECK(acme->role == "acme_own");
    CHECK(*acme->database("notes") == "main");
    const auto by_schema = directoryOf(R"({"model":"schema"})");
    CHECK(by_schema.scopeOf(std::string(56, 'a'), who.principal()));
    CHECK_FALSE(by_schema.scopeOf(std::string(57, 'a'), who.principal()));
}

TEST_CASE("scope: of model database the default database is the tenant's") {
    Who who;
    const auto directory = directoryOf(R"({"model":"database"})", {"main", "acme"});
    CHECK(*directory.scopeOf("acme", who.principal())->database("main") == "acme");
    CHECK(directory.scopeOf("acme", who.principal())->role.empty());
}

TEST_CASE("configuration: what would serve nobody, or somebody as another, is refused with its key") {
    CHECK(problemOf(R"({"model":"schema","role":"app"})").find("multi_tenant.role") == 0);
    CHECK(problemOf(R"({"model":"role","role":"{tenant}"})").find("multi_tenant.role") == 0);
    CHECK(problemOf(R"({"model":"schema","search_path":[]})").find("multi_tenant.search_path") == 0);
    CHECK(problemOf(R"({"model":"schema","search_path":["app"]})").find("multi_tenant.search_path") == 0);
    CHECK(problemOf(R"({"model":"shared","claims":false,"settings":{"app.region":"eu"}})")
              .find("multi_tenant.settings") == 0);
    CHECK(problemOf(R"({"model":"shared","claims":true,"settings":{"app.region":"eu"}})").empty());
    CHECK(problemOf(R"({"model":"shared","claims":false,"settings":{"app.who":"{tenant}"}})").empty());
    CHECK(problemOf(R"({"model":"shared","tenants":{"Acme":{}}})").find("multi_tenant.tenants") == 0);
    CHECK(problemOf(R"({"model":"shared","default":"No One"})").find("multi_tenant.default") == 0);
    CHECK(problemOf(R"({"model":"shared","databases":{"mian":"main"}})") ==
          "multi_tenant.databases: there is no database mian");
    CHECK(problemOf(R"({"model":"shared","databases":{"main":"mian"}})") ==
          "multi_tenant.databases: there is no database mian");
    CHECK(problemOf(R"({"model":"shared","tiers":{"gold":{"databases":{"main":"mian"}}}})") ==
          "multi_tenant.tiers.gold.databases: there is no database mian");
    CHECK(problemOf(R"({"model":"shared","databases":{"main":"{tenant}"}})").empty());
}

TEST_CASE("configuration: the defaults of plugin.json are those of the code") {
    std::ifstream file(MULTI_TENANT_MANIFEST);
    const Json properties = Json::parse(file)["config"]["properties"];
    Json section{{"model", "shared"}, {"audit", {{"key_file", "/k"}}}};
    const auto config = Config::parse(section);
    REQUIRE(config);
    CHECK(properties["claims"]["default"] == config->claims);
    CHECK(properties["listed_only"]["default"] == config->listed_only);
    CHECK(properties["default"]["default"] == config->default_tenant);
    CHECK(properties["operators"]["default"] == Json(config->operators));
    CHECK(properties["tools"]["default"] == Json(config->tools));
    CHECK(properties["tenant_column"]["default"] == config->tenant_column);
    CHECK(properties["settings"]["default"] == Json{{config->settings[0].first, "{tenant}"}});
    CHECK((properties["catalogs"]["default"] == "allow") == config->catalogs_allowed);
    const Json& audit = properties["audit"]["properties"];
    CHECK(audit["statement_bytes_max"]["default"] == config->audit->statement_bytes_max);
    CHECK(audit["bytes_max"]["default"] == config->audit->bytes_max);
    CHECK(audit["sync"]["default"] == config->audit->sync);
}
