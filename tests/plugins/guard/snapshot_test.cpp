// What passes in a catalog, and what names mean in it. The rows are what catalog_statements.hpp asks for; that a real
// PostgreSQL answers them so is tests/integration/attacks.test.mjs.
#include <string>

#include <doctest/doctest.h>

#include "plugins/guard/classify.hpp"
#include "plugins/guard/snapshot_builder.hpp"

namespace howdah::guard {
namespace {

using Part = Snapshot::Builder::Part;

// Schemas: 11 pg_catalog, 100 public (in the path), 200 shop (not).
class Catalog {
public:
    Catalog() {
        add(Part::own_functions, R"([[870,"lower"],[2626,"pg_sleep"],[1724,"numeric_add"],[2078,"set_config"],
                                      [1000,"array_agg_transfn"]])");
        add(Part::schemas, R"([[11,"pg_catalog",true],[100,"public",true],[200,"shop",false]])");
        add(Part::schemas, R"([[0,"reader",false]])");
    }
    Catalog& add(Part part, std::string_view json) {
        REQUIRE(builder_.add(part, json));
        return *this;
    }
    std::string ruleOf(const std::string& sql, std::vector<std::string> functions = {}) {
        auto policy = Policy::make({std::move(functions), {}, {}, {"shop.opened"}}, {}, 1);
        REQUIRE(policy);
        if (!snapshot_) {
            auto built = builder_.build(*policy);
            REQUIRE(built);
            snapshot_ = *built;
        }
        const SchemaSet path = SchemaSet::ofSession(*snapshot_);
        const Resolver resolver(*snapshot_, path);
        auto facts = classify(sql, *policy, &resolver);
        return facts ? "allowed" : facts.error().rule;
    }
    const Snapshot& snapshot() const { return *snapshot_; }

private:
    Snapshot::Builder builder_;
    std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace

TEST_CASE("guard snapshot: a relation of the user's may be named like PostgreSQL's own, or lie among them") {
    Catalog catalog;
    catalog
        .add(Part::relations, R"([[30001,100,"pg_report","v",false,false,0],[30002,100,"pg_passwords","f",false,true,0],
                                  [30003,100,"pg_plain","r",false,false,0],[30004,200,"pg_elsewhere","v",false,false,0],
                                  [30005,11,"reported","v",false,false,0],[30006,11,"pg_reported","v",false,false,0]])")
        .add(Part::code, R"([["r",30001,[2078],[],false],["r",30004,[2078],[],false],["r",30005,[2078],[],false],
                             ["r",30006,[2078],[],false]])");
    for (const char* sql :
         {"select * from pg_report", "table public.pg_report", "select 1 from pg_passwords",
          "select 1 from shop.pg_elsewhere", "select 1 from pg_catalog.reported", "select 1 from pg_reported",
          "select 1 from pg_class c, lateral (select * from pg_report) r"})
        CHECK_MESSAGE(catalog.ruleOf(sql) == "relation-not-allowed", sql);
    for (const char* sql : {"select * from pg_plain, pg_class", "select 1 from pg_elsewhere", "select 1 from pg_tables",
                            "select 1 from pg_catalog.pg_tables"})
        CHECK_MESSAGE(catalog.ruleOf(sql) == "allowed", sql);
}

TEST_CASE("guard snapshot: a user's function is refused, an extension's passes by its owner and name") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,200,"f",1,0,false,"f","i",0,null,false,null,false,false],
                                     [20002,100,"similarity",2,0,false,"f","i",0,"pg_trgm",true,null,false,false],
                                     [20003,100,"similar2",2,0,false,"f","i",0,"pg_trgm",false,null,false,false],
                                     [20004,100,"set_limit",1,0,false,"f","v",0,"pg_trgm",true,null,false,false],
                                     [20005,100,"isn_weak",1,0,false,"f","i",0,"isn",true,null,false,false],
                                     [20006,100,"run",1,0,false,"f","i",0,"dblink",true,null,false,false],
                                     [20007,100,"uuid_generate_v4",0,0,false,"f","v",0,"uuid-ossp",true,null,false,false]])");
    CHECK(catalog.ruleOf("select shop.f(1)") == "function-not-allowed");
    CHECK(catalog.ruleOf("select similarity('a', 'b'), uuid_generate_v4()") == "allowed");
    CHECK(catalog.ruleOf("select public.similarity('a', 'b')") == "allowed");
    for (const char* sql : {"select similar2(1, 2)", "select set_limit(1)", "select isn_weak(true)", "select run('x')"})
        CHECK_MESSAGE(catalog.ruleOf(sql) == "function-not-allowed", sql);
}

