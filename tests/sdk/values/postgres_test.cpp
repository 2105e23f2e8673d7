// What the encoders write, read back by PostgreSQL itself: the value must be the one it sent.
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <libpq-fe.h>
#include <nlohmann/json.hpp>

#include <howdah/values.hpp>

namespace howdah::test {
namespace {

using nlohmann::json;

struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
using Reply = std::unique_ptr<PGresult, Finish>;

// The server of HOWDAH_TEST_DSN; nothing, and a message, without one.
Connection connect() {
    const char* dsn = std::getenv("HOWDAH_TEST_DSN");
    if (dsn == nullptr || *dsn == '\0') {
        MESSAGE("skipped: HOWDAH_TEST_DSN is not set");
        return nullptr;
    }
    Connection connection(PQconnectdb(dsn));
    REQUIRE_MESSAGE(PQstatus(connection.get()) == CONNECTION_OK, PQerrorMessage(connection.get()));
    return connection;
}

Reply run(const Connection& connection, const std::string& sql) {
    Reply reply(PQexec(connection.get(), sql.c_str()));
    const ExecStatusType status = PQresultStatus(reply.get());
    REQUIRE_MESSAGE((status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK), PQerrorMessage(connection.get()));
    return reply;
}

// A value of our JSON as text PostgreSQL takes for the type; what docs/types.md tells a user to do.
std::string backToText(const json& value, std::uint32_t oid);

std::string arrayText(const json& values, std::uint32_t oid) {
    std::string out = "{";
    for (const json& value : values) {
        if (out.size() > 1) out += typeShape(oid).delimiter;
        if (value.is_null()) {
            out += "NULL";
        } else if (value.is_array()) {
            out += arrayText(value, oid);
        } else {
            out += '"';
            for (char c : backToText(value, oid)) {
                if (c == '"' || c == '\\') out += '\\';
                out += c;
            }
            out += '"';
        }
    }
    return out + "}";
}

std::string backToText(const json& value, std::uint32_t oid) {
    if (value.is_array()) return arrayText(value, oid);
    if (value.is_object()) {  // an array with lower bounds
        std::string bounds;
        const json* level = &value["values"];
        for (const json& lower : value["lower_bounds"]) {
            const auto first = lower.get<std::int64_t>();
            bounds += "[" + std::to_string(first) + ":" + std::to_string(first + std::int64_t(level->size()) - 1) + "]";
            level = &(*level)[0];
        }
        return bounds + "=" + arrayText(value["values"], oid);
    }
    return value.is_string() ? value.get<std::string>() : value.dump();
}

// The document again, with each double in the shortest form that reads back the same (the library's own is longer).
std::string printedAgain(const json& value) {
    if (value.is_number_float()) {
        std::array<char, 40> text;
        return {text.data(), std::to_chars(text.begin(), text.end(), value.get<double>()).ptr};
    }
    if (!value.is_structured()) return value.dump();
    std::string out;
    for (const auto& [key, member] : value.items()) {
        if (!out.empty()) out += ',';
        if (value.is_object()) out += json(key).dump() + ':';
        out += printedAgain(member);
    }
    return value.is_object() ? '{' + out + '}' : '[' + out + ']';
}

// Runs `sql` (one column), encodes each value, hands it back as a parameter and asks for its text once more.
int checkRoundTrip(const Connection& connection, const std::string& sql) {
    Reply reply = run(connection, sql);
    const std::uint32_t oid = PQftype(reply.get(), 0);
    const std::string cast = "select $1::" + std::string{typeName(oid)};
    REQUIRE(!typeName(oid).empty());
    for (int row = 0; row < PQntuples(reply.get()); ++row) {
        const std::string text(PQgetvalue(reply.get(), row, 0));
        std::string encoded;
        appendJsonValue(encoded, oid, text, {.bytes = BytesForm::hex});
        INFO(typeName(oid), " ", text, " as ", encoded);
        const std::string back = backToText(json::parse(encoded), oid);
        const char* parameter = back.c_str();
        Reply again(PQexecParams(connection.get(), cast.c_str(), 1, nullptr, &parameter, nullptr, nullptr, 0));
        REQUIRE_MESSAGE(PQresultStatus(again.get()) == PGRES_TUPLES_OK, PQerrorMessage(connection.get()));
        REQUIRE(std::string(PQgetvalue(again.get(), 0, 0)) == text);
    }
    return PQntuples(reply.get());
}

constexpr std::string_view kManyRows = " from generate_series(1, 300) i";

// Values over the whole range of each type, each with its edges.
const std::vector<std::string>& samples() {
    static const std::string many(kManyRows);
    static const std::vector<std::string> all{
        "select (random() * 4294967295 - 2147483648)::int8::int4" + many,
        "select unnest('{-32768,0,32767}'::int2[])",
        "select ((random() - 0.5) * 1.8e19)::int8" + many,
        "select unnest('{9007199254740991,9007199254740992,-9007199254740993,9223372036854775807}'::int8[])",
        "select (random() - 0.5) * 10 ^ (random() * 600 - 300)" + many,
        "select unnest('{NaN,Infinity,-Infinity,-0,5e-324,1.7976931348623157e308,1e15,1e14}'::float8[])",
        "select ((random() - 0.5) * 10 ^ (random() * 70 - 35))::float4" + many,
        "select round(random()::numeric * 1e30, i % 20)" + many,
        "select unnest('{NaN,Infinity,-Infinity,0.000,-1.10,1e-100,1e100}'::numeric[])",
        "select i % 2 = 0" + many,
        "select date '4713-01-01 BC' + (random() * 4000000)::int" + many,
        "select unnest('{infinity,-infinity,5874897-12-31,4713-01-01 BC}'::date[])",
        "select timestamp '4713-01-01 BC' + random() * interval '100000 years'" + many,
        "select unnest('{infinity,-infinity,294276-12-31 23:59:59.999999}'::timestamp[])",
        "select timestamptz '4713-01-02 BC' + random() * interval '8000 years'" + many,
        "select unnest('{infinity,-infinity,0044-03-15 12:00:00+00 BC}'::timestamptz[])",
        "select unnest('{00:00,24:00,12:34:56.789}'::time[])",
        "select unnest('{12:34:56+05:30,00:00-15:59:59}'::timetz[])",
        "select random() * interval '1000 years' - interval '3 mon 2 days 5 us'" + many,
        "select decode(md5(i::text), 'hex')" + many,
        "select ''::bytea",
        "select string_agg(chr(1 + (random() * 800 + i * 0)::int), '') from generate_series(1, 300) i, "
        "generate_series(1, 20) j group by i",
        "select gen_random_uuid()" + many,
        "select unnest('{10.0.0.1/8,::1}'::inet[])",
        "select unnest('{101,0}'::varbit[])",
        "select unnest(array[point(1.5, -2), point(0, 1e300)])",
        "select int4range(i, i + 5)" + many,
        "select '{[1,3),[7,9)}'::int4multirange",
        "select array[i, null, -i]" + many,
        "select array[[0.1::float8, 'NaN'], [i, null]]" + many,
        "select array[chr(1 + i), 'NULL', null, '', '\"\\', '{a,b}', ' x ', 'a;b']" + many,
        "select array[i::int8 * 30000000000000000, 1]" + many,
        "select array[decode(md5(i::text), 'hex'), null]" + many,
        "select array[now() + i * interval '1 year', 'infinity', '0044-03-15 12:00:00+00 BC', null]" + many,
        "select array[box '(1,2),(3,4)', box '(5,6),(7,8)']",
        "select array[true, false, null]",
        "select '{}'::int4[]",
        "select '[2:3]={7,8}'::int4[]",
        "select '[0:1][-1:0]={{1,2},{3,NULL}}'::int4[]",
        "select array[int4range(1, 5), null]",
    };
    return all;
}

}  // namespace

TEST_CASE("postgres: every value comes back as it was sent, in any time zone") {
    Connection connection = connect();
    if (!connection) return;
    run(connection, "set datestyle = 'ISO'");
    run(connection, "select setseed(0.5)");
    int checked = 0;
    for (const char* zone : {"UTC", "Asia/Kolkata", "Africa/Monrovia", "America/St_Johns"}) {
        run(connection, std::string{"set timezone = '"} + zone + "'");
        for (const std::string& sql : samples())
            checked += checkRoundTrip(connection, sql);
    }
    CHECK(checked > 10'000);
}

TEST_CASE("postgres: base64 is what PostgreSQL's own encode gives, in both output formats") {
    Connection connection = connect();
    if (!connection) return;
    for (const char* format : {"hex", "escape"}) {
        run(connection, std::string{"set bytea_output = "} + format);
        Reply reply =
            run(connection,
                "select b, encode(b, 'base64') from (select substr(decode(md5(i::text), 'hex') || '\\x5c5c78', "
                "i % 19) b from generate_series(1, 500) i) x");
        for (int row = 0; row < PQntuples(reply.get()); ++row) {
            std::string encoded;
            appendJsonValue(encoded, 17, PQgetvalue(reply.get(), row, 0));
            REQUIRE(encoded == '"' + std::string{PQgetvalue(reply.get(), row, 1)} + '"');
        }
    }
}

TEST_CASE("postgres: jsonb that splices is equal after a reader kept its numbers as doubles") {
    Connection connection = connect();
    if (!connection) return;
    Reply reply =
        run(connection,
            "select jsonb_build_object('i', i, 'f', random() * 10 ^ (random() * 40 - 20), 'n', "
            "round(random()::numeric, i % 24), 't', chr(1 + i), 'a', jsonb_build_array(1.10, null, i * 1e13)) "
            "from generate_series(1, 500) i");
    JsonCheck check;
    int spliced = 0;
    for (int row = 0; row < PQntuples(reply.get()); ++row) {
        const std::string text = PQgetvalue(reply.get(), row, 0);
        if (!check.splices(text, true)) continue;
        ++spliced;
        const std::string again = printedAgain(json::parse(text));
        const char* parameters[] = {text.c_str(), again.c_str()};
        Reply equal(PQexecParams(connection.get(), "select $1::jsonb = $2::jsonb", 2, nullptr, parameters, nullptr,
                                 nullptr, 0));
        INFO(text);
        REQUIRE(std::string_view(PQgetvalue(equal.get(), 0, 0)) == "t");
    }
    CHECK(spliced > 50);
    CHECK(spliced < 500);
}

TEST_CASE("postgres: the table of types agrees with the server") {
    Connection connection = connect();
    if (!connection) return;
    for (const TypeEntry& entry : kTypes) {
        Reply reply =
            run(connection, "select typname, typarray, typdelim from pg_type where oid = " + std::to_string(entry.oid));
        INFO(entry.array_name);
        REQUIRE(PQntuples(reply.get()) == 1);
        CHECK(PQgetvalue(reply.get(), 0, 0) == std::string{entry.name()});
        CHECK(PQgetvalue(reply.get(), 0, 1) == std::to_string(entry.array_oid));
        CHECK(PQgetvalue(reply.get(), 0, 2)[0] == entry.delimiter);
    }
}

}  // namespace howdah::test
