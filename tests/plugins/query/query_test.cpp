#include <doctest/doctest.h>

#include "plugins/query/tool_host.hpp"
#include "plugins/query/writes.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

using namespace howdah;
using namespace howdah::test;

namespace {

constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kText = 25;
constexpr std::uint32_t kJsonb = 3802;

struct Fixture {
    explicit Fixture(const FakeResult& result = {}, const char* section = R"({"rows_max":10,"rows_limit":50})") {
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section) == "");
        host.database = [this, result](const howdah_query_request& request) -> Result<FakeResult> {
            access = request.access;
            provenance = request.provenance;
            sql = fromAbi(request.sql);
            rows_max = request.rows_max;
            timeout_ms = request.timeout_ms;
            rows_skip = request.rows_skip;
            flags = request.flags;
            affected_max = request.affected_max;
            cursor = fromAbi(request.cursor);
            for (std::uint64_t i = 0; i < request.parameter_count; ++i) {
                const Value value(request.parameters[i]);
                types.push_back(value.type());
                texts.emplace_back(value.type() >= HOWDAH_VALUE_TEXT ? value.text() : "");
            }
            FakeResult copy = result;
            for (std::size_t i = 0; i < copy.columns.size(); ++i)
                copy.columns[i].name = toAbi(copy.names[i]);
            return copy;
        };
    }
    ToolHost host;
    std::uint32_t access = 0, provenance = 0;
    std::string sql;
    std::uint64_t rows_max = 0, timeout_ms = 0, rows_skip = 0, affected_max = 0;
    std::uint32_t flags = 0;
    std::string cursor;
    std::vector<std::uint32_t> types;
    std::vector<std::string> texts;
};

FakeResult twoRows() {
    FakeResult result;
    result.column("id", kInt4);
    result.column("name", kText);
    result.row({"1", "a,b"});
    result.row({"2", std::nullopt});
    return result;
}

constexpr const char* kColumns =
    R"("columns":[{"name":"id","type":"int4","encoding":"number"},{"name":"name","type":"text","encoding":"string"}])";

std::string inBraces(const std::string& members) {
    return "{" + members + "}";
}

}  // namespace

TEST_CASE("query: a result in memory stands in the text and, the same, in structuredContent") {
    Fixture fixture(twoRows());
    const FakeAnswer answer = fixture.host.call("query", {{"sql", "select 1"}});
    CHECK(answer.text ==
          inBraces(std::string(kColumns) + R"(,"rows":[[1,"a,b"],[2,null]],"row_count":2,"truncated":false)"));
    CHECK(answer.structured == answer.text);
    CHECK(fixture.access == HOWDAH_ACCESS_READ);
    CHECK(fixture.provenance == HOWDAH_PROVENANCE_CLIENT);
    CHECK(fixture.rows_max == 10);
    CHECK(fixture.timeout_ms == 30000);
}

TEST_CASE("query: as csv or markdown the text has that form, structuredContent stays JSON") {
    Fixture fixture(twoRows());
    const FakeAnswer csv = fixture.host.call("query", {{"sql", "select 1"}, {"format", "csv"}});
    CHECK(csv.text == "id,name\r\n1,\"a,b\"\r\n2,\r\n");
    CHECK(Json::parse(csv.structured)["rows"] == Json::parse(R"([[1,"a,b"],[2,null]])"));
    const FakeAnswer markdown = fixture.host.call("query", {{"sql", "select 1"}, {"format", "markdown"}});
    CHECK(markdown.text == "| id | name |\n| --- | --- |\n| 1 | a,b |\n| 2 | NULL |\n");
}

TEST_CASE("query: a client without structuredContent gets text only") {
    Fixture fixture(twoRows());
    fixture.host.flags = 0;
    const FakeAnswer answer = fixture.host.call("query", {{"sql", "select 1"}});
    CHECK(Json::parse(answer.text)["row_count"] == 2);
    CHECK(answer.structured.empty());
}

TEST_CASE("query: jsonb is spliced when the result is whole, text when it streams") {
    FakeResult result;
    result.column("payload", kJsonb);
    result.row({R"({"a": 1})"});
    CHECK(Json::parse(Fixture(result).host.call("query", {{"sql", "x"}}).text)["rows"][0][0]["a"] == 1);
    result.complete = false;
    CHECK(Json::parse(Fixture(result).host.call("query", {{"sql", "x"}}).text)["rows"][0][0] == R"({"a": 1})");
}

