// What an answer depends on and what a write reaches. That a real PostgreSQL answers the statements so is
// tests/integration/guard_relations.test.mjs.
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/guard/classify.hpp"
#include "plugins/guard/snapshot_builder.hpp"

namespace howdah::guard {
namespace {

using Part = Snapshot::Builder::Part;
using Oids = std::vector<std::uint32_t>;

constexpr Oid kBooks = 30001, kAuthors = 30002, kLoans = 30010, kMembers = 30011, kArchive = 30020;

// public: books, authors, v (a view of books), clock (a view that asks what time it is), loans of members (cascade),
// logged (a trigger), archive of two children, far (outside), stored (a materialized view), ids (a sequence).
std::shared_ptr<const Snapshot> library() {
    Snapshot::Builder builder;
    const auto add = [&](Part part, std::string_view json) { REQUIRE(builder.add(part, json)); };
    add(Part::own_functions, R"([[870,"lower"],[1299,"now"],[2077,"current_setting"],[2049,"to_char"]])");
    add(Part::schemas, R"([[11,"pg_catalog",true],[100,"public",true],[300,"pg_temp_3",true]])");
    add(Part::schemas, R"([[0,"reader",false]])");
    add(Part::functions, R"([[20001,100,"twice",1,0,false,"f","i",0,null,false,null,false,false],
                             [20002,100,"asked",1,0,false,"f","s",0,null,false,null,false,false],
                             [20003,100,"writes",1,0,false,"f","v",0,null,false,null,false,false],
                             [20004,100,"mood",1,0,false,"f","v",0,null,false,null,true,false]])");
    add(Part::operators, R"([[20011,100,"<->",20001],[20012,100,"<#>",20002]])");
    add(Part::relations, R"([[30001,100,"books","r",false,false,0],[30002,100,"authors","r",false,false,0],
        [30003,100,"v","v",false,false,0],[30004,100,"clock","v",false,false,0],[30005,100,"v2","v",false,false,0],
        [30006,100,"formatted","v",false,false,0],[30007,100,"secured","r",true,false,0],
        [30008,100,"strange","v",false,false,0],[30010,100,"loans","r",false,false,0],
        [30011,100,"members","r",false,false,0],[30012,100,"logged","r",false,false,0],
        [30013,100,"notes","r",false,false,0],[30020,100,"archive","p",false,false,0],
        [30021,100,"archive_old","r",false,false,0],[30022,100,"archive_new","r",false,false,0],
        [30023,100,"far","f",false,true,0],[30024,100,"stored","m",false,false,0],[30025,100,"ids","S",false,false,0],
        [30026,300,"mine","r",false,false,0],[30027,100,"shelf","p",false,false,0],
        [30028,100,"shelf_1","r",false,false,0]])");
    add(Part::code, R"([["r",30003,[870],[30001],false],["r",30004,[1299],[30001],false],
        ["r",30005,[],[30003,30002],false],["r",30006,[2049],[30001],false],["p",30007,[2077],[30002],false],
        ["r",30008,[],[30001],true],["r",30024,[1299],[30001],false]])");
    add(Part::reach, R"([["s",1299,0],["s",2077,0],["s",2049,0],["i",30020,30021],["i",30020,30022],["i",30027,30028],
        ["c",30011,30010],["c",30001,30012],["x",30012,0],["x",30028,0]])");
    auto policy = Policy::make({{"twice", "asked", "writes"}, {"<->", "<#>"}, {}, {}}, {}, 1);
    REQUIRE(policy);
    auto built = builder.build(*policy);
    REQUIRE(built);
    return *built;
}

// The relations of a read that may be kept, or none.
std::optional<Oids> readOf(const std::string& sql) {
    static const auto snapshot = library();
    const SchemaSet path = SchemaSet::ofSession(*snapshot);
    const Resolver resolver(*snapshot, path);
    auto policy = Policy::make({{"twice", "asked", "writes"}, {"<->", "<#>"}, {}, {}}, {}, 1);
    auto facts = classify(sql, *policy, &resolver);
    REQUIRE_MESSAGE(facts, sql << ": " << facts.error().rule);
    CHECK_FALSE(facts->reach_known);
    return facts->steady ? std::optional(facts->relations) : std::nullopt;
}

std::optional<Oids> writeOf(const std::string& sql) {
    static const auto snapshot = library();
    const SchemaSet path = SchemaSet::ofSession(*snapshot);
    const Resolver resolver(*snapshot, path);
    auto facts = classifyWrite(sql, Policy{}, &resolver);
    REQUIRE_MESSAGE(facts, sql << ": " << facts.error().rule);
    CHECK_FALSE(facts->steady);
    return facts->reach_known ? std::optional(facts->relations) : std::nullopt;
}

}  // namespace

