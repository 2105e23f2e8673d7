// Services of plugins: sql, session, listen, source, statement, auth, kv. The same code serves both ways; Way is Inward
// or Outward.
#include <string_view>

#include "tests/abi/loopback/link.hpp"

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
struct Auth {
    static constexpr const char* kId = HOWDAH_AUTH_1;
    static howdah_status verify(void* self, howdah_ctx* ctx, const howdah_credential* credential,
                                howdah_principal* out) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& answered, howdah_credential& given) {
                howdah_principal made{};
                made.struct_size = sizeof made;
                put(answered, service.as<howdah_auth_v1>().verify(service.self, way.ctx(), &given, &made));
                put(answered, made);
            },
            *credential);
        return settle(answer, way.results(), *out);
    }
    static howdah_status challenge(void* self, howdah_ctx* ctx, const howdah_challenge* challenge, howdah_str* header) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& answered, howdah_challenge& given) {
                howdah_str made{};
                put(answered, service.as<howdah_auth_v1>().challenge(service.self, way.ctx(), &given, &made));
                put(answered, made);
            },
            *challenge);
        return settle(answer, way.results(), *header);
    }
    static howdah_status metadata(void* self, howdah_ctx* ctx, howdah_str resource, howdah_str* json) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& answered, howdah_str given) {
                howdah_str made{};
                put(answered, service.as<howdah_auth_v1>().metadata(service.self, way.ctx(), given, &made));
                put(answered, made);
            },
            resource);
        return settle(answer, way.results(), *json);
    }
    static constexpr howdah_auth_v1 kTable{sizeof(howdah_auth_v1), 0, &verify, &challenge, &metadata};
};

template <typename Way>
struct Kv {
    static constexpr const char* kId = HOWDAH_KV_1;
    static const howdah_kv_v1& real(Service& service) { return service.as<howdah_kv_v1>(); }

    static howdah_status get(void* self, howdah_ctx* ctx, howdah_str key, howdah_str* value) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given) {
                howdah_str made{};
                put(out, real(service).get(service.self, way.ctx(), given, &made));
                put(out, made);
            },
            key);
        return settle(answer, way.results(), *value);
    }
    static howdah_status set(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, std::uint64_t ttl_ms) {
        return write(&howdah_kv_v1::set, self, ctx, key, value, ttl_ms);
    }
    static howdah_status setIfAbsent(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value,
                                     std::uint64_t ttl_ms) {
        return write(&howdah_kv_v1::set_if_absent, self, ctx, key, value, ttl_ms);
    }
    static howdah_status add(void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta, std::uint64_t ttl_ms,
                             std::int64_t* value) {
        return count(&howdah_kv_v1::add, self, ctx, key, delta, ttl_ms, value);
    }
    static howdah_status remove(void* self, howdah_ctx* ctx, howdah_str key) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given) { put(out, real(service).remove(service.self, way.ctx(), given)); },
            key);
        return settle(answer, way.results());
    }
    static howdah_status replace(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected, howdah_str value,
                                 std::uint64_t ttl_ms) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str name, howdah_str old, howdah_str bytes, std::uint64_t ttl) {
                put(out, real(service).replace(service.self, way.ctx(), name, old, bytes, ttl));
            },
            key, expected, value, ttl_ms);
        return settle(answer, way.results());
    }
    static howdah_status removeIf(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected) {
        return pair(&howdah_kv_v1::remove_if, self, ctx, key, expected);
    }
    static howdah_status addLeased(void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta,
                                   std::uint64_t ttl_ms, std::int64_t* value) {
        return count(&howdah_kv_v1::add_leased, self, ctx, key, delta, ttl_ms, value);
    }
    static howdah_status publish(void* self, howdah_ctx* ctx, howdah_str channel, howdah_str message) {
        return pair(&howdah_kv_v1::publish, self, ctx, channel, message);
    }
    static howdah_status subscribe(void* self, howdah_ctx* ctx, howdah_str channel, std::uint64_t* subscription) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given) {
                std::uint64_t made = 0;
                put(out, real(service).subscribe(service.self, way.ctx(), given, &made));
                put(out, made);
            },
            channel);
        return settle(answer, way.results(), *subscription);
    }
    static howdah_status receive(void* self, howdah_ctx* ctx, std::uint64_t subscription, std::uint64_t deadline_ns,
                                 howdah_str* message) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        service.cursor(subscription).batch.clear();  // what was borrowed of it ends here
        Bytes answer = carry(
            [&](Writer& out, std::uint64_t given, std::uint64_t until_ns) {
                howdah_str made{};
                put(out, real(service).receive(service.self, way.ctx(), given, until_ns, &made));
                put(out, made);
            },
            subscription, deadline_ns);
        return settle(answer, service.cursor(subscription).batch, *message);
    }
    // Without a request: any thread.
    static void unsubscribe(void* self, std::uint64_t subscription) {
        Service& service = Way::service(self, kId);
        carry([&](Writer&, std::uint64_t given) { real(service).unsubscribe(service.self, given); }, subscription);
        service.drop(subscription);
    }
    static constexpr howdah_kv_v1 kTable{
        sizeof(howdah_kv_v1), 0,        &get,       &set,     &setIfAbsent, &add, &remove, &replace, &removeIf,
        &addLeased,           &publish, &subscribe, &receive, &unsubscribe};

