// From a plan to candidates: which columns are used how, and which indexes that suggests.
#include <algorithm>

#include <doctest/doctest.h>

#include "plugins/optimizer/estimate_judge.hpp"
#include "plugins/optimizer/index_spec.hpp"
#include "plugins/optimizer/tokens.hpp"

using namespace howdah;
using namespace howdah::optimizer;

namespace {

Plan scanOf(const std::string& filter, const std::string& more = "") {
    const Json node{{"Node Type", "Seq Scan"}, {"Relation Name", "orders"}, {"Schema", "shop"}, {"Alias", "o"},
                    {"Filter", filter},        {"Total Cost", 2000},        {"Plan Rows", 10}};
    Json whole = node;
    if (!more.empty()) whole.update(Json::parse(more));
    auto plan = Plan::parse(Json::array({{{"Plan", whole}}}).dump());
    REQUIRE(plan);
    return std::move(*plan);
}

const Comparison& onlyOne(const std::vector<TableUse>& uses) {
    REQUIRE(uses.size() == 1);
    REQUIRE(uses[0].comparisons.size() == 1);
    return uses[0].comparisons[0];
}

Catalog shop() {
    Table orders;
    orders.schema = "shop", orders.name = "orders", orders.kind = "r";
    orders.rows = 100000, orders.pages = 2000, orders.analyzed = true;
    const auto column = [&](const char* name, const char* type, const char* category, double distinct, double width) {
        Column& added = orders.columns[name];
        added.type = type, added.category = category, added.distinct = distinct, added.width = width,
        added.known = true;
    };
    column("id", "int8", "N", 100000, 8);
    column("customer", "int4", "N", 5000, 4);
    column("status", "varchar", "S", 4, 6);
    column("day", "timestamp", "D", 3000, 8);
    column("note", "text", "S", 90000, 200);
    column("tags", "jsonb", "U", 0, 40);
    orders.columns["closed"].null_share = 0.1;
    Catalog catalog;
    catalog.add(std::move(orders));
    return catalog;
}

std::vector<std::string> suggested(const std::string& filter, const Catalog& catalog, const std::string& more = "") {
    std::vector<std::string> ddls;
    for (const Candidate& candidate : candidatesFor({usesOf(scanOf(filter, more))}, catalog, {}))
        ddls.push_back(candidate.spec.ddl());
    return ddls;
}

// A B-tree whose definition says nothing but its columns.
ExistingIndex indexOn(const std::string& name, const std::vector<std::string>& keys) {
    ExistingIndex index{name, "btree", "", "", keys, {}, false, false, true, 0, 0, {}, keys.size(), "", false};
    for (const std::string& key : keys)
        index.key_ids.push_back(key + " plain");
    return index;
}

bool has(const std::vector<std::string>& ddls, const std::string& ddl) {
    return std::find(ddls.begin(), ddls.end(), ddl) != ddls.end();
}

}  // namespace

TEST_CASE("optimizer: a condition is read for its column, its kind and its constant") {
    const auto equal = onlyOne(usesOf(scanOf("(o.status = 'open'::text)")));
    CHECK(equal.how == Comparing::equal);
    CHECK(equal.column == "status");
    CHECK(equal.constant == "'open'");
    CHECK(onlyOne(usesOf(scanOf("(5 < o.customer)"))).how == Comparing::range);
    CHECK(onlyOne(usesOf(scanOf("(o.customer = ANY ('{1,2}'::integer[]))"))).how == Comparing::in_list);
    CHECK(onlyOne(usesOf(scanOf("(o.closed IS NULL)"))).how == Comparing::is_null);
    CHECK(onlyOne(usesOf(scanOf("(o.note ~~ '%x%'::text)"))).how == Comparing::pattern);
    CHECK(onlyOne(usesOf(scanOf("(o.note ~~ 'abc%'::text)"))).how == Comparing::prefix);
    CHECK(onlyOne(usesOf(scanOf("(o.tags @> '{}'::jsonb)"))).how == Comparing::contains);
    CHECK(onlyOne(usesOf(scanOf("(o.customer = (SubPlan 1))"))).how == Comparing::equal);
    CHECK(onlyOne(usesOf(scanOf("(NOT o.paid)"))).how == Comparing::is_false);
}