TEST_CASE("guard relations: an answer depends on the tables it names, behind views and policies") {
    CHECK(readOf("select title from books b join authors a using (id) where b.price > $1") == Oids{kBooks, kAuthors});
    CHECK(readOf("select 1") == Oids{});
    CHECK(readOf("values (1), (2)") == Oids{});
    CHECK(readOf("select * from v2") == Oids{kBooks, kAuthors});
    CHECK(readOf("select * from secured") == Oids{kAuthors, 30007});
    CHECK(readOf("select * from stored") == Oids{30024});
    CHECK(readOf("with x as (select * from books) select * from x") == Oids{kBooks});
    CHECK(readOf("with books as (select 1 as id) select * from books") == Oids{kBooks});  // one too many is no harm
    CHECK(readOf("select * from formatted") == Oids{kBooks});
    for (const char* sql : {"select * from archive", "select * from archive_old", "select * from archive_new"})
        CHECK_MESSAGE(readOf(sql) == Oids{kArchive}, std::string(sql));
}

TEST_CASE("guard relations: what follows the clock, the session or who knows what is not kept") {
    for (const char* sql : {"select * from clock",
                            "select * from strange",
                            "select last_value from ids",
                            "select * from mine",
                            "select now()",
                            "select current_date",
                            "select * from books where added > current_timestamp - interval '1 day'",
                            "select age(added) from books",
                            "select random()",
                            "select 'now'::timestamptz",
                            "select 'TODAY'::date",
                            "select * from books where added > 'yesterday'",
                            "select 1 from books where title ilike '%know%'",
                            "select ('no' || $1)::timestamptz",
                            "select lower(title)::date from books",
                            "select current_user",
                            "select current_setting('TimeZone')",
                            "select version()",
                            "select count(*) from pg_class",
                            "select pg_typeof(title) from books",
                            "select b.pg_column_size from books b",
                            "select asked(1)",
                            "select 1 <#> 2",
                            "show timezone",
                            "explain select 1",
                            "select * from books tablesample system (10)",
                            "select * from json_to_record('{\"d\":\"x\"}') as r(d date)",
                            "select d.age from unnest(array[$1::date]) d"})
        CHECK_MESSAGE(readOf(sql) == std::nullopt, std::string(sql));
}

TEST_CASE("guard relations: what follows parameters, settings and rows only is kept") {
    for (const char* sql : {"select date_trunc('month', added)::date, count(*) from books group by 1 order by 1",
                            "select added::date, (added + interval '1 day')::date from books",
                            "select '2026-01-01'::date, $1::timestamptz",
                            "select to_char(added, 'YYYY'), extract(year from added), lower(title) from books",
                            "select twice(id) from books", "select 1 <-> 2 from books",
                            "select max(added)::date from books where title ilike '%Ada%'",
                            "select jsonb_agg(b) from books b", "select b.age, b.version, b.date from books b",
                            "select sum(price) over (partition by author order by id) from books",
                            "select array_agg(id order by id)::text, price::numeric(10, 2), ('a' || title)::varchar "
                            "from books group by 2, 3"})
        CHECK_MESSAGE(readOf(sql).has_value(), std::string(sql));
}

TEST_CASE("guard relations: a write reaches what it names and what foreign keys pass on") {
    CHECK(writeOf("insert into authors (name) values ($1)") == Oids{kAuthors});
    CHECK(writeOf("delete from members where id = 1") == Oids{kLoans, kMembers});
    CHECK(writeOf("update loans set until = now() where id = 1") == Oids{kLoans});
    CHECK(writeOf("insert into archive values (1)") == Oids{kArchive});
    CHECK(writeOf("insert into archive_old values (1)") == Oids{kArchive});
    CHECK(writeOf("with gone as (delete from members returning id) insert into notes select id from gone") ==
          Oids{kLoans, kMembers, 30013});
    CHECK(writeOf("insert into notes values (nextval('ids'), gen_random_uuid())") == Oids{30013});
    CHECK(writeOf("select * from authors for update") == Oids{kAuthors});
}

TEST_CASE("guard relations: a write that runs code, or is no plain one, may change anything") {
    for (const char* sql :
         {"insert into logged values (1)", "delete from books", "insert into shelf values (1)",
          "insert into shelf_1 values (1)", "insert into far values (1)", "insert into unknown values (1)",
          "insert into notes select writes(1)", "insert into notes values (1 <#> 2)", "select writes(1)",
          "insert into notes select b.mood from authors b", "truncate notes", "create table n (i int)",
          "explain analyze insert into notes values (1)", "insert into notes values (set_limit(0.3))"})
        CHECK_MESSAGE(writeOf(sql) == std::nullopt, std::string(sql));
}

TEST_CASE("guard relations: a tree whose root the catalog does not tell of is not known") {
    TableGraph graph;
    for (const Oid child : {20, 21, 22})
        graph.relation(child).tree = child;
    const std::pair<Oid, Oid> inheritance[] = {{10, 20}, {10, 21}};
    graph.merge(inheritance);
    const auto known = [&](Oid oid) {
        const Oids one{oid};
        return std::pair(graph.behind(one), graph.reachedFrom(one));
    };
    for (const Oid child : {20, 21}) {
        CHECK_FALSE(known(child).first);
        CHECK_FALSE(known(child).second);
    }
    CHECK(known(22) == std::pair(std::optional(Oids{22}), std::optional(Oids{22})));
}

}  // namespace howdah::guard
