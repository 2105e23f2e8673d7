#include "tests/abi/loopback/stage.hpp"

#include <howdah/abi/health.h>
#include <howdah/value.hpp>

struct howdah_rows {
    int batches_given = 0;
};

namespace howdah::loopback {
namespace {

const howdah_column kColumns[] = {{toAbi("id"), 23, -1}, {toAbi("name"), 25, 12}};
const std::uint8_t kRow[] = {1, 0, 0, 0, '7', 255, 255, 255, 255};
const howdah_trailer kTrailer{sizeof(howdah_trailer), HOWDAH_TRUNCATED_ROWS, 2, -1, 99,
                              toAbi("SELECT 2"),      HOWDAH_FROM_DISK,      0, 17, 18};

template <typename... Values>
howdah_status noted(const char* name, const Values&... values) {
    transcript().add(printed(name, values...));
    return HOWDAH_OK;
}

// Everything that fails does so with a whole error.
howdah_status refused(howdah_ctx* ctx, std::string_view what) {
    ctx->error = Error{Code::refused, concat("refused: ", what)}.withHint("a hint");
    ctx->error.rule = "rule";
    ctx->error.detail = "detail";
    ctx->error.sqlstate = "42P01";
    ctx->error.position = 5;
    ctx->error.retry_after_ms = 70;
    return HOWDAH_ERROR_REFUSED;
}

// What is borrowed until the next call is overwritten by it, as a real executor does.
howdah_status nextBatch(int& given, howdah_batch* batch) {
    static std::uint8_t place[sizeof kRow];
    std::memset(place, 0xEE, sizeof place);
    if (given == 2) return 0;
    std::memcpy(place, kRow, sizeof place);
    place[4] = static_cast<std::uint8_t>('0' + given++);
    *batch = {place, sizeof place, 1};
    return 1;
}

const howdah_query_v1 kQuery{
    sizeof(howdah_query_v1),
    0,
    [](howdah_ctx* ctx, const howdah_query_request* request, howdah_rows** rows) {
        noted("query.run", *request);
        if (fromAbi(request->sql) == "refuse") return refused(ctx, "run");
        *rows = new howdah_rows;
        return howdah_status{HOWDAH_OK};
    },
    [](howdah_ctx*, howdah_str sql, std::uint32_t access) { return noted("register_statement", sql, access); },
    [](howdah_ctx* ctx, howdah_query*, howdah_str sql) {
        noted("set_sql", sql);
        return fromAbi(sql) == "refuse" ? refused(ctx, "set_sql") : howdah_status{HOWDAH_OK};
    },
    [](howdah_ctx*, howdah_query*, const howdah_value* values, std::uint64_t count) {
        return noted("set_parameters", List<howdah_value>{values, count});
    },
    [](howdah_ctx*, howdah_query*, std::uint64_t rows, std::uint64_t bytes, std::uint64_t timeout) {
        return noted("set_limits", rows, bytes, timeout);
    },
    [](howdah_ctx*, howdah_query*, howdah_str name, howdah_str value) { return noted("set_setting", name, value); },
    [](howdah_ctx*, howdah_query*, howdah_str name) { return noted("set_database", name); },
    [](howdah_ctx*, howdah_query*, const howdah_facts* facts) { return noted("set_facts", *facts); },
    [](howdah_ctx*, howdah_query*, howdah_str tag) { return noted("add_tag", tag); },
    [](howdah_ctx*, howdah_query*, howdah_str tag) { return static_cast<howdah_status>(fromAbi(tag) == "seen"); },
    [](howdah_ctx*, howdah_query*, const howdah_result* result) { return noted("reply", *result); },
    [](howdah_ctx*, howdah_str database) { return noted("connect_database", database); }};

const howdah_rows_v1 kRows{
    sizeof(howdah_rows_v1),
    0,
    [](howdah_ctx*, howdah_rows*, const howdah_column** columns, std::uint64_t* count) {
        *columns = kColumns, *count = 2;
        return howdah_status{HOWDAH_OK};
    },
    [](howdah_ctx*, howdah_rows* rows, howdah_batch* batch) { return nextBatch(rows->batches_given, batch); },
    [](howdah_ctx*, howdah_rows*, howdah_trailer* trailer) {
        *trailer = kTrailer;
        return howdah_status{HOWDAH_OK};
    },
    [](howdah_ctx*, howdah_rows*) { return howdah_status{1}; },
    [](howdah_ctx*, howdah_rows* rows) {
        noted("rows.close");
        delete rows;
    },
    [](howdah_ctx*, howdah_rows*, howdah_str* json) {
        *json = toAbi(R"({"changed_rows":2})");
        return noted("rows.report");
    }};

howdah_status argument(howdah_ctx*, howdah_call* call, howdah_str name, howdah_value* out) {
    const std::pair<std::string_view, Value> kGiven[] = {
        {"name", "Ada"},   {"do", fromAbi(call->client_version)},
        {"integer", -5},   {"number", 0.25},
        {"flag", true},    {"list", Value::json("[1,2]")},
        {"null", nullptr}, {"argument", Value::json(R"({"name":"n","value":"v"})")}};
    for (const auto& [key, value] : kGiven) {
        if (key != fromAbi(name)) continue;
        *out = value.raw();
        return HOWDAH_OK;
    }
    return HOWDAH_ERROR_NOT_FOUND;
}

const howdah_call_v1 kCall{sizeof(howdah_call_v1),
                           0,
                           &argument,
                           [](howdah_ctx*, howdah_call*, howdah_str* json) {
                               *json = toAbi(R"({"integer":-5})");
                               return howdah_status{HOWDAH_OK};
                           },
                           [](howdah_ctx*, howdah_call*, howdah_str bytes) { return noted("call.text", bytes); },
                           [](howdah_ctx* ctx, howdah_call*, howdah_str json) {
                               noted("call.structured", json);
                               return refused(ctx, "structured");
                           },
                           [](howdah_ctx*, howdah_call*, howdah_str json) { return noted("call.content", json); },
                           [](howdah_ctx*, howdah_call*, double done, double total, howdah_str text) {
                               return noted("call.progress", done, total, text);
                           },
                           [](howdah_ctx*, howdah_call*, std::uint32_t level, howdah_str logger, howdah_str data) {
                               return noted("call.log", level, logger, data);
                           },
                           [](howdah_ctx*, howdah_call*, howdah_str questions, howdah_str* answers) {
                               *answers = toAbi(R"({"key":{"action":"accept"}})");
                               return noted("call.ask", questions);
                           },
                           [](howdah_ctx* ctx, howdah_call*) {
                               noted("call.continue_as_task");
                               return refused(ctx, "task");
                           }};

const howdah_log_v1 kLog{sizeof(howdah_log_v1), 0, [](const howdah_host*, std::int32_t level, howdah_str line) {
                             transcript().add(concat("log ", level, " ", fromAbi(line)));
                         }};

const howdah_notify_v1 kNotify{sizeof(howdah_notify_v1), 0,
                               [](const howdah_host*, howdah_str uri) { noted("notify.resource_updated", uri); },
                               [](const howdah_host*) { noted("notify.resource_list_changed"); }};

const howdah_health_v1 kHealth{sizeof(howdah_health_v1), 0,
                               [](const howdah_host*, std::uint32_t health) { noted("health.tell", health); }};

int messages_given = 0;

const howdah_transport_v1 kTransport{
    sizeof(howdah_transport_v1),
    0,
    [](howdah_ctx* ctx, const howdah_channel_peer* peer, std::uint64_t* channel) {
        noted("transport.open", *peer);
        if (peer->authorization.size == 0) return refused(ctx, "open");
        messages_given = 0;
        *channel = 55;
        return howdah_status{HOWDAH_OK};
    },
    [](howdah_ctx* ctx, std::uint64_t channel, howdah_str message, std::uint64_t until) {
        noted("transport.submit", channel, message, until);
        return message.size == 0 ? refused(ctx, "submit") : howdah_status{HOWDAH_OK};
    },
    [](howdah_ctx* ctx, std::uint64_t channel, std::uint64_t until, howdah_str* message) {
        noted("transport.receive", channel, until);
        if (messages_given == 2) return refused(ctx, "receive");
        static char place[] = "message 0";
        place[8] = static_cast<char>('0' + messages_given++);
        *message = toAbi(place);
        return howdah_status{HOWDAH_OK};
    },
    [](howdah_ctx*, std::uint64_t channel) { return noted("transport.finish", channel); },
    [](const howdah_host*, std::uint64_t channel) { noted("transport.close", channel); }};

int cursor_batches = 0;

const howdah_sql_v1 kSql{
    sizeof(howdah_sql_v1),
    0,
    [](void*, howdah_ctx* ctx, const howdah_execution* execution, std::uint64_t* cursor) {
        noted("sql.execute", *execution);
        if (fromAbi(execution->sql) == "refuse") return refused(ctx, "execute");
        cursor_batches = 0;
        *cursor = 77;
        return howdah_status{HOWDAH_OK};
    },
    [](void*, howdah_ctx*, std::uint64_t cursor, const howdah_column** columns, std::uint64_t* count) {
        *columns = kColumns, *count = 2;
        return noted("sql.columns", cursor);
    },
    [](void*, howdah_ctx*, std::uint64_t, howdah_batch* batch) { return nextBatch(cursor_batches, batch); },
    [](void*, howdah_ctx*, std::uint64_t, howdah_trailer* trailer) {
        *trailer = kTrailer;
        return howdah_status{HOWDAH_OK};
    },
    [](void*, howdah_ctx*, std::uint64_t cursor) { noted("sql.close", cursor); },
    [](void*, howdah_ctx* ctx, howdah_str database, howdah_str* json) {
        noted("sql.state", database);
        if (fromAbi(database) != "main") return refused(ctx, "state");
        *json = toAbi(R"({"open":1})");
        return howdah_status{HOWDAH_OK};
    },
    [](void*, howdah_ctx*, std::uint64_t cursor, howdah_str* json) {
        *json = toAbi(R"({"cursor":"c"})");
        return noted("sql.report", cursor);
    }};

const howdah_session_v1 kSession{
    sizeof(howdah_session_v1), 0,
    [](void*, howdah_ctx* ctx, howdah_str database, const howdah_principal* principal, howdah_str* name) {
        noted("session.open", database, Optional<howdah_principal>{principal});
        if (fromAbi(database) != "main") return refused(ctx, "open");
        *name = toAbi("session-1");
        return howdah_status{HOWDAH_OK};
    },
    [](void*, howdah_str name, howdah_str definitions) {
        noted("session.suppose", name, definitions);
        return fromAbi(name) == "session-1" ? howdah_status{HOWDAH_OK} : howdah_status{HOWDAH_ERROR_NOT_FOUND};
    },
    [](void*, howdah_str name) { noted("session.close", name); }};

const howdah_listen_v1 kListen{
    sizeof(howdah_listen_v1),
    0,
    [](void*, howdah_ctx* ctx, howdah_str database, howdah_str channel, std::uint64_t* listener, howdah_str* server) {
        noted("listen.open", database, channel);
        if (fromAbi(database) != "main") return refused(ctx, "listen");
        *listener = 31;
        *server = toAbi("16384 1.5");
        return howdah_status{HOWDAH_OK};
    },
    [](void*, howdah_ctx*, std::uint64_t listener, std::uint64_t deadline_ns, howdah_str* payload) {
        noted("listen.next", listener, deadline_ns);
        if (deadline_ns == 0) return howdah_status{0};
        *payload = toAbi("told");
        return howdah_status{1};
    },
    [](void*, howdah_ctx* ctx, std::uint64_t listener, std::uint64_t deadline_ns) {
        noted("listen.catch_up", listener, deadline_ns);
        return deadline_ns == 0 ? refused(ctx, "catch_up") : howdah_status{HOWDAH_OK};
    },
    [](void*, std::uint64_t listener) { noted("listen.close", listener); }};

const howdah_source_v1 kSource{sizeof(howdah_source_v1), 0,
                               [](void*, howdah_ctx* ctx, howdah_str database, howdah_str* out) {
                                   noted("source.dsn", database);
                                   if (fromAbi(database) != "main") return refused(ctx, "dsn");
                                   *out = toAbi("host=/run dbname=main");
                                   return howdah_status{HOWDAH_OK};
                               }};

const howdah_name kTables[] = {{toAbi(""), toAbi("orders")}, {toAbi("public"), toAbi("items")}};
const howdah_name kFunctions[] = {{toAbi("pg_catalog"), toAbi("now")}};
const std::uint32_t kRelations[] = {16384, 70000};
const howdah_facts kFacts{sizeof(howdah_facts),
                          HOWDAH_STATEMENT_SELECT,
                          HOWDAH_FACT_READ_ONLY,
                          2,
                          3,
                          40,
                          0xABCDEF,
                          kTables,
                          2,
                          kFunctions,
                          1,
                          kRelations,
                          2,
                          0x5EED};
const howdah_statement_v1 kStatement{
    sizeof(howdah_statement_v1), 0,
    [](void*, howdah_ctx* ctx, howdah_str sql, std::uint32_t access, const howdah_facts** out) {
        noted("statement.facts", sql, access);
        if (fromAbi(sql) == "refuse") return refused(ctx, "facts");
        *out = &kFacts;
        return howdah_status{HOWDAH_OK};
    },
    [](void*, howdah_ctx* ctx, howdah_str sql, howdah_pattern* out) {
        noted("statement.pattern", sql);
        if (fromAbi(sql) == "refuse") return refused(ctx, "pattern");
        *out = {sizeof *out, 0, 0xFEDCBA, toAbi("select $1")};
        return howdah_status{HOWDAH_OK};
    }};

const howdah_str kScopes[] = {toAbi("read"), toAbi("list")};
const howdah_auth_v1 kAuth{sizeof(howdah_auth_v1), 0,
                           [](void*, howdah_ctx* ctx, const howdah_credential* credential, howdah_principal* out) {
                               noted("auth.verify", *credential);
                               if (credential->authorization.size == 0) return refused(ctx, "verify");
                               *out = {sizeof *out, 0, toAbi("ada"), toAbi("acme"), toAbi("gold"), kScopes, 2};
                               return howdah_status{HOWDAH_OK};
                           },
                           [](void*, howdah_ctx* ctx, const howdah_challenge* challenge, howdah_str* header) {
                               noted("auth.challenge", *challenge);
                               if (challenge->scope_count == 0) return refused(ctx, "challenge");
                               *header = toAbi("Bearer realm=x");
                               return howdah_status{HOWDAH_OK};
                           },
                           [](void*, howdah_ctx* ctx, howdah_str resource, howdah_str* json) {
                               noted("auth.metadata", resource);
                               if (fromAbi(resource) == "refuse") return refused(ctx, "metadata");
                               *json = toAbi("{}");
                               return howdah_status{HOWDAH_OK};
                           }};

const howdah_kv_v1 kKv{
    sizeof(howdah_kv_v1),
    0,
    [](void*, howdah_ctx* ctx, howdah_str key, howdah_str* value) {
        noted("kv.get", key);
        if (fromAbi(key) == "absent") return refused(ctx, "get");
        *value = toAbi(std::string_view("\0value", 6));
        return howdah_status{HOWDAH_OK};
    },
    [](void*, howdah_ctx*, howdah_str key, howdah_str value, std::uint64_t ttl) {
        return noted("kv.set", key, value, ttl);
    },
    [](void*, howdah_ctx*, howdah_str key, howdah_str value, std::uint64_t ttl) {
        return noted("kv.set_if_absent", key, value, ttl) + 1;
    },
    [](void*, howdah_ctx*, howdah_str key, std::int64_t delta, std::uint64_t ttl, std::int64_t* value) {
        *value = delta * 3;
        return noted("kv.add", key, delta, ttl);
    },
    [](void*, howdah_ctx*, howdah_str key) { return noted("kv.remove", key); },
    [](void*, howdah_ctx*, howdah_str key, howdah_str expected, howdah_str value, std::uint64_t ttl) {
        return noted("kv.replace", key, expected, value, ttl) + 1;
    },
    [](void*, howdah_ctx*, howdah_str key, howdah_str expected) { return noted("kv.remove_if", key, expected) + 1; },
    [](void*, howdah_ctx*, howdah_str key, std::int64_t delta, std::uint64_t ttl, std::int64_t* value) {
        *value = delta * 5;
        return noted("kv.add_leased", key, delta, ttl);
    },
    [](void*, howdah_ctx*, howdah_str channel, howdah_str message) { return noted("kv.publish", channel, message); },
    [](void*, howdah_ctx* ctx, howdah_str channel, std::uint64_t* subscription) {
        noted("kv.subscribe", channel);
        if (fromAbi(channel) == "refuse") return refused(ctx, "subscribe");
        *subscription = 77;
        return howdah_status{HOWDAH_OK};
    },
    [](void*, howdah_ctx*, std::uint64_t subscription, std::uint64_t deadline_ns, howdah_str* message) {
        noted("kv.receive", subscription, deadline_ns);
        if (deadline_ns == 1) return howdah_status{HOWDAH_KV_MISSED};
        *message = toAbi("heard");
        return howdah_status{HOWDAH_OK};
    },
    [](void*, std::uint64_t subscription) { noted("kv.unsubscribe", subscription); }};

}  // namespace

Transcript& transcript() {
    static Transcript made;
    return made;
}

void furnish(test::FakeHost& host) {
    host.databases = R"([{"name":"main","access":"restricted"}])";
    host.interfaces = {{HOWDAH_QUERY_1, &kQuery},  {HOWDAH_ROWS_1, &kRows},     {HOWDAH_CALL_1, &kCall},
                       {HOWDAH_LOG_1, &kLog},      {HOWDAH_NOTIFY_1, &kNotify}, {HOWDAH_TRANSPORT_1, &kTransport},
                       {HOWDAH_HEALTH_1, &kHealth}};
    host.services = {{HOWDAH_SQL_1, {&kSql, nullptr}},
                     {HOWDAH_SESSION_1, {&kSession, nullptr}},
                     {HOWDAH_LISTEN_1, {&kListen, nullptr}},
                     {HOWDAH_SOURCE_1, {&kSource, nullptr}},
                     {HOWDAH_STATEMENT_1, {&kStatement, nullptr}},
                     {HOWDAH_AUTH_1, {&kAuth, nullptr}},
                     {HOWDAH_KV_1, {&kKv, nullptr}}};
}

}  // namespace howdah::loopback
