// The tools against a real PostgreSQL with the sample in it, as role howdah_reader in READ ONLY transactions.
#include <cstdlib>

#include <doctest/doctest.h>
#include <libpq-fe.h>

#include "plugins/query/tool_host.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

using namespace howdah;
using namespace howdah::test;

namespace {

using Connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;
using Answer = std::unique_ptr<PGresult, void (*)(PGresult*)>;

Connection connect(const char* as) {
    Connection connection(PQconnectdb(as), &PQfinish);
    REQUIRE_MESSAGE(PQstatus(connection.get()) == CONNECTION_OK, PQerrorMessage(connection.get()));
    return connection;
}

Answer execute(PGconn* connection, const std::string& sql) {
    Answer answer(PQexec(connection, sql.c_str()), &PQclear);
    REQUIRE_MESSAGE(PQresultStatus(answer.get()) != PGRES_FATAL_ERROR, PQerrorMessage(connection));
    return answer;
}

Result<FakeResult> runReadOnly(PGconn* connection, const howdah_query_request& request) {
    execute(connection, "begin read only");
    std::vector<std::optional<std::string>> texts;
    std::vector<const char*> values;
    for (std::uint64_t i = 0; i < request.parameter_count; ++i) {
        const Value value(request.parameters[i]);
        if (value.isNull()) {
            texts.emplace_back();
        } else {
            texts.emplace_back(value.type() == HOWDAH_VALUE_INTEGER ? std::to_string(value.integer())
                                                                    : std::string{value.text()});
        }
    }
    for (const auto& text : texts)
        values.push_back(text ? text->c_str() : nullptr);
    const std::string sql{fromAbi(request.sql)};
    Answer answer(PQexecParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                               nullptr, nullptr, 0),
                  &PQclear);
    execute(connection, "rollback");
    if (PQresultStatus(answer.get()) != PGRES_TUPLES_OK) {
        return Error::database("XX000", PQresultErrorMessage(answer.get()));
    }
    FakeResult result;
    const int columns = PQnfields(answer.get());
    for (int i = 0; i < columns; ++i)
        result.column(PQfname(answer.get(), i), PQftype(answer.get(), i));
    for (int row = 0; row < PQntuples(answer.get()); ++row) {
        std::vector<std::optional<std::string_view>> cells;
        for (int i = 0; i < columns; ++i) {
            if (PQgetisnull(answer.get(), row, i)) {
                cells.emplace_back();
            } else {
                cells.emplace_back(std::string_view(PQgetvalue(answer.get(), row, i),
                                                    static_cast<std::size_t>(PQgetlength(answer.get(), row, i))));
            }
        }
        result.row(cells);
    }
    return result;
}

// A schema with what the sample lacks, gone with the test.
struct OddSchema {
    OddSchema() {
        execute(owner.get(), R"sql(
            set client_min_messages = warning;
            drop schema if exists "Odd Things" cascade;
            drop foreign data wrapper if exists odd_wrapper cascade;
            create schema "Odd Things";
            create table "Odd Things".readings (at date not null, value int) partition by range (at);
            create table "Odd Things".readings_2024 partition of "Odd Things".readings for values from ('2024-01-01') to ('2025-01-01');
            create table "Odd Things".readings_2025 partition of "Odd Things".readings for values from ('2025-01-01') to ('2026-01-01');
            create table "Odd Things"."Order Lines" (
                id bigint generated always as identity primary key,
                net numeric(10,2) not null default 0,
                gross numeric(10,2) generated always as (net * 1.25) stored,
                tiers shop.loyalty_tier[]);
            alter table "Odd Things"."Order Lines" enable row level security;
            create policy own on "Odd Things"."Order Lines" for select to howdah_reader using (net > 0);
            create table "Odd Things".orders (id int);
            create domain "Odd Things".share as numeric(5,2) not null check (value <= 100);
            create table "Odd Things".shares (of "Odd Things".share);
            create view "Odd Things".fenced with (security_barrier = true) as select 1 as one;
            create foreign data wrapper odd_wrapper;
            create server odd_server foreign data wrapper odd_wrapper;
            create foreign table "Odd Things".far (id int) server odd_server;
            grant usage on schema "Odd Things" to howdah_reader;
            grant select on "Odd Things".readings, "Odd Things"."Order Lines" to howdah_reader;
        )sql");
    }
    ~OddSchema() {
        execute(owner.get(), R"(drop schema "Odd Things" cascade; drop foreign data wrapper odd_wrapper cascade)");
    }
    Connection owner = connect("");
};

