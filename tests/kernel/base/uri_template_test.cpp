#include "kernel/base/uri_template.hpp"

#include <doctest/doctest.h>

using howdah::kernel::UriTemplate;

namespace {

// "name=value name=value", or "no".
std::string matched(std::string_view pattern, std::string_view uri) {
    auto parsed = UriTemplate::parse(pattern);
    REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.error().message));
    auto found = parsed->match(uri);
    if (!found) return "no";
    std::string out;
    for (const auto& [name, value] : *found)
        out += (out.empty() ? "" : " ") + std::string(name) + "=" + value;
    return out;
}

std::string refused(std::string_view pattern) {
    auto parsed = UriTemplate::parse(pattern);
    return parsed ? "taken" : parsed.error().message;
}

}  // namespace

TEST_CASE("uri_template: a variable is what stands between the literals, percent-decoded") {
    CHECK(matched("postgres://{db}/{table}/rows", "postgres://main/orders/rows") == "db=main table=orders");
    CHECK(matched("note:///{id}", "note:///a%20b%C3%A9") == "id=a bé");
    CHECK(matched("x:{a}?q={b}", "x:1?q=2") == "a=1 b=2");
    CHECK(matched("file:///{+path}", "file:///a/b?c=d") == "path=a/b?c=d");
    CHECK(matched("test://{id}/data", "test://123/data") == "id=123");
}

TEST_CASE("uri_template: what does not fit whole does not fit") {
    CHECK(matched("note:///{id}", "note:///") == "no");
    CHECK(matched("note:///{id}", "note:///a/b") == "no");
    CHECK(matched("note:///{id}/x", "note:///a/") == "no");
    CHECK(matched("note:///{id}", "nota:///a") == "no");
    for (const char* broken : {"note:///%", "note:///%4", "note:///%zz", "note:///%00"})
        CHECK_MESSAGE(matched("note:///{id}", broken) == "no", broken);
}

TEST_CASE("uri_template: what would fit in two ways, or is not served, is refused by name") {
    CHECK(refused("a:{b}{c}").find("after {b} must come a character that ends it") != std::string::npos);
    CHECK(refused("a:{b}c").find("after {b} must come") != std::string::npos);
    CHECK(refused("a:{+b}/c").find("{+b} takes all that follows") != std::string::npos);
    CHECK(refused("a:{b}/{b}").find("{b} stands twice") != std::string::npos);
    CHECK(refused("a:{?b}").find("{?b} is not served") != std::string::npos);
    CHECK(refused("a:{b*}").find("is not served") != std::string::npos);
    CHECK(refused("a:{}").find("is not served") != std::string::npos);
    CHECK(refused("a:{b").find("a { without its }") != std::string::npos);
    CHECK(refused("a:b}/{c}").find("a } without its {") != std::string::npos);
    CHECK(refused("a:b").find("no variable") != std::string::npos);
    std::string many = "a:";
    for (int i = 0; i < 17; ++i)
        many += "/{v" + std::to_string(i) + "}";
    CHECK(refused(many).find("more than 16 variables") != std::string::npos);
}