private:
    static howdah_status write(decltype(howdah_kv_v1::set) howdah_kv_v1::* function, void* self, howdah_ctx* ctx,
                               howdah_str key, howdah_str value, std::uint64_t ttl_ms) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str name, howdah_str bytes, std::uint64_t ttl) {
                put(out, (real(service).*function)(service.self, way.ctx(), name, bytes, ttl));
            },
            key, value, ttl_ms);
        return settle(answer, way.results());
    }
    static howdah_status pair(decltype(howdah_kv_v1::publish) howdah_kv_v1::* function, void* self, howdah_ctx* ctx,
                              howdah_str first, howdah_str second) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer =
            carry([&](Writer& out, howdah_str one,
                      howdah_str other) { put(out, (real(service).*function)(service.self, way.ctx(), one, other)); },
                  first, second);
        return settle(answer, way.results());
    }
    static howdah_status count(decltype(howdah_kv_v1::add) howdah_kv_v1::* function, void* self, howdah_ctx* ctx,
                               howdah_str key, std::int64_t delta, std::uint64_t ttl_ms, std::int64_t* value) {
        Service& service = Way::service(self, kId);
        Way way(*service.link, ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_str name, std::int64_t more, std::uint64_t ttl) {
                std::int64_t made = 0;
                put(out, (real(service).*function)(service.self, way.ctx(), name, more, ttl, &made));
                put(out, made);
            },
            key, delta, ttl_ms);
        return settle(answer, way.results(), *value);
    }
};

template <typename Way>
const void* table(std::string_view id) {
    if (id == HOWDAH_SQL_1) return &Sql<Way>::kTable;
    if (id == HOWDAH_SESSION_1) return &Sessions<Way>::kTable;
    if (id == HOWDAH_LISTEN_1) return &Listening<Way>::kTable;
    if (id == HOWDAH_SOURCE_1) return &Source<Way>::kTable;
    if (id == HOWDAH_STATEMENT_1) return &Statements<Way>::kTable;
    if (id == HOWDAH_AUTH_1) return &Auth<Way>::kTable;
    if (id == HOWDAH_KV_1) return &Kv<Way>::kTable;
    return nullptr;
}

}  // namespace

const void* inwardTable(const std::string& id) {
    return table<Inward>(id);
}
const void* outwardTable(const std::string& id) {
    return table<Outward>(id);
}

}  // namespace howdah::loopback