struct Fixture {
    explicit Fixture(std::string_view section = "{}") {
        host.database = [this](const howdah_query_request& request) {
            CHECK(request.provenance == HOWDAH_PROVENANCE_PLUGIN);
            CHECK(std::find(host.registered.begin(), host.registered.end(), fromAbi(request.sql)) !=
                  host.registered.end());
            return runReadOnly(reader.get(), request);
        };
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section) == "");
    }
    Json ask(std::string_view tool, const Json& with) {
        const FakeAnswer answer = host.call(tool, with);
        REQUIRE_MESSAGE(answer.status == HOWDAH_OK, answer.error.message);
        CHECK(answer.structured == answer.text);
        return Json::parse(answer.text);
    }
    Connection reader = connect("user=howdah_reader");
    ToolHost host;
};

Json named(const Json& list, std::string_view name) {
    for (const Json& entry : list) {
        if (entry["name"] == name) return entry;
    }
    FAIL("no entry ", name);
    return {};
}

}  // namespace

TEST_CASE("list_tables: the three levels of detail") {
    Fixture fixture;
    const Json names = fixture.ask("list_tables", {{"schema", "shop"}, {"detail", "names"}});
    CHECK(names["tables"][0] == "shop.categories");
    CHECK(names["truncated"] == false);
    CHECK(names["total"] == names["tables"].size());

    const Json summary = named(fixture.ask("list_tables", {{"schema", "shop"}})["tables"], "shop.orders");
    CHECK(summary["kind"] == "table");
    CHECK(summary["comment"] == "One purchase. Leave out cancelled and returned when you count revenue.");
    CHECK(summary["row_estimate"] == 60000);
    CHECK(summary["bytes"] > 1000000);
    CHECK_FALSE(summary.contains("columns"));

    const Json full =
        named(fixture.ask("list_tables", {{"schema", "shop"}, {"detail", "full"}})["tables"], "shop.order_items");
    CHECK(full["columns"][0] == "order_id integer not null");
    CHECK(full["primary_key"] == Json::parse(R"(["order_id","line_no"])"));
    CHECK(full["foreign_keys"][0] == "(order_id) REFERENCES shop.orders(id) ON DELETE CASCADE");
}

TEST_CASE("list_tables: a search finds names, columns and comments, names first") {
    Fixture fixture;
    const Json found = fixture.ask("list_tables", {{"pattern", "ORDER"}, {"detail", "names"}})["tables"];
    CHECK(found[0].get<std::string>().find("order") != std::string::npos);
    const Json columns = fixture.ask("list_tables", {{"pattern", "salary"}, {"detail", "names"}})["tables"];
    CHECK(columns == Json::parse(R"(["shop.employees"])"));
    const Json none = fixture.ask("list_tables", {{"pattern", "no_such_thing"}});
    CHECK(none["total"] == 0);
    CHECK(none["note"] == "no table matches; try another pattern or schema");
}

TEST_CASE("list_tables: what the limit leaves out is said, and offset goes on") {
    Fixture fixture;
    const Json first = fixture.ask("list_tables", {{"schema", "shop"}, {"detail", "names"}, {"limit", 2}});
    CHECK(first["truncated"]["reason"] == "rows");
    CHECK(first["tables"].size() == 2);
    CHECK(first["note"].get<std::string>().find("or go on with offset 2") != std::string::npos);
    const Json second =
        fixture.ask("list_tables", {{"schema", "shop"}, {"detail", "names"}, {"limit", 1000}, {"offset", 2}});
    CHECK(second["truncated"] == false);
    CHECK(second["tables"].size() + 2 == second["total"]);
}

TEST_CASE("list_tables: an answer stays below its bytes") {
    Fixture fixture(R"({"answer_bytes_max":4096})");
    const FakeAnswer answer = fixture.host.call("list_tables", {{"detail", "full"}});
    CHECK(answer.text.size() < 4096 + 512);
    CHECK(Json::parse(answer.text)["truncated"]["reason"] == "bytes");
}