TEST_CASE("query: a large result streams in pieces, and structuredContent says where the rows are") {
    FakeResult result = twoRows();
    result.complete = false;
    const std::string wide(30000, 'x');
    for (int i = 0; i < 8; ++i) {
        result.batches.emplace_back();
        result.row({"3", wide});
    }
    for (const char* format : {"json", "csv", "markdown"}) {
        Fixture fixture(result);
        const FakeAnswer answer = fixture.host.call("query", {{"sql", "select 1"}, {"format", format}});
        CHECK(answer.text_pieces >= 3);
        const Json structured = Json::parse(answer.structured);
        CHECK(structured["row_count"] == 10);
        CHECK(structured["truncated"] == false);
        CHECK_FALSE(structured.contains("rows"));
        CHECK(structured["note"] == "the rows stand in the text only, they are more than 256 KiB");
        if (std::string_view{format} == "json") CHECK(Json::parse(answer.text)["rows"].size() == 10);
    }
}

TEST_CASE("query: an answer from a cache says where it was and how old it is, in the object and nowhere else") {
    FakeResult result = twoRows();
    Fixture fresh(result);
    const Json before = Json::parse(fresh.host.call("query", {{"sql", "select 1"}}).text);
    CHECK_FALSE(before.contains("source"));
    CHECK_FALSE(before.contains("age_ms"));
    const std::string csv = fresh.host.call("query", {{"sql", "select 1"}, {"format", "csv"}}).text;

    for (const auto& [number, name] : {std::pair{HOWDAH_FROM_MEMORY, "memory"},
                                       {HOWDAH_FROM_DISK, "disk"},
                                       {HOWDAH_FROM_SHARED, "shared"},
                                       {77u, "store"}}) {
        result.trailer.source = number;
        result.trailer.age_ns = 412'999'999;
        Fixture kept(result);
        const FakeAnswer answer = kept.host.call("query", {{"sql", "select 1"}});
        CHECK(answer.text == answer.structured);
        Json told = Json::parse(answer.text);
        CHECK(told["source"] == name);
        CHECK(told["age_ms"] == 412);
        told.erase("source");
        told.erase("age_ms");
        CHECK(told == before);
        const FakeAnswer table = kept.host.call("query", {{"sql", "select 1"}, {"format", "csv"}});
        CHECK(table.text == csv);
        CHECK(Json::parse(table.structured)["source"] == name);
    }
}

TEST_CASE("query: an error at the end of a stream ends the call as that error") {
    FakeResult result = twoRows();
    result.complete = false;
    result.fails_at_end = Error::database("22012", "division by zero");
    Fixture fixture(result);
    const FakeAnswer answer = fixture.host.call("query", {{"sql", "select 1"}});
    CHECK(answer.status == HOWDAH_ERROR_DATABASE);
    CHECK(answer.error.sqlstate == "22012");
    CHECK(answer.structured.empty());
}

TEST_CASE("query: what the row limit cut off is said, with the way on that can help") {
    FakeResult result = twoRows();
    result.trailer.truncated = HOWDAH_TRUNCATED_ROWS;
    Fixture fixture(result);
    const Json answer = Json::parse(fixture.host.call("query", {{"sql", "x"}, {"max_rows", 2}}).text);
    CHECK(answer["truncated"]["reason"] == "rows");
    CHECK(
        answer["note"] ==
        "only the first 2 rows, there are more: narrow with where, aggregate, raise max_rows (up to 50), or pass next "
        "to query_more, which runs the statement again (use order by)");
    // Fewer than asked for: another limit acted, a larger max_rows would change nothing.
    const Json other = Json::parse(fixture.host.call("query", {{"sql", "x"}}).text);
    CHECK(other["note"] ==
          "only the first 2 rows, there are more: narrow with where, aggregate, or pass next to query_more, which runs "
          "the statement again (use order by)");
    // A handle would be longer than it is worth, so the way on is the client's own.
    const Json longer = Json::parse(fixture.host.call("query", {{"sql", std::string(4096, 'x')}}).text);
    CHECK_FALSE(longer.contains("next"));
    CHECK(
        longer["note"] ==
        "only the first 2 rows, there are more: narrow with where, aggregate, or page with order by, limit and offset");
    const FakeAnswer csv = fixture.host.call("query", {{"sql", "x"}, {"format", "csv"}});
    CHECK(csv.text.find("\nnote: only the first 2 rows") != std::string::npos);
}

