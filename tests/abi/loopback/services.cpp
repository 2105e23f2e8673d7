// Services of plugins: sql, session, listen, source, statement. The same code serves both ways; Way is Inward
// or Outward.
#include <string_view>

#include "tests/abi/loopback/link.hpp"
#include "tests/abi/loopback/services_auth.hpp"

namespace howdah::loopback {
namespace {

template <typename Way>
struct Sql {
    static constexpr const char* kId = HOWDAH_SQL_1;
    static const howdah_sql_v1& real(Service& service) { return service.as<howdah_sql_v1>(); }

    static howdah_status execute(void* self, howdah_ctx* ctx, const howdah_execution* execution,
                                 std::uint64_t* cursor) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_execution& given) {
                std::uint64_t made = 0;
                put(out, real(service).execute(service.self, way.ctx(), &given, &made));
                put(out, made);
            },
            *execution);
        return settle(answer, way.results(), *cursor);
    }
    static howdah_status columns(void* self, howdah_ctx* ctx, std::uint64_t cursor, const howdah_column** columns,
                                 std::uint64_t* count) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, std::uint64_t given) {
                List<howdah_column> made;
                put(out, real(service).columns(service.self, way.ctx(), given, &made.values, &made.count));
                put(out, made);
            },
            cursor);
        List<howdah_column> list;
        howdah_status status = settle(answer, service.cursor(cursor).columns, list);
        *columns = list.values, *count = list.count;
        return status;
    }
    static howdah_status next(void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_batch* batch) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        service.cursor(cursor).batch.clear();
        Bytes answer = carry(
            [&](Writer& out, std::uint64_t given) {
                howdah_batch made{};
                put(out, real(service).next(service.self, way.ctx(), given, &made));
                put(out, made);
            },
            cursor);
        return settle(answer, service.cursor(cursor).batch, *batch);
    }
    static howdah_status trailer(void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_trailer* trailer) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, std::uint64_t given) {
                howdah_trailer made{};
                made.struct_size = sizeof made;
                put(out, real(service).trailer(service.self, way.ctx(), given, &made));
                put(out, made);
            },
            cursor);
        return settle(answer, way.results(), *trailer);
    }
    static void close(void* self, howdah_ctx* ctx, std::uint64_t cursor) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        carry([&](Writer&, std::uint64_t given) { real(service).close(service.self, way.ctx(), given); }, cursor);
        service.drop(cursor);
    }
    static howdah_status state(void* self, howdah_ctx* ctx, howdah_str database, howdah_str* json) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given) {
                howdah_str made{};
                put(out, real(service).state(service.self, way.ctx(), given, &made));
                put(out, made);
            },
            database);
        return settle(answer, way.results(), *json);
    }
    static howdah_status report(void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_str* json) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, std::uint64_t given) {
                howdah_str made{"", 0};
                put(out, real(service).report(service.self, way.ctx(), given, &made));
                put(out, made);
            },
            cursor);
        return settle(answer, way.results(), *json);
    }
    static constexpr howdah_sql_v1 kTable{
        sizeof(howdah_sql_v1), 0, &execute, &columns, &next, &trailer, &close, &state, &report};
};

template <typename Way>
struct Sessions {
    static constexpr const char* kId = HOWDAH_SESSION_1;
    static const howdah_session_v1& real(Service& service) { return service.as<howdah_session_v1>(); }

    static howdah_status open(void* self, howdah_ctx* ctx, howdah_str database, const howdah_principal* principal,
                              howdah_str* name) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given, Optional<howdah_principal>& whose) {
                howdah_str made{};
                put(out, real(service).open(service.self, way.ctx(), given, whose.value, &made));
                put(out, made);
            },
            database, Optional<howdah_principal>{principal});
        return settle(answer, way.results(), *name);
    }
    // Without a request: any thread.
    static howdah_status suppose(void* self, howdah_str name, howdah_str definitions) {
        Service& service = Way::service(self, kId);
        const Bytes answer =
            carry([&](Writer& out, howdah_str given,
                      howdah_str indexes) { put(out, real(service).suppose(service.self, given, indexes)); },
                  name, definitions);
        return Reader(answer).number<howdah_status>();
    }
    static void close(void* self, howdah_str name) {
        Service& service = Way::service(self, kId);
        carry([&](Writer&, howdah_str given) { real(service).close(service.self, given); }, name);
    }
    static constexpr howdah_session_v1 kTable{sizeof(howdah_session_v1), 0, &open, &suppose, &close};
};