TEST_CASE("optimizer: a column inside of a cast is told with the type it is cast to, and as an expression") {
    const auto cast = onlyOne(usesOf(scanOf("((o.day)::date = '2024-05-01'::date)")));
    CHECK(cast.column == "day");
    CHECK(cast.cast_to == "date");
    CHECK(cast.expression == "(day)::date");
}

TEST_CASE("optimizer: a condition that does not parse is passed over") {
    CHECK(usesOf(scanOf("(o.x = = 1)")).at(0).comparisons.empty());
}

TEST_CASE("optimizer: columns compared with = come before the range") {
    const auto ddls = suggested("((o.day > '2024-01-01'::timestamp) AND (o.customer = 7))", shop());
    CHECK(has(ddls, "create index on shop.orders (customer)"));
    CHECK(has(ddls, "create index on shop.orders (customer, day)"));
    CHECK_FALSE(has(ddls, "create index on shop.orders (day, customer)"));
}

TEST_CASE("optimizer: the more selective of two equal columns comes first") {
    const auto ddls = suggested("((o.status = 'open'::text) AND (o.customer = 7))", shop());
    CHECK(has(ddls, "create index on shop.orders (customer, status)"));
    CHECK(has(ddls, "create index on shop.orders (customer) where status = 'open'"));
}

TEST_CASE("optimizer: a partial index is of a value that is rare, and not of one that every call has another of") {
    const auto partial = [](const std::string& value, const std::string& written) {
        Table orders = shop().tables().front();
        orders.columns["status"].distinct = 2;
        orders.columns["status"].common = "done", orders.columns["status"].common_share = 0.98;
        Catalog catalog;
        catalog.add(std::move(orders));
        auto uses = usesOf(scanOf(concat("(((o.status)::text = '", value, "'::text) AND (o.customer = 7))")));
        markParameters(uses, written);
        std::vector<std::string> ddls;
        for (const Candidate& candidate : candidatesFor({uses}, catalog, {}))
            ddls.push_back(candidate.spec.ddl());
        return has(ddls, concat("create index on shop.orders (customer) where status = '", value, "'"));
    };
    CHECK(partial("open", "... where status = 'open' and customer = $1"));
    CHECK_FALSE(partial("done", "... where status = 'done' and customer = $1"));
    CHECK_FALSE(partial("open", "... where status = $1 and customer = $2"));
}

TEST_CASE("optimizer: a constant is a parameter's value where the text has none like it") {
    const auto parameter = [](const std::string& filter, std::string_view written) {
        auto uses = usesOf(scanOf(filter));
        markParameters(uses, written);
        return onlyOne(uses).parameter;
    };
    CHECK_FALSE(parameter("(o.id = '42'::bigint)", "... where id = 42"));
    CHECK(parameter("(o.id = '42'::bigint)", "... where id = $42"));
    CHECK_FALSE(parameter("(o.id = '-42'::bigint)", "... where id = -42"));
    CHECK_FALSE(parameter("(o.status = 'it''s'::text)", "... where status = 'it''s'"));
    CHECK(parameter("(o.status = 'open'::text)", "... where open = $1"));
    CHECK_FALSE(parameter("(o.closed IS NULL)", "... where closed is null"));
}

TEST_CASE("optimizer: the columns that are read are included where they make an index-only scan, and are narrow") {
    const auto ddls = suggested("(o.customer = 7)", shop(), R"({"Output":["o.id","o.day"]})");
    CHECK(has(ddls, "create index on shop.orders (customer) include (day, id)"));
    const auto wide = suggested("(o.customer = 7)", shop(), R"({"Output":["o.note"]})");
    CHECK_FALSE(has(wide, "create index on shop.orders (customer) include (note)"));
}

TEST_CASE("optimizer: a conversion needs an index over the expression, a varchar compared as text does not") {
    const auto ddls = suggested("((o.day)::date = '2024-05-01'::date)", shop());
    CHECK(has(ddls, "create index on shop.orders (((day)::date))"));
    CHECK_FALSE(has(ddls, "create index on shop.orders (day)"));
    const auto varchar = suggested("((o.status)::text = 'open'::text)", shop());
    CHECK(has(varchar, "create index on shop.orders (status)"));
}

