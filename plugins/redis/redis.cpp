// The plugin: howdah.kv/1 from a Redis or Valkey server.
//
// Threads: as plugin.hpp says; its functions are called on every shard at once.
// Owns:    the client.
#include <optional>

#include <howdah/abi/auth.h>
#include <howdah/plugin.hpp>

#include "plugins/redis/kv.hpp"

namespace howdah::redis {
namespace {

class RedisKv final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        config_ = std::move(*config);
        return {};
    }
    // Nobody is asked yet: a server that is down does not keep this one from starting.
    Result<void> start(Offer&) override {
        client_.emplace(host(), config_);
        kv_.emplace(*client_, config_.key_prefix);
        return {};
    }
    // Work that still connects outlives this, so the client stays.
    void stop() override {
        if (client_) client_->closeIdle();  // not where the start was refused
    }

    const void* interface(std::string_view id) override { return id == HOWDAH_KV_1 ? &kTable : nullptr; }
    void work(std::uint64_t token) override { client_->connects().work(token); }
    void drop(std::uint64_t token) override { client_->connects().drop(token); }

    Result<Json> report(Context& context) override {
        const std::uint64_t begun = host().nowNs();
        const auto replies = client_->run(context, Commands().add({"PING"}), Again::yes);
        const double took_ms = static_cast<double>(host().nowNs() - begun) / 1e6;
        const bool well = replies && !isError(*replies->back());
        Json check{{"name", "redis"}, {"status", well ? "ok" : "fail"}};
        if (well) {
            check["text"] = concat(config_.address(), " answers in ", took_ms, " ms");
        } else {
            check["text"] = replies ? concat(config_.address(), " refuses PING: ", codeOf(*replies->back()))
                                    : replies.error().message;
            check["remedy"] = replies || replies.error().hint.empty()
                                  ? "look whether the server runs, and at redis.host, redis.port and redis.password"
                                  : replies.error().hint;
        }
        return Json{{"status", check["status"]},
                    {"checks", Json::array({check})},
                    {"connections", client_->connectionCount()},
                    {"failed_connects", client_->connects().failures()}};
    }

private:
    // Runs one function of the table: a thrown exception ends here, and an error goes to whoever called.
    template <typename Body>
    static howdah_status answer(void* self, howdah_ctx* ctx, Body&& body) noexcept {
        auto& plugin = *static_cast<RedisKv*>(static_cast<Plugin*>(self));
        return PluginTables::guarded(plugin, ctx, [&] { return body(plugin, Context(plugin.host(), ctx)); });
    }

    static howdah_status get(void* self, howdah_ctx* ctx, howdah_str key, howdah_str* value) noexcept {
        return answer(self, ctx, [&](RedisKv& plugin, const Context& context) -> Result<void> {
            auto found = plugin.kv_->get(context, fromAbi(key));
            if (!found) return std::move(found).error();
            *value = context.keep(*found);
            return value->data ? Result<void>() : Error::unavailable("the request holds more memory than one may");
        });
    }
    static howdah_status set(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value,
                             std::uint64_t ttl_ms) noexcept {
        return answer(self, ctx, [&](RedisKv& plugin, const Context& context) {
            return plugin.kv_->set(context, fromAbi(key), fromAbi(value), ttl_ms);
        });
    }
    static howdah_status setIfAbsent(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value,
                                     std::uint64_t ttl_ms) noexcept {
        bool was_absent = false;
        const howdah_status status = answer(self, ctx, [&](RedisKv& plugin, const Context& context) -> Result<void> {
            auto done = plugin.kv_->setIfAbsent(context, fromAbi(key), fromAbi(value), ttl_ms);
            if (!done) return std::move(done).error();
            was_absent = *done;
            return {};
        });
        return status < 0 ? status : was_absent ? 1 : 0;
    }
    static howdah_status add(void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta, std::uint64_t ttl_ms,
                             std::int64_t* value) noexcept {
        return answer(self, ctx, [&](RedisKv& plugin, const Context& context) -> Result<void> {
            auto sum = plugin.kv_->add(context, fromAbi(key), delta, ttl_ms);
            if (!sum) return std::move(sum).error();
            *value = *sum;
            return {};
        });
    }
    static howdah_status remove(void* self, howdah_ctx* ctx, howdah_str key) noexcept {
        return answer(self, ctx, [&](RedisKv& plugin, const Context& context) {
            return plugin.kv_->remove(context, fromAbi(key));
        });
    }

    static constexpr howdah_kv_v1 kTable{sizeof(howdah_kv_v1), 0, &get, &set, &setIfAbsent, &add, &remove};

    Config config_;
    std::optional<Client> client_;
    std::optional<Kv> kv_;
};

}  // namespace
}  // namespace howdah::redis

using RedisPlugin = howdah::redis::RedisKv;
HOWDAH_PLUGIN(RedisPlugin)
