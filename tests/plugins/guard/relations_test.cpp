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

constexpr const char* kOpened[] = {"twice", "asked", "writes", "adding", "telling", "noting", "of_dom", "since"};

// The operator has opened all that a test calls: what is looked at is what an answer depends on.
Policy opened() {
    auto policy = Policy::make({{std::begin(kOpened), std::end(kOpened)}, {"<->", "<#>"}, {}, {}}, {}, 1);
    REQUIRE(policy);
    return *policy;
}

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
    auto built = builder.build(opened());
    REQUIRE(built);
    return *built;
}

using Rows = std::vector<std::pair<Part, std::string_view>>;

// Those rows and the functions lower, now, pg_sleep, nextval and random of PostgreSQL's own; public is in the path, and
// acme is not.
std::shared_ptr<const Snapshot> catalogOf(const Rows& rows) {
    Snapshot::Builder builder;
    const auto add = [&](Part part, std::string_view json) { REQUIRE(builder.add(part, json)); };
    add(Part::own_functions, R"([[870,"lower"],[1299,"now"],[2626,"pg_sleep"],[1574,"nextval"],[1598,"random"]])");
    add(Part::schemas, R"([[11,"pg_catalog",true],[100,"public",true],[200,"acme",false],[0,"reader",false]])");
    add(Part::functions, R"([[20002,100,"asked",1,0,false,"f","s",0,null,false,null,false,false],
                             [20003,100,"writes",1,0,false,"f","v",0,null,false,null,false,false]])");
    add(Part::relations, R"([[30001,100,"books","r",false,false,0]])");
    add(Part::reach, R"([["s",1299,0],["s",2626,0],["s",1574,0],["s",1598,0]])");
    for (const auto& [part, json] : rows)
        add(part, json);
    auto built = builder.build(opened());
    REQUIRE(built);
    return *built;
}

std::shared_ptr<const Snapshot> theLibrary() {
    static const auto snapshot = library();
    return snapshot;
}

// The relations of a read that may be kept, or none.
std::optional<Oids> readOf(const std::string& sql, const std::shared_ptr<const Snapshot>& snapshot = theLibrary()) {
    const SchemaSet path = SchemaSet::ofSession(*snapshot);
    const Resolver resolver(*snapshot, path);
    auto facts = classify(sql, opened(), &resolver);
    REQUIRE_MESSAGE(facts, sql << ": " << facts.error().rule);
    CHECK_FALSE(facts->reach_known);
    return facts->steady ? std::optional(facts->relations) : std::nullopt;
}

std::optional<Oids> writeOf(const std::string& sql, const std::shared_ptr<const Snapshot>& snapshot = theLibrary()) {
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

TEST_CASE("guard relations: an aggregate is what the functions behind it are") {
    const auto catalog =
        catalogOf({{Part::functions, R"([[20010,100,"adding",1,0,false,"a","i",0,null,false,[870],false,false],
                               [20011,100,"telling",1,0,false,"a","i",0,null,false,[870,20002],false,false],
                               [20012,100,"noting",1,0,false,"a","i",0,null,false,[20003],false,false]])"},
                   {Part::relations, R"([[30002,100,"told","v",false,false,0],[30003,100,"noted","v",false,false,0],
                               [30004,100,"over_noted","v",false,false,0]])"},
                   {Part::code, R"([["r",30002,[],[20011,30001],false],["r",30003,[],[20012,30001],false],
                          ["r",30004,[],[30003],false]])"}});
    CHECK(readOf("select adding(id) from books", catalog) == Oids{kBooks});
    CHECK(writeOf("insert into books select adding(id) from books", catalog) == Oids{kBooks});
    for (const char* sql : {"select telling(id) from books", "select noting(id) from books", "select * from told",
                            "select * from noted", "select * from over_noted"})
        CHECK_MESSAGE(readOf(sql, catalog) == std::nullopt, std::string(sql));
    for (const char* sql : {"insert into books select noting(id) from books", "insert into books select * from noted",
                            "insert into books select * from over_noted"})
        CHECK_MESSAGE(writeOf(sql, catalog) == std::nullopt, std::string(sql));
    CHECK(writeOf("insert into books select * from told", catalog) == Oids{kBooks});  // it tells and changes nothing
}

