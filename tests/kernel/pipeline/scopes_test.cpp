// Which principal holds which scope, and what a call is told that needs one its principal lacks.
#include "kernel/pipeline/scopes.hpp"

#include <doctest/doctest.h>

namespace howdah::kernel::test {

TEST_CASE("scopes: admin holds write and read, write holds read, nothing holds another's") {
    const auto held = [](std::vector<std::string> scopes) {
        Principal principal{.subject = "a", .scopes = std::move(scopes)};
        std::string out;
        for (std::string_view scope : {kReadScope, kWriteScope, kAdminScope, std::string_view("acme:x")})
            out += holds(principal, scope) ? '1' : '0';
        return out;
    };
    CHECK(held({}) == "0000");
    CHECK(held({"howdah:read"}) == "1000");
    CHECK(held({"howdah:write"}) == "1100");
    CHECK(held({"howdah:admin"}) == "1110");
    CHECK(held({"acme:x"}) == "0001");
    CHECK(held({"howdah:READ", "howdah:write ", "howdah", "howdah:*"}) == "0000");
    for (std::string_view scope : {kReadScope, kAdminScope, std::string_view("acme:x")})
        CHECK(holds(localUser(), scope));
    CHECK_FALSE(holds(Principal{.subject = "local"}, kReadScope));  // the name alone is nobody
}

TEST_CASE("scopes: a request that lacks some is told all that it needs") {
    const Principal principal{.subject = "a", .scopes = {"x"}};
    const std::vector<std::string> needed{"x", "y", "howdah:write"};
    Request request;
    request.principal = &principal;
    CHECK(requireScopes(request, {"x"}));
    CHECK(request.scopes_needed == nullptr);
    auto may = requireScopes(request, needed);
    REQUIRE_FALSE(may);
    CHECK(may.error().code == Code::refused);
    CHECK(may.error().rule == "insufficient_scope");
    CHECK(may.error().message == "this needs the scope y and howdah:write, which your credential does not have");
    CHECK(request.scopes_needed == &needed);
}

}  // namespace howdah::kernel::test
