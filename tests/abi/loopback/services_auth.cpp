#include "tests/abi/loopback/services_auth.hpp"

#include "tests/abi/loopback/link.hpp"

namespace howdah::loopback {
namespace {

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

}  // namespace

template <typename Way>
const void* authTable(std::string_view id) {
    if (id == HOWDAH_AUTH_1) return &Auth<Way>::kTable;
    if (id == HOWDAH_KV_1) return &Kv<Way>::kTable;
    return nullptr;
}
template const void* authTable<Inward>(std::string_view id);
template const void* authTable<Outward>(std::string_view id);

}  // namespace howdah::loopback