// dated(d dom), lists(d dom[]), pairs(p pair), where dom's check asks what time it is and pair has a field of it;
// of_dom(dom) is IMMUTABLE; calm is a domain whose check is; states(s calm).
TEST_CASE("guard relations: a domain whose check follows the clock makes unsteady what is made of it") {
    const auto catalog = catalogOf(
        {{Part::functions, R"([[20020,100,"of_dom",1,0,false,"f","i",0,null,false,null,false,false]])"},
         {Part::types,
          R"([[40001,100,"dom",1082,0,null],[40002,100,"_dom",40001,0,null],[40003,100,"pair",0,30040,null],
                           [40004,100,"calm",25,0,null],[40011,100,"dated",0,30041,null],[40012,100,"lists",0,30042,null],
                           [40013,100,"pairs",0,30043,null],[40014,100,"states",0,30044,null]])"},
         {Part::relations, R"([[30040,100,"pair","c",false,false,40003],[30041,100,"dated","r",false,false,40011],
                               [30042,100,"lists","r",false,false,40012],[30043,100,"pairs","r",false,false,40013],
                               [30044,100,"states","r",false,false,40014],[30045,100,"of_pairs","v",false,false,0]])"},
         {Part::columns, R"([[30040,"first",40001],[30041,"d",40001],[30042,"d",40002],[30043,"p",40003],
                             [30044,"s",40004]])"},
         {Part::code, R"([["t",40001,[1299],[40001],false],["t",40004,[870],[40004],false],
                          ["r",30045,[],[30043],false]])"},
         {Part::reach, R"([["u",20020,40001]])"}});
    for (const char* sql :
         {"select * from dated", "select * from lists", "select * from pairs", "select * from of_pairs",
          "select $1::dom", "select $1::dom[]", "select $1::_dom", "select $1::pair", "select of_dom($1)"})
        CHECK_MESSAGE(readOf(sql, catalog) == std::nullopt, std::string(sql));
    for (const char* sql : {"insert into dated values ($1)", "insert into lists values ($1)",
                            "insert into pairs values ($1)", "insert into books select of_dom(id) from books"})
        CHECK_MESSAGE(writeOf(sql, catalog) == std::nullopt, std::string(sql));
    CHECK(readOf("select * from states", catalog) == Oids{30044});
    CHECK(writeOf("insert into states values ($1)", catalog) == Oids{30044});
    CHECK(writeOf("insert into books values ($1)", catalog) == Oids{kBooks});
}

TEST_CASE("guard relations: a domain whose check writes may do so in any write") {
    const Rows domain{{Part::types, R"([[40001,100,"dom",23,0,null]])"}};
    for (const char* code : {R"([["t",40001,[],[20003,40001],false]])", R"([["t",40001,[2626],[],false]])"}) {
        auto rows = domain;
        rows.emplace_back(Part::code, code);
        CHECK_MESSAGE(writeOf("insert into books values (1)", catalogOf(rows)) == std::nullopt, std::string(code));
    }
    CHECK(writeOf("insert into books values (1)", catalogOf(domain)) == Oids{kBooks});
}