TEST_CASE("query: query_more runs the statement again from where the answer was cut, as it was asked") {
    FakeResult result = twoRows();
    result.trailer.truncated = HOWDAH_TRUNCATED_ROWS;
    Fixture fixture(result);
    const Json params = Json::array({7, "t"});
    const FakeAnswer first = fixture.host.call(
        "query", {{"sql", "select 1"}, {"params", params}, {"max_rows", 2}, {"timeout_ms", 5}, {"format", "csv"}});
    const std::string next = Json::parse(first.structured)["next"];
    CHECK(first.text.ends_with("\nnext: " + next + "\n"));
    fixture.types.clear();
    const FakeAnswer second = fixture.host.call("query_more", {{"next", next}});
    CHECK(fixture.sql == "select 1");
    CHECK(fixture.types == std::vector<std::uint32_t>{HOWDAH_VALUE_INTEGER, HOWDAH_VALUE_TEXT});
    CHECK(fixture.rows_max == 2);
    CHECK(fixture.timeout_ms == 5);
    CHECK(fixture.rows_skip == 2);
    CHECK(fixture.access == HOWDAH_ACCESS_READ);
    CHECK(second.text.starts_with("id,name\r\n"));
    CHECK(second.text.find("note: only rows 3 to 4, there are more") != std::string::npos);
    // Limits and format may be asked for anew, within the limits.
    const std::string third = Json::parse(second.structured)["next"];
    const FakeAnswer last = fixture.host.call("query_more", {{"next", third}, {"format", "json"}, {"max_rows", 99}});
    CHECK(fixture.rows_skip == 4);
    CHECK(fixture.rows_max == 50);
    CHECK(Json::parse(last.text)["row_count"] == 2);

    CHECK(fixture.host.call("query_more", {{"next", "made up"}}).error.message == "unknown or expired handle");
    const FakeAnswer old = fixture.host.call("query_more", {{"next", "query_more [1]"}});
    CHECK(old.error.message == "the handle is of another version");
}

TEST_CASE("query: what the byte limit cut off is said") {
    FakeResult result = twoRows();
    result.trailer.truncated = HOWDAH_TRUNCATED_BYTES;
    const Json answer = Json::parse(Fixture(result).host.call("query", {{"sql", "x"}}).text);
    CHECK(answer["truncated"]["reason"] == "bytes");
    CHECK(answer["note"] ==
          "cut off after 2 rows at the byte limit: select fewer or shorter columns, or pass next to query_more, which "
          "runs the statement again (use order by)");
    result.trailer.truncated = HOWDAH_TRUNCATED_CELL;
    const Json cell = Json::parse(Fixture(result).host.call("query", {{"sql", "x"}}).text);
    CHECK(cell["truncated"]["reason"] == "cell");
    CHECK(cell["note"].get<std::string>().find("larger than cell_bytes_max of the pool") != std::string::npos);
}

TEST_CASE("query: params become typed parameters, and an integer beyond int8 keeps its digits") {
    Fixture fixture;
    fixture.host.call(
        "query", {{"sql", "x"}, {"params", Json::parse(R"([null,true,7,1.5,"t",18446744073709551615,{"a":[1]}])")}});
    CHECK(fixture.types == std::vector<std::uint32_t>{HOWDAH_VALUE_NULL, HOWDAH_VALUE_BOOL, HOWDAH_VALUE_INTEGER,
                                                      HOWDAH_VALUE_NUMBER, HOWDAH_VALUE_TEXT, HOWDAH_VALUE_TEXT,
                                                      HOWDAH_VALUE_JSON});
    CHECK(fixture.texts[4] == "t");
    CHECK(fixture.texts[5] == "18446744073709551615");
    CHECK(fixture.texts[6] == R"({"a":[1]})");
}

TEST_CASE("query: max_rows above the operator's limit gets the limit") {
    Fixture fixture;
    fixture.host.call("query", {{"sql", "x"}, {"max_rows", 50}});
    CHECK(fixture.rows_max == 50);
    fixture.host.call("query", {{"sql", "x"}, {"max_rows", 51}});
    CHECK(fixture.rows_max == 50);
}

TEST_CASE("execute: writes, and tells the command and the rows it affected") {
    FakeResult result;
    result.trailer.affected_rows = 3;
    result.trailer.command_tag = {"UPDATE 3", 8};
    Fixture fixture(result);
    const FakeAnswer answer = fixture.host.call("execute", {{"sql", "update t set x = 1"}});
    CHECK(fixture.access == HOWDAH_ACCESS_WRITE);
    CHECK(answer.text ==
          R"({"columns":[],"rows":[],"row_count":0,"truncated":false,"command":"UPDATE 3","affected_rows":3})");
    CHECK(fixture.host.call("execute", {{"sql", "x"}, {"format", "markdown"}}).text == "UPDATE 3\n");
}