TEST_CASE("list_tables: partitions are folded, row security and missing rights are shown") {
    OddSchema odd;
    Fixture fixture;
    const Json tables = fixture.ask("list_tables", {{"schema", "Odd Things"}})["tables"];
    CHECK(tables.size() == 6);
    const Json readings = named(tables, R"("Odd Things".readings)");
    CHECK(readings["kind"] == "partitioned table");
    CHECK(readings["partition_count"] == 2);
    CHECK(readings["bytes"] == 0);
    CHECK(named(tables, R"("Odd Things"."Order Lines")")["row_security"] == true);
    CHECK(named(tables, R"("Odd Things".orders)")["readable"] == false);
}

TEST_CASE("list_tables: a long comment is cut with a mark, describe_table shows the whole") {
    OddSchema odd;
    Fixture fixture;
    execute(odd.owner.get(), R"(comment on table "Odd Things".orders is ')" + std::string(200, 'x') + "'");
    const auto comment = [&] {
        return named(fixture.ask("list_tables", {{"schema", "Odd Things"}})["tables"],
                     R"("Odd Things".orders)")["comment"]
            .get<std::string>();
    };
    CHECK(comment() == std::string(200, 'x'));
    execute(odd.owner.get(), R"(comment on table "Odd Things".orders is ')" + std::string(201, 'x') + "'");
    CHECK(comment() == std::string(200, 'x') + "…");
    CHECK(fixture.ask("describe_table", {{"table", R"("Odd Things".orders)"}})["comment"] == std::string(201, 'x'));
}

TEST_CASE("list_tables: a table that is locked exclusively is listed without its size, and nobody waits") {
    OddSchema odd;
    Fixture fixture;
    execute(odd.owner.get(), R"(begin; lock table "Odd Things"."Order Lines" in access exclusive mode;
                                lock table "Odd Things".readings_2024 in access exclusive mode)");
    execute(fixture.reader.get(), "set lock_timeout = '1s'");
    const Json tables = fixture.ask("list_tables", {{"schema", "Odd Things"}})["tables"];
    CHECK_FALSE(named(tables, R"("Odd Things"."Order Lines")").contains("bytes"));
    CHECK_FALSE(named(tables, R"("Odd Things".readings)").contains("bytes"));
    CHECK(named(tables, R"("Odd Things".shares)").contains("bytes"));
    execute(odd.owner.get(), "rollback");
    CHECK(named(fixture.ask("list_tables", {{"schema", "Odd Things"}})["tables"], R"("Odd Things"."Order Lines")")
              .contains("bytes"));
}

TEST_CASE(
    "describe_table: what a domain allows, options of a view, the server of a foreign table, size of a partitioned "
    "one") {
    OddSchema odd;
    Fixture fixture;
    const Json shares = fixture.ask("describe_table", {{"table", R"("Odd Things".shares)"}});
    CHECK(shares["columns"][0]["domain"] == "numeric(5,2) not null CHECK (VALUE <= 100::numeric)");
    CHECK(fixture.ask("describe_table", {{"table", "fenced"}})["options"] ==
          Json::parse(R"(["security_barrier=true"])"));
    const Json far = fixture.ask("describe_table", {{"table", "far"}});
    CHECK(far["kind"] == "foreign table");
    CHECK(far["server"] == "odd_server");
    execute(odd.owner.get(),
            R"(insert into "Odd Things".readings select '2024-01-01'::date + i, i from generate_series(1, 300) i;
                                analyze "Odd Things".readings_2024)");
    const Json readings = fixture.ask("describe_table", {{"table", "readings"}});
    CHECK(readings["row_estimate"] == 300);
    CHECK(readings["bytes"] > 8000);
}

TEST_CASE("describe_table: however long the comments are, an answer stays below its bytes") {
    OddSchema odd;
    Fixture fixture(R"({"answer_bytes_max":4096})");
    execute(odd.owner.get(), R"sql(do $$ begin
        for i in 1..60 loop
            execute format('alter table "Odd Things".shares add column c%s text', i);
            execute format('comment on column "Odd Things".shares.c%s is %L', i, repeat('y', 100));
        end loop;
        execute format('comment on table "Odd Things".shares is %L', repeat('z', 5000));
    end $$)sql");
    const FakeAnswer answer = fixture.host.call("describe_table", {{"table", "shares"}});
    CHECK(answer.text.size() < 4096 + 512);
    const Json table = Json::parse(answer.text);
    CHECK(table["truncated"] == true);
    CHECK(table["columns"].size() > 10);
    const std::string note = table["note"];
    CHECK(note.find(concat(61 - table["columns"].size(), " more columns are not shown")) == 0);
    CHECK(note.find("comment left out") != std::string::npos);
}