TEST_CASE("guard snapshot: what the operator lists passes by its own schema, or by the path") {
    const char* rows =
        R"([[20001,200,"f",1,0,false,"f","i",0,null,false,null,false,false],[20002,100,"g",1,0,false,"f","i",0,null,false,null,false,false]])";
    CHECK(Catalog().add(Part::functions, rows).ruleOf("select shop.f(1)", {"shop.f"}) == "allowed");
    CHECK(Catalog().add(Part::functions, rows).ruleOf("select shop.f(1)", {"f"}) == "function-not-allowed");
    CHECK(Catalog().add(Part::functions, rows).ruleOf("select g(1), public.g(1)", {"g"}) == "allowed");
}

TEST_CASE(
    "guard snapshot: what makes a range of its bounds passes with the range, unless its type calls the user's code") {
    Catalog catalog;
    catalog
        .add(Part::functions, R"([[20001,200,"hours",2,0,false,"f","i",40001,null,false,null,false,true],
                                     [20002,200,"span",2,0,false,"f","i",40002,null,false,null,false,true],
                                     [20003,200,"diff",2,0,false,"f","i",0,null,false,null,false,false]])")
        .add(Part::types, R"([[40001,200,"hours",1083,0,[]],[40002,200,"span",701,0,[20003]]])");
    CHECK(catalog.ruleOf("select shop.hours('08:00', '12:00')") == "allowed");
    CHECK(catalog.ruleOf("select shop.span(1, 2)") == "function-not-allowed");
}

TEST_CASE("guard snapshot: a user's function of a built-in name shadows it with as many arguments as it takes") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,100,"lower",2,1,false,"f","i",0,null,false,null,false,false],
                                     [20002,100,"concat",1,0,true,"f","i",0,null,false,null,false,false],
                                     [20003,200,"upper",1,0,false,"f","i",0,null,false,null,false,false],
                                     [20004,11,"trim_array",2,0,false,"f","i",0,null,false,null,false,false]])");
    CHECK(catalog.ruleOf("select lower('x')") == "function-shadowed");
    CHECK(catalog.ruleOf("select pg_catalog.lower('x')") == "allowed");
    CHECK(catalog.ruleOf("select concat()") == "function-shadowed");
    CHECK(catalog.ruleOf("select concat(1, 2, 3)") == "function-shadowed");
    CHECK(catalog.ruleOf("select upper('x')") == "allowed");
    CHECK(catalog.ruleOf("select pg_catalog.trim_array(array[1], 1)") == "function-shadowed");
}

TEST_CASE("guard snapshot: a view passes only if everything it calls passes, however deep") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,200,"f",1,0,false,"f","v",0,null,false,null,false,false]])")
        .add(Part::operators, R"([[20010,200,"|+|",20001],[20011,100,"@+@",1724]])")
        .add(Part::relations, R"([[30001,200,"t","r",false,false,0],[30002,200,"calls","v",false,false,0],
                                  [30003,200,"over","v",false,false,0],[30004,200,"sleeps","v",false,false,0],
                                  [30005,200,"plain","v",false,false,0],[30006,200,"by_op","v",false,false,0],
                                  [30007,200,"strange","v",false,false,0],[30008,200,"stored","m",false,false,0],
                                  [30009,200,"opened","v",false,false,0],[30010,200,"over_opened","v",false,false,0]])")
        .add(Part::code,
             R"([["r",30002,[870],[20001,30001],false],["r",30003,[],[30002],false],["r",30004,[2626],[],false],
                             ["r",30005,[870],[30001],false],["r",30006,[],[20010],false],["r",30007,[],[99999],false],
                             ["r",30008,[2626],[],false],["r",30009,[],[20001],false],["r",30010,[],[30009],false]])");
    for (const char* name : {"calls", "over", "sleeps", "by_op", "strange"})
        CHECK_MESSAGE(catalog.ruleOf(concat("select * from shop.", name)) == "relation-not-allowed", name);
    for (const char* name : {"t", "plain", "stored", "opened", "over_opened"})
        CHECK_MESSAGE(catalog.ruleOf(concat("select * from shop.", name)) == "allowed", name);
    CHECK(catalog.snapshot().objectionTo(ObjectKind::relation, 30003) == "it uses shop.calls, which uses shop.f");
    CHECK(catalog.ruleOf("select 1 operator(shop.|+|) 2") == "operator-not-allowed");
    CHECK(catalog.ruleOf("select 1 @+@ 2") == "allowed");
}

