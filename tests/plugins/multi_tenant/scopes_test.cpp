// That a scope is made once, and is only ever that of the principal who asks.
#include "plugins/multi_tenant/scopes.hpp"

#include <doctest/doctest.h>

#include <howdah/host.hpp>

using namespace howdah;
using namespace howdah::multi_tenant;

namespace {

struct Asking {
    std::string subject = "oauth:ada", tenant = "acme", tier;
    std::vector<howdah_str> scopes{toAbi("howdah:read")};
    howdah_principal principal() const {
        return {sizeof(howdah_principal), 0, toAbi(subject), toAbi(tenant), toAbi(tier), scopes.data(), scopes.size()};
    }
};

Directory directory() {
    auto config = Config::parse(nlohmann::json::parse(R"({"model": "shared", "tiers": {"gold": {"databases": {"main": "gold"}}}})"));
    REQUIRE_MESSAGE(config, config.error().message);
    auto made = Directory::make(std::move(*config), {"main", "gold"});
    REQUIRE_MESSAGE(made, made.error().message);
    return std::move(*made);
}

std::string claimsIn(const Scope& scope) {
    for (const auto& [name, value] : scope.settings)
        if (name == "request.jwt.claims") return value;
    return "";
}

}  // namespace

TEST_CASE("tenant scopes: the same principal has the same scope, whoever differs in anything that counts has another") {
    const Directory tenants = directory();
    Scopes scopes(tenants);
    const auto of = [&](const Asking& asking) {
        auto scope = scopes.of(asking.tenant, asking.principal());
        REQUIRE_MESSAGE(scope, scope.error().message);
        const auto afresh = tenants.scopeOf(asking.tenant, asking.principal());
        REQUIRE(afresh);
        CHECK((*scope)->settings == afresh->settings);
        CHECK((*scope)->databases == afresh->databases);
        return *scope;
    };
    const Asking ada;
    const auto first = of(ada);
    CHECK(of(ada) == first);

    Asking other = ada;
    other.tenant = "bell";
    CHECK(claimsIn(*of(other)) != claimsIn(*first));
    other = ada;
    other.subject = "oauth:bob";
    CHECK(claimsIn(*of(other)) != claimsIn(*first));
    other = ada;
    other.tier = "gold";
    CHECK(*of(other)->database("main") == "gold");
    other = ada;
    other.scopes.push_back(toAbi("howdah:write"));
    CHECK(claimsIn(*of(other)) != claimsIn(*first));

    // Parts that are one text when they are put one behind the other.
    Asking left = ada, right = ada;
    left.subject = "oauth:a", left.tier = "bc";
    right.subject = "oauth:ab", right.tier = "c";
    CHECK(claimsIn(*of(left)) != claimsIn(*of(right)));
    CHECK(of(ada) == first);
}

TEST_CASE("tenant scopes: more principals than are kept are served all the same") {
    const Directory tenants = directory();
    Scopes scopes(tenants);
    Asking asking;
    const auto first = scopes.of(asking.tenant, asking.principal());
    REQUIRE(first);
    for (std::size_t i = 0; i <= Scopes::kMost; ++i) {
        asking.subject = concat("oauth:", i);
        const auto scope = scopes.of(asking.tenant, asking.principal());
        REQUIRE(scope);
        CHECK(claimsIn(**scope).find(concat("\"oauth:", i, "\"")) != std::string::npos);
    }
    const auto again = scopes.of("acme", Asking{}.principal());
    REQUIRE(again);
    CHECK((*again)->settings == (*first)->settings);
    CHECK(*again != *first);
}