TEST_CASE("optimizer: containment and patterns suggest GIN") {
    CHECK(has(suggested("(o.tags @> '{\"a\": 1}'::jsonb)", shop()), "create index on shop.orders using gin (tags)"));
    CHECK(has(suggested("(o.note ~~ '%abc%'::text)", shop()),
              "create index on shop.orders using gin (note gin_trgm_ops)"));
}

TEST_CASE("optimizer: a mixed order is written down, one that is all backward is not") {
    const auto mixed = suggested("(o.customer > 0)", shop(), R"({"Sort Key":["o.customer","o.day DESC"]})");
    CHECK(has(mixed, "create index on shop.orders (customer, day desc)"));
    const auto backward = suggested("(o.customer > 0)", shop(), R"({"Sort Key":["o.customer DESC","o.day DESC"]})");
    CHECK(has(backward, "create index on shop.orders (customer, day)"));
}

TEST_CASE("optimizer: a descending order behind a column of one value is an index read backward") {
    const auto ddls = suggested("(o.customer = 7)", shop(), R"({"Sort Key":["o.day DESC"]})");
    CHECK(has(ddls, "create index on shop.orders (customer, day)"));
    CHECK_FALSE(has(ddls, "create index on shop.orders (customer, day desc)"));
}

TEST_CASE("optimizer: what one statement suggests is also of those whose own begin with the same column") {
    const auto candidate = [](std::vector<std::string> keys, std::string predicate = "") {
        return Candidate{{"shop", "orders", "btree", keys, keys, {}, std::move(predicate), ""}, 0, ""};
    };
    const std::vector<Candidate> candidates{candidate({"customer"}), candidate({"customer", "day"}), candidate({"day"}),
                                            candidate({"customer"}, "status = 'open'")};
    std::vector<std::set<std::size_t>> by_statement{{0}, {1, 3}, {2}};
    shareAlike(by_statement, candidates);
    CHECK(by_statement == std::vector<std::set<std::size_t>>{{0, 1}, {0, 1, 3}, {2}});
}

TEST_CASE("optimizer: nothing is suggested that an existing index does") {
    Catalog catalog;
    Table orders = shop().tables().front();
    orders.indexes.push_back(indexOn("orders_customer", {"customer", "day"}));
    catalog.add(orders);
    const auto ddls = suggested("(o.customer = 7)", catalog);
    CHECK_FALSE(has(ddls, "create index on shop.orders (customer)"));
    Catalog partial;
    orders.indexes.back().predicate = "(status = 'open')";
    partial.add(orders);
    CHECK(has(suggested("(o.customer = 7)", partial), "create index on shop.orders (customer)"));
    Catalog other_way;  // customer desc, or by another operator class or collation
    orders.indexes.back().predicate = "", orders.indexes.back().plain_keys = 0;
    other_way.add(orders);
    CHECK(has(suggested("(o.customer = 7)", other_way), "create index on shop.orders (customer)"));
}

TEST_CASE("optimizer: a GIN index does what is wanted of one by the same operator class") {
    ExistingIndex trigrams = indexOn("notes", {"note"});
    trigrams.method = "gin", trigrams.plain_keys = 0, trigrams.operator_class = "gin_trgm_ops";
    IndexSpec wanted{"shop", "orders", "gin", {"note"}, {"note"}, {}, "", "gin_trgm_ops"};
    CHECK(covers(trigrams, wanted));
    wanted.operator_class = "";
    CHECK_FALSE(covers(trigrams, wanted));
}

TEST_CASE("optimizer: keys are plain up to the first of which the definition says more") {
    const auto plain = [](std::string_view keys, const std::vector<std::string>& each) {
        return plainKeys(concat("CREATE UNIQUE INDEX i ON ONLY shop.orders USING btree (", keys), "btree", each);
    };
    const std::vector<std::string> two{"a", "b"};
    CHECK(plain("a, b)", two) == 2);
    CHECK(plain("a, b) INCLUDE (c) WHERE (d > 0)", two) == 2);
    CHECK(plain("a, b DESC)", two) == 1);
    CHECK(plain("a NULLS FIRST, b)", two) == 0);
    CHECK(plain("a text_pattern_ops, b)", two) == 0);
    CHECK(plain("a COLLATE \"C\", b)", two) == 0);
    CHECK(plain("ab)", {"a"}) == 0);
    CHECK(plain("lower(a), b int4_ops (x='1'))", {"lower(a)", "b"}) == 1);
    CHECK(plainKeys("", "btree", two) == 0);
}