TEST_CASE("guard snapshot: policies count where row security is on, data outside never passes unlisted") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,200,"f",1,0,false,"f","v",0,null,false,null,false,false]])")
        .add(Part::relations, R"([[30001,200,"on","r",true,false,0],[30002,200,"off","r",false,false,0],
                                  [30003,200,"far","f",false,true,0],[30004,200,"v","v",false,false,0]])")
        .add(Part::code, R"([["p",30001,[],[20001],false],["p",30002,[],[20001],false],["r",30004,[],[30001],false]])");
    CHECK(catalog.ruleOf("select * from shop.on") == "relation-not-allowed");
    CHECK(catalog.ruleOf("select * from shop.v") == "relation-not-allowed");
    CHECK(catalog.ruleOf("select * from shop.off") == "allowed");
    CHECK(catalog.ruleOf("select * from shop.far") == "relation-not-allowed");
}

TEST_CASE("guard snapshot: a type is what its checks, casts, fields and elements call") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,200,"f",1,0,false,"f","v",0,null,false,null,false,false]])")
        .add(Part::types, R"([[40001,200,"checked",25,0,null],[40002,200,"_checked",40001,0,null],
                              [40003,200,"row",0,30001,null],[40004,200,"cast",0,0,null],[40005,200,"plain",25,0,null],
                              [40006,200,"span",701,0,[20001]],[40007,100,"lower",40001,0,null]])")
        .add(Part::relations, R"([[30001,200,"row","r",false,false,40003]])")
        .add(Part::columns, R"([[30001,"c",40002]])")
        .add(Part::casts, R"([[40004,20,20001,false,"int8","_int8"]])")
        .add(Part::code, R"([["t",40001,[],[20001],false],["t",40005,[870],[],false]])");
    for (const char* name : {"checked", "_checked", "row", "cast", "span"})
        CHECK_MESSAGE(catalog.ruleOf(concat("select null::shop.", name)) == "type-not-allowed", name);
    CHECK(catalog.ruleOf("select 'x'::shop.plain") == "allowed");
    CHECK(catalog.ruleOf("select * from shop.row") == "relation-not-allowed");
    CHECK(catalog.ruleOf("select lower('x')") == "function-shadowed");  // may be a cast to public.lower
}

TEST_CASE("guard snapshot: an aggregate is what its steps are") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,200,"total",1,0,false,"a","i",0,null,false,[1724],false,false],
                                     [20002,200,"list",1,0,false,"a","i",0,null,false,[1000],false,false],
                                     [20003,200,"set",2,0,false,"a","i",0,null,false,[2078],false,false]])");
    CHECK(catalog.ruleOf("select shop.total(x), shop.list(x) from shop.t") == "allowed");
    CHECK(catalog.ruleOf("select shop.set('a', true)") == "function-not-allowed");
}

TEST_CASE("guard snapshot: value.name is a call only where a function or a type has that name and no column") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,100,"label",1,0,false,"f","v",0,null,false,null,false,false]])")
        .add(Part::relations, R"([[30001,200,"with_label","r",false,false,0],[30002,200,"without","r",false,false,0]])")
        .add(Part::columns, R"([[30001,"label",25]])");
    CHECK(catalog.ruleOf("select w.label from shop.with_label w") == "allowed");
    CHECK(catalog.ruleOf("select w.label from shop.without w") == "attribute-not-allowed");
    CHECK(catalog.ruleOf("select w.label from shop.with_label w, (select from shop.without w) q") ==
          "attribute-not-allowed");
    CHECK(catalog.ruleOf("select (w).label from shop.with_label w") == "attribute-not-allowed");
    CHECK(catalog.ruleOf("select (w).anything, w.other from shop.without w") == "allowed");
    CHECK(catalog.ruleOf("select q.label from (select 1 as label) q") == "allowed");  // no row of that type
    CHECK(catalog.ruleOf("with w as (select 1 as label) select x.label from w x") == "allowed");
    CHECK(catalog.ruleOf("select v.pg_read_file from unnest(array['x']) v") == "function-unsafe");
}

