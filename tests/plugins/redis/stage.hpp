// The plugin on a kernel of the test's own, and one request of a plugin that uses its howdah.kv/1.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <howdah/abi/auth.h>
#include <howdah/kv.hpp>
#include <howdah/plugin.hpp>
#include <howdah/test/fake_host.hpp>

#include "tests/plugins/redis/redis_server.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace howdah::test {

using namespace std::chrono_literals;

class Stage {
public:
    explicit Stage(const Json& section, std::uint32_t shards = 2, void (*prepare)(FakeHost&) = nullptr) {
        host.shard_count = shards;
        if (prepare) prepare(host);
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section.dump()) == "");
        kv = host.plugin<howdah_kv_v1>(HOWDAH_KV_1);
        REQUIRE(kv != nullptr);
    }

    FakeHost host;
    const howdah_kv_v1* kv = nullptr;
};

// One request of a plugin that uses the service.
class Caller {
public:
    explicit Caller(Stage& stage, std::chrono::milliseconds limit = 30s, std::uint32_t shard = 0)
        : stage_(stage), request_(stage.host, limit) {
        request_.ctx()->shard = shard;
    }
    std::string get(std::string_view key) {
        howdah_str value{};
        status = stage_.kv->get(stage_.host.self(), request_.ctx(), toAbi(key), &value);
        return status == HOWDAH_OK ? std::string(fromAbi(value)) : concat("error ", status);
    }
    howdah_status set(std::string_view key, std::string_view value, std::uint64_t ttl_ms = 0) {
        return stage_.kv->set(stage_.host.self(), request_.ctx(), toAbi(key), toAbi(value), ttl_ms);
    }
    howdah_status setIfAbsent(std::string_view key, std::string_view value, std::uint64_t ttl_ms = 0) {
        return stage_.kv->set_if_absent(stage_.host.self(), request_.ctx(), toAbi(key), toAbi(value), ttl_ms);
    }
    std::int64_t add(std::string_view key, std::int64_t delta, std::uint64_t ttl_ms = 0) {
        std::int64_t value = 0;
        status = stage_.kv->add(stage_.host.self(), request_.ctx(), toAbi(key), delta, ttl_ms, &value);
        return status == HOWDAH_OK ? value : INT64_MIN;
    }
    howdah_status remove(std::string_view key) {
        return stage_.kv->remove(stage_.host.self(), request_.ctx(), toAbi(key));
    }
    // The rest of howdah.kv/1 through the SDK's wrapper.
    Context context() { return Context(host_, request_.ctx()); }
    Kv kv() const { return Kv(stage_.kv, stage_.host.self()); }
    Error error() { return request_.error(); }
    void cancel() { request_.cancel(); }

    howdah_status status = HOWDAH_OK;

private:
    Stage& stage_;
    FakeCall request_;
    const Host host_{stage_.host.raw()};
};

inline Json onSocket(const RedisServer& server) {
    // A busy machine must not decide a test: what is late is tested with a server that is frozen.
    return {{"socket", server.socket()}, {"operation_timeout_ms", 5000}, {"connect_timeout_ms", 60000}};
}

// Asks until it is so: the server forgets a key when its time has come, not when a test would like it.
template <typename Condition>
bool becomes(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < end)
        if (condition()) return true;
    return false;
}

}  // namespace howdah::test