TEST_CASE("execute: the lower of the operator's and the caller's ceiling holds, and without any there is none") {
    Fixture open;
    open.host.call("execute", {{"sql", "x"}});
    CHECK(open.flags == 0);
    open.host.call("execute", {{"sql", "x"}, {"rows_affected_max", 0}});
    CHECK(open.flags == HOWDAH_RUN_CEILING);
    CHECK(open.affected_max == 0);
    Fixture bounded({}, R"({"rows_affected_max":7})");
    bounded.host.call("execute", {{"sql", "x"}});
    CHECK(bounded.affected_max == 7);
    bounded.host.call("execute", {{"sql", "x"}, {"rows_affected_max", 9}});
    CHECK(bounded.affected_max == 7);
    bounded.host.call("execute", {{"sql", "x"}, {"rows_affected_max", 6}});
    CHECK(bounded.affected_max == 6);
}

TEST_CASE("execute: a dry run says what the executor reports, and that nothing was changed") {
    FakeResult result;
    result.trailer.affected_rows = 3;
    result.trailer.command_tag = {"UPDATE 3", 8};
    result.report =
        R"({"changed_rows":5,"locks":[{"relation":"s.t","mode":"RowExclusiveLock"}],"plan":"Update on t\n"})";
    Fixture fixture(result, R"({"rows_affected_max":4})");
    const FakeAnswer answer = fixture.host.call("execute", {{"sql", "update t set x = 1"}, {"dry_run", true}});
    CHECK(fixture.flags == HOWDAH_RUN_DRY);
    const Json told = Json::parse(answer.text);
    CHECK(told["dry_run"] == true);
    CHECK(told["changed_rows"] == 5);
    CHECK(told["locks"][0]["relation"] == "s.t");
    CHECK(told["plan"] == "Update on t\n");
    const std::string note = told["note"];
    CHECK(note.starts_with("dry run: rolled back, nothing was changed"));
    CHECK(note.ends_with("execute would refuse it: at most 4 rows may change"));
}

TEST_CASE("execute: whoever confirms a statement too long to be shown is told how much of it is hidden") {
    howdah::query::Ask ask;
    ask.sql = std::string(1000, 'x');
    CHECK(howdah::query::confirmationText(ask, 2, "UPDATE", Json::object()).find("not shown") == std::string::npos);
    ask.sql += "; rest";
    CHECK(howdah::query::confirmationText(ask, 2, "UPDATE", Json::object()).find("... (6 bytes more are not shown)") !=
          std::string::npos);
}

TEST_CASE("query: a stable handle names the executor's cursor, and there is none without one") {
    FakeResult result = twoRows();
    result.trailer.truncated = HOWDAH_TRUNCATED_ROWS;
    result.report = R"({"cursor":"c1"})";
    Fixture fixture(result);
    const Json first = Json::parse(fixture.host.call("query", {{"sql", "x"}, {"stable", true}}).text);
    CHECK(fixture.flags == HOWDAH_RUN_STABLE);
    CHECK(fixture.cursor.empty());
    fixture.host.call("query_more", {{"next", first["next"]}});
    CHECK(fixture.cursor == "c1");
    CHECK(fixture.rows_skip == 2);
    result.report.clear();
    CHECK_FALSE(
        Json::parse(Fixture(result).host.call("query", {{"sql", "x"}, {"stable", true}}).text).contains("next"));
}

TEST_CASE("query: as ndjson each row is an object on a line, and a name that comes again is numbered") {
    FakeResult result;
    for (const char* name : {"a", "a", "a#2", "b"})
        result.column(name, kInt4);
    result.row({"1", "2", "3", std::nullopt});
    const FakeAnswer answer = Fixture(result).host.call("query", {{"sql", "x"}, {"format", "ndjson"}});
    CHECK(answer.text == "{\"a\":1,\"a#2\":2,\"a#2#2\":3,\"b\":null}\n");
}

TEST_CASE("query: rows_max above rows_limit is refused at start") {
    ToolHost host;
    REQUIRE(host.load(&howdah_plugin_v1) == "");
    CHECK(host.start(R"({"rows_max":51,"rows_limit":50})") == "rows_max must be at most rows_limit (50), got 51");
}