TEST_CASE("describe_table: columns, keys both ways, indexes, constraints, enum values") {
    Fixture fixture;
    const Json table = fixture.ask("describe_table", {{"table", "Shop.Orders"}});
    CHECK(table["table"] == "shop.orders");
    CHECK(table["truncated"] == false);
    const Json status = named(table["columns"], "status");
    CHECK(status["type"] == "shop.order_status");
    CHECK(status["nullable"] == false);
    CHECK(status["values"][0] == "pending");
    CHECK(table["primary_key"] == Json::parse(R"(["id"])"));
    CHECK(named(table["foreign_keys"], "orders_customer_id_fkey")["definition"] ==
          "FOREIGN KEY (customer_id) REFERENCES shop.customers(id)");
    CHECK(table["referenced_by"][0]["table"] == "shop.order_items");
    CHECK(table["indexes"].size() == 4);
    CHECK(table["constraints"].size() == 2);
}

TEST_CASE("describe_table: views show their definition") {
    Fixture fixture;
    const Json view = fixture.ask("describe_table", {{"table", "products_to_reorder"}});
    CHECK(view["table"] == "shop.products_to_reorder");
    CHECK(view["kind"] == "view");
    CHECK(view["view_definition"].get<std::string>().find("stock < 10") != std::string::npos);
}

TEST_CASE("describe_table: quoted names, identity and generated columns, policies, arrays of enums") {
    OddSchema odd;
    Fixture fixture;
    const Json table = fixture.ask("describe_table", {{"table", R"("Odd Things"."Order Lines")"}});
    CHECK(named(table["columns"], "id")["identity"] == "always");
    CHECK(named(table["columns"], "net")["default"] == "0");
    CHECK(named(table["columns"], "gross")["generated"] == "(net * 1.25)");
    CHECK(named(table["columns"], "tiers")["values"].size() == 4);
    CHECK(table["row_security"] == true);
    CHECK(table["policies"][0]["using"] == "(net > (0)::numeric)");
    CHECK(table["policies"][0]["roles"] == Json::parse(R"(["howdah_reader"])"));
    // Without quotes and with the wrong case it is still the only one that can be meant.
    CHECK(fixture.ask("describe_table", {{"table", "Order Lines"}})["table"] == R"("Odd Things"."Order Lines")");
}

TEST_CASE("describe_table: partitions show key, bounds, parent and children") {
    OddSchema odd;
    Fixture fixture;
    const Json parent = fixture.ask("describe_table", {{"table", "readings"}});
    CHECK(parent["partition_key"] == "RANGE (at)");
    CHECK(parent["child_count"] == 2);
    CHECK(parent["children"][0] == R"("Odd Things".readings_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'))");
    const Json child = fixture.ask("describe_table", {{"table", "readings_2025"}});
    CHECK(child["parents"][0] == R"("Odd Things".readings)");
    CHECK(child["partition_bound"] == "FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')");
}

TEST_CASE("describe_table: a mistyped name gets the nearest, an ambiguous one the choice") {
    Fixture fixture;
    const FakeAnswer wrong = fixture.host.call("describe_table", {{"table", "shop.custmers"}});
    CHECK(wrong.status == HOWDAH_ERROR_NOT_FOUND);
    CHECK(wrong.error.message == "no table shop.custmers visible to this role, did you mean shop.customers?");
    OddSchema odd;
    const FakeAnswer two = fixture.host.call("describe_table", {{"table", "orders"}});
    CHECK(two.status == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(two.error.message == R"(several schemas have a table orders: "Odd Things".orders, shop.orders)");
}

TEST_CASE("describe_table: an answer that would be too large says what it left out") {
    Fixture fixture(R"({"answer_bytes_max":4096,"entries_max":10})");
    const Json table = fixture.ask("describe_table", {{"table", "shop.orders"}});
    CHECK(table["truncated"] == true);
    CHECK(table["columns"].size() == 10);
    CHECK(table["note"].get<std::string>().find("4 more columns are not shown") != std::string::npos);
}