template <typename Way>
struct Listening {
    static constexpr const char* kId = HOWDAH_LISTEN_1;
    static const howdah_listen_v1& real(Service& service) { return service.as<howdah_listen_v1>(); }

    static howdah_status open(void* self, howdah_ctx* ctx, howdah_str database, howdah_str channel,
                              std::uint64_t* listener, howdah_str* server) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str name, howdah_str heard) {
                std::uint64_t made = 0;
                howdah_str reached{};
                put(out, real(service).open(service.self, way.ctx(), name, heard, &made, &reached));
                put(out, made);
                put(out, reached);
            },
            database, channel);
        return settle(answer, way.results(), *listener, *server);
    }
    static howdah_status next(void* self, howdah_ctx* ctx, std::uint64_t listener, std::uint64_t deadline_ns,
                              howdah_str* payload) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        service.cursor(listener).batch.clear();
        Bytes answer = carry(
            [&](Writer& out, std::uint64_t given, std::uint64_t deadline) {
                howdah_str told{};
                put(out, real(service).next(service.self, way.ctx(), given, deadline, &told));
                put(out, told);
            },
            listener, deadline_ns);
        return settle(answer, service.cursor(listener).batch, *payload);
    }
    static howdah_status catchUp(void* self, howdah_ctx* ctx, std::uint64_t listener, std::uint64_t deadline_ns) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, std::uint64_t given, std::uint64_t deadline) {
                put(out, real(service).catch_up(service.self, way.ctx(), given, deadline));
            },
            listener, deadline_ns);
        return settle(answer, way.results());
    }
    static void close(void* self, std::uint64_t listener) {
        Service& service = Way::service(self, kId);
        carry([&](Writer&, std::uint64_t given) { real(service).close(service.self, given); }, listener);
        service.drop(listener);
    }
    static constexpr howdah_listen_v1 kTable{sizeof(howdah_listen_v1), 0, &open, &next, &catchUp, &close};
};

template <typename Way>
struct Source {
    static constexpr const char* kId = HOWDAH_SOURCE_1;
    static howdah_status dsn(void* self, howdah_ctx* ctx, howdah_str database, howdah_str* out) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& answered, howdah_str given) {
                howdah_str made{};
                put(answered, service.as<howdah_source_v1>().dsn(service.self, way.ctx(), given, &made));
                put(answered, made);
            },
            database);
        return settle(answer, way.results(), *out);
    }
    static constexpr howdah_source_v1 kTable{sizeof(howdah_source_v1), 0, &dsn};
};

template <typename Way>
struct Statements {
    static constexpr const char* kId = HOWDAH_STATEMENT_1;
    static howdah_status facts(void* self, howdah_ctx* ctx, howdah_str sql, std::uint32_t access,
                               const howdah_facts** out) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& answered, howdah_str text, std::uint32_t given_access) {
                Optional<howdah_facts> made;
                put(answered,
                    service.as<howdah_statement_v1>().facts(service.self, way.ctx(), text, given_access, &made.value));
                put(answered, made);
            },
            sql, access);
        Optional<howdah_facts> made;
        howdah_status status = settle(answer, way.results(), made);
        *out = made.value;
        return status;
    }
    static howdah_status pattern(void* self, howdah_ctx* ctx, howdah_str sql, howdah_pattern* out) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& answered, howdah_str text) {
                howdah_pattern made{sizeof made, 0, 0, {}};
                put(answered, service.as<howdah_statement_v1>().pattern(service.self, way.ctx(), text, &made));
                put(answered, made);
            },
            sql);
        return settle(answer, way.results(), *out);
    }
    static constexpr howdah_statement_v1 kTable{sizeof(howdah_statement_v1), 0, &facts, &pattern};
};

template <typename Way>
const void* table(std::string_view id) {
    if (id == HOWDAH_SQL_1) return &Sql<Way>::kTable;
    if (id == HOWDAH_SESSION_1) return &Sessions<Way>::kTable;
    if (id == HOWDAH_LISTEN_1) return &Listening<Way>::kTable;
    if (id == HOWDAH_SOURCE_1) return &Source<Way>::kTable;
    if (id == HOWDAH_STATEMENT_1) return &Statements<Way>::kTable;
    return authTable<Way>(id);
}

}  // namespace

const void* inwardTable(const std::string& id) {
    return table<Inward>(id);
}
const void* outwardTable(const std::string& id) {
    return table<Outward>(id);
}

}  // namespace howdah::loopback