TEST_CASE("optimizer: what is beyond the largest number of candidates is told") {
    const auto uses = usesOf(scanOf("((o.status = 'open'::text) AND (o.customer = 7))"));
    std::set<std::string> beyond;
    const std::size_t all = candidatesFor({uses}, shop(), {}, &beyond).size();
    REQUIRE(all > 2);
    CHECK(beyond.empty());
    CandidateLimits few;
    few.candidates_max = 2;
    CHECK(candidatesFor({uses}, shop(), few, &beyond).size() == 2);
    CHECK(beyond.size() == all - 2);
}

TEST_CASE("optimizer: names and constants are quoted as SQL takes them") {
    CHECK(quoteName("order") == "\"order\"");
    CHECK(quoteName("a\"b") == "\"a\"\"b\"");
    CHECK(quoteName("plain_1") == "plain_1");
    CHECK(quoteName("Upper") == "\"Upper\"");
    CHECK(quoteText("it's") == "'it''s'");
    CHECK(quoteText("a\\b") == "E'a\\\\b'");
    // A name that would break out of the definition stays a name.
    const auto evil = usesOf(scanOf("(o.\"x) where true; --\" = 5)"));
    CHECK(onlyOne(evil).column == "x) where true; --");
}

TEST_CASE("optimizer: an index is estimated to pay where few rows are wanted, and not where all are") {
    const Catalog catalog = shop();
    const auto uses = usesOf(scanOf("(o.customer = 7)"));
    EstimateJudge judge(catalog, {{2000, uses}});
    auto candidates = candidatesFor({uses}, catalog, {});
    REQUIRE(judge.admit(candidates));
    const auto found = std::find_if(candidates.begin(), candidates.end(), [](const Candidate& candidate) {
        return candidate.spec.ddl() == "create index on shop.orders (customer)";
    });
    REQUIRE(found != candidates.end());
    const auto index = static_cast<std::size_t>(found - candidates.begin());
    CHECK(judge.cost(0, {})->cost == 2000);
    CHECK(judge.cost(0, {index})->cost < 200);
    CHECK(judge.cost(0, {index})->used == Indexes{index});

    auto all = uses;
    all[0].scan_rows = 100000;
    EstimateJudge no_use(catalog, {{2000, all}});
    REQUIRE(no_use.admit(candidates));
    CHECK(no_use.cost(0, {index})->cost == 2000);
}

TEST_CASE("optimizer: what an index replaces is one whose keys it begins with, and none that keeps something true") {
    const IndexSpec made{"shop", "orders", "btree", {"customer", "day"}, {"customer", "day"}, {}, "", ""};
    CHECK(coveredBy(indexOn("i", {"customer"}), made));
    CHECK_FALSE(coveredBy(indexOn("i", {"day"}), made));
    for (bool ExistingIndex::* reason : {&ExistingIndex::unique, &ExistingIndex::constraint, &ExistingIndex::needed}) {
        ExistingIndex stays = indexOn("i", {"customer"});
        stays.*reason = true;
        CHECK_FALSE(coveredBy(stays, made));
    }
    ExistingIndex other_way = indexOn("i", {"customer"});
    other_way.plain_keys = 0;
    CHECK_FALSE(coveredBy(other_way, made));
    ExistingIndex expression = indexOn("i", {"customer"});
    expression.key_ids = {"0 1978  0 0 customer"};
    CHECK_FALSE(coveredBy(expression, made));
    IndexSpec mixed = made;
    mixed.keys = {"customer", "day desc"};
    CHECK(coveredBy(indexOn("i", {"customer"}), mixed));
    CHECK_FALSE(coveredBy(indexOn("i", {"customer", "day"}), mixed));
}