TEST_CASE("guard relations: what only a write runs makes its reach unknown, and no read unsteady") {
    const auto catalog =
        catalogOf({{Part::functions, R"([[20030,100,"since",1,1,false,"f","i",0,null,false,null,false,false],
                               [20031,100,"noisy_in",1,0,false,"f","v",0,null,false,null,false,false]])"},
                   {Part::types,
                    R"([[40001,100,"noted",23,0,null],[40011,100,"numbers",0,30054,null],[40002,100,"noisy",0,0,null],
                           [40012,100,"noise",0,30055,null]])"},
                   {Part::relations, R"([[30050,100,"noted","v",false,false,0],[30051,100,"guarded","r",true,false,0],
                               [30052,100,"sleepy","r",false,false,0],[30053,100,"numbered","r",false,false,0],
                               [30054,100,"numbers","r",false,false,40011],[30055,100,"noise","r",false,false,40012]])"},
                   {Part::columns, R"([[30054,"n",40001],[30055,"n",40002]])"},
                   {Part::code, R"([["r",30050,[],[20003],false],["w",30052,[2626],[],false],
                          ["w",30053,[1574,1598,1299],[],false],["d",40001,[],[20003],false],
                          ["f",20030,[],[20003],false]])"},
                   {Part::reach, R"([["u",40002,20031],["w",30051,30050]])"}});
    for (const char* sql :
         {"insert into guarded values (1)", "insert into sleepy default values", "insert into numbers default values",
          "insert into noise values ($1)", "insert into books select since()", "insert into books select * from noted"})
        CHECK_MESSAGE(writeOf(sql, catalog) == std::nullopt, std::string(sql));
    CHECK(writeOf("insert into numbered default values", catalog) == Oids{30053});
    CHECK(readOf("select * from guarded", catalog) == Oids{30051});
    CHECK(readOf("select * from sleepy", catalog) == Oids{30052});
    CHECK(readOf("select * from numbers", catalog) == Oids{30054});
    CHECK(readOf("select * from noise", catalog) == std::nullopt);
    CHECK(readOf("select since()", catalog) == std::nullopt);
}

// Which schemas a name without one comes from is the session's, and a scope may set it.
TEST_CASE("guard relations: a name without a schema stands for all of that name, in the path or not") {
    const auto catalog = catalogOf(
        {{Part::functions, R"([[20040,100,"twice",1,0,false,"f","i",0,null,false,null,false,false],
                               [20041,200,"twice",1,0,false,"f","s",0,null,false,null,false,false],
                               [20042,200,"lower",1,0,false,"f","v",0,null,false,null,false,false]])"},
         {Part::operators, R"([[50001,100,"<->",20040],[50002,200,"<->",20041]])"},
         {Part::types, R"([[40001,200,"text",1082,0,null]])"},
         {Part::relations, R"([[30061,100,"authors","r",false,false,0],[30062,200,"authors","r",false,false,0],
                               [30063,100,"tasks","r",false,false,0],[30064,200,"tasks","v",false,false,0],
                               [30065,200,"far","r",false,false,0]])"},
         {Part::columns, R"([[30061,"asked",23]])"},
         {Part::code, R"([["r",30064,[1299],[],false],["t",40001,[1299],[],false]])"},
         {Part::reach, R"([["x",30062,0]])"}});
    CHECK(readOf("select * from authors", catalog) == Oids{30061, 30062});
    CHECK(readOf("select * from public.authors", catalog) == Oids{30061});
    CHECK(readOf("select * from tasks", catalog) == std::nullopt);
    CHECK(readOf("select * from public.tasks", catalog) == Oids{30063});
    CHECK(readOf("select twice(1)", catalog) == std::nullopt);
    CHECK(readOf("select public.twice(1)", catalog) == Oids{});
    CHECK(readOf("select lower('A')", catalog) == std::nullopt);
    CHECK(readOf("select pg_catalog.lower('A')", catalog) == Oids{});
    CHECK(readOf("select 1 <-> 2", catalog) == std::nullopt);
    CHECK(readOf("select $1::text", catalog) == std::nullopt);
    CHECK(readOf("select $1::pg_catalog.text", catalog) == Oids{});
    CHECK(readOf("select a.asked from authors a", catalog) == std::nullopt);  // asked(a) for those of acme
    CHECK(readOf("select a.asked from public.authors a", catalog) == Oids{30061});
    CHECK(writeOf("insert into authors values (1)", catalog) == std::nullopt);
    CHECK(writeOf("insert into public.authors values (1)", catalog) == Oids{30061});
    CHECK(writeOf("insert into far values (1)", catalog) == Oids{30065});
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
