#include "plugins/schema/table_name.hpp"

#include <doctest/doctest.h>

#include "plugins/guard/classify.hpp"
#include "plugins/schema/statements.hpp"

using namespace howdah;
using namespace howdah::schema;

TEST_CASE("schema: a table's name is read as PostgreSQL reads it") {
    struct Case {
        std::string_view text, schema, name, folded;
    };
    for (const Case& wanted : {Case{"orders", "", "orders", "orders"}, Case{"Shop.Orders", "Shop", "Orders", "orders"},
                               Case{R"("Order Lines")", "", "Order Lines", "Order Lines"},
                               Case{R"(shop . "a.b""c" )", "shop", "a.b\"c", "a.b\"c"}}) {
        auto name = TableName::parse(wanted.text);
        REQUIRE(name);
        CHECK(name->schema.value_or("") == wanted.schema);
        CHECK(name->name == wanted.name);
        CHECK(name->folded == wanted.folded);
    }
}

TEST_CASE("schema: what is no table name is refused") {
    for (const char* text : {"", " ", ".", "a.", ".a", "a..b", "a.b.c", R"("a)", R"("a"b)", R"("")"}) {
        auto name = TableName::parse(text);
        REQUIRE_FALSE(name);
        CHECK(name.error().code == Code::invalid_argument);
    }
}

TEST_CASE("schema: a search without % is a part of the name, and _ stands for itself") {
    CHECK(likePattern("order_items") == R"(%order\_items%)");
    CHECK(likePattern("order%") == "order%");
    CHECK(likePattern(R"(a\b)") == R"(%a\\b%)");
}

TEST_CASE("schema: the nearest names come first, and far ones not at all") {
    const std::vector<std::string> known = {"shop.orders", "shop.order_items", "shop.customers", "old.orders"};
    CHECK(nearestNames("ordrs", known, 3) == std::vector<std::string>{"old.orders", "shop.orders"});
    CHECK(nearestNames("shop.custmers", known, 3) == std::vector<std::string>{"shop.customers"});
    CHECK(nearestNames("invoices", known, 3).empty());
    CHECK(nearestNames(std::string(1000, 'x'), known, 3).empty());
}

TEST_CASE("schema: every statement would pass the guard") {
    for (const Statement& statement : {kListTables, kFindTable, kTableNames, kDescribeTable}) {
        auto facts = guard::classify(std::string{statement.sql}, {});
        CHECK_MESSAGE(facts, (facts ? "" : facts.error().message));
        CHECK(statement.access == HOWDAH_ACCESS_READ);
    }
}