TEST_CASE("guard snapshot: comparisons that no operator stands for are looked up as well") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,200,"f",2,0,false,"f","v",0,null,false,null,false,false]])")
        .add(Part::operators, R"([[20010,100,"=",20001],[20011,100,">=",20001]])");
    for (const char* sql : {"select 1 in (2)", "select 1 in (select 2)", "select case 1 when 2 then 3 end",
                            "select * from a join b using (c)", "select * from a natural join b", "select nullif(1, 2)",
                            "select 1 between 2 and 3", "select 1 is distinct from 2", "select 1 = any (array[2])"})
        CHECK_MESSAGE(catalog.ruleOf(sql) == "operator-shadowed", sql);
    CHECK(catalog.ruleOf("select 1 operator(pg_catalog.=) 2, 1 < 2") == "allowed");
}

TEST_CASE(
    "guard snapshot: a failing cast between PostgreSQL's own types that must be asked for stops who asks for it") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,200,"f",1,0,false,"f","v",0,null,false,null,false,false]])")
        .add(
            Part::types,
            R"([[40001,200,"small",21,0,null],[40002,200,"pair",0,30001,null],[40003,200,"mood",0,0,null],[40004,200,"word",25,0,null],[40005,200,"with_small",0,30003,null]])")
        .add(Part::relations, R"([[30001,200,"pair","c",false,false,40002],[30002,200,"t","r",false,false,0],
                                  [30003,200,"with_small","r",false,false,40005]])")
        .add(Part::columns, R"([[30003,"small",40001]])")
        .add(Part::casts, R"([[16,21,20001,false,"int2","_int2"]])");
    for (const char* sql :
         {"select flag::smallint from shop.t", "select cast(flag as int2) from shop.t", "select flag::pg_catalog.int2",
          "select array[true]::smallint[]", "select '{1}'::_int2", "select true::shop.small",
          "select row(true)::shop.pair", "select * from json_to_recordset('[]') as r(a smallint)"})
        CHECK_MESSAGE(catalog.ruleOf(sql) == "type-not-allowed", std::string(sql));
    for (const char* sql :
         {"select 1", "select t.int2, count(*) from shop.t group by 1", "select flag::int from shop.t",
          "select 'x'::shop.mood", "select lower('x')", "select 'x'::shop.word", "select small from shop.with_small"})
        CHECK_MESSAGE(catalog.ruleOf(sql) == "allowed", std::string(sql));
}

TEST_CASE("guard snapshot: one that any expression may use stops everything but SHOW") {
    Catalog catalog;
    catalog.add(Part::functions, R"([[20001,200,"f",1,0,false,"f","v",0,null,false,null,false,false]])")
        .add(Part::casts, R"([[23,25,20001,true,"text","_text"]])");
    CHECK(catalog.ruleOf("select 1") == "cast-not-allowed");
    CHECK(catalog.ruleOf("show search_path") == "allowed");
}

TEST_CASE("guard snapshot: of a catalog that cannot be read only what is written as PostgreSQL's own passes") {
    const auto unread = Snapshot::unread();
    const SchemaSet path = SchemaSet::ofSession(*unread);
    const Resolver resolver(*unread, path);
    const auto ruleOf = [&](const char* sql) {
        auto facts = classify(sql, Policy{}, &resolver);
        return facts ? "allowed" : facts.error().rule;
    };
    for (const char* sql :
         {"select * from orders", "select * from public.orders", "table pg_report", "select lower('x')",
          "select shop.f()", "select 1 + 1", "select 'x'::shop.t", "select 'x'::text",
          "select v.f from (select 1 as a) v", "select (row(1)).f", "select 1 order by 1 using <"})
        CHECK_MESSAGE(ruleOf(sql) == "catalog-unread", std::string(sql));
    for (const char* sql :
         {"select 1", "show server_version", "select pg_catalog.now()", "select 1 operator(pg_catalog.+) 1",
          "select nspname from pg_catalog.pg_namespace", "select * from information_schema.tables"})
        CHECK_MESSAGE(ruleOf(sql) == "allowed", std::string(sql));
    const auto facts = classify("select nspname from pg_catalog.pg_namespace", Policy{}, &resolver);
    REQUIRE(facts);
    CHECK_FALSE(facts->steady);
}

TEST_CASE("guard snapshot: an answer of another form is an error, not an empty catalog") {
    const Policy policy;
    CHECK_FALSE(Snapshot::Builder().add(Part::functions, R"([[1,"x"]])"));
    CHECK_FALSE(Snapshot::Builder().add(Part::functions, "{"));
    CHECK_FALSE(Snapshot::Builder().build(policy));
    CHECK(Snapshot::Builder().add(Part::functions, ""));
}

}  // namespace howdah::guard
