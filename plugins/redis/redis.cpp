// The plugin: howdah.kv/1 from a Redis or Valkey server.
//
// Threads: as plugin.hpp says; its functions are called on every shard at once.
// Owns:    the client.
#include <optional>

#include <howdah/abi/auth.h>
#include <howdah/plugin.hpp>

#include "plugins/redis/kv.hpp"
#include "plugins/redis/subscription.hpp"

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
        kv_.emplace(*client_, config_);
        return {};
    }
    // Work that still connects outlives this, so the client stays.
    void stop() override {
        subscriptions_.clear();
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
    // 1 or 0 of a question.
    template <typename Body>
    static howdah_status yesOrNo(void* self, howdah_ctx* ctx, Body&& body) noexcept {
        bool yes = false;
        const howdah_status status = answer(self, ctx, [&](RedisKv& plugin, const Context& context) -> Result<void> {
            auto done = body(plugin, context);
            if (!done) return std::move(done).error();
            yes = *done;
            return {};
        });
        return status < 0 ? status : yes ? 1 : 0;
    }
    static howdah_status setIfAbsent(void* self, howdah_ctx* ctx, howdah_str key, howdah_str value,
                                     std::uint64_t ttl_ms) noexcept {
        return yesOrNo(self, ctx, [&](RedisKv& plugin, const Context& context) {
            return plugin.kv_->setIfAbsent(context, fromAbi(key), fromAbi(value), ttl_ms);
        });
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

    static howdah_status replace(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected, howdah_str value,
                                 std::uint64_t ttl_ms) noexcept {
        return yesOrNo(self, ctx, [&](RedisKv& plugin, const Context& context) {
            return plugin.kv_->replace(context, fromAbi(key), fromAbi(expected), fromAbi(value), ttl_ms);
        });
    }
    static howdah_status removeIf(void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected) noexcept {
        return yesOrNo(self, ctx, [&](RedisKv& plugin, const Context& context) {
            return plugin.kv_->removeIf(context, fromAbi(key), fromAbi(expected));
        });
    }
    static howdah_status addLeased(void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta,
                                   std::uint64_t ttl_ms, std::int64_t* value) noexcept {
        return answer(self, ctx, [&](RedisKv& plugin, const Context& context) -> Result<void> {
            auto sum = plugin.kv_->addLeased(context, fromAbi(key), delta, ttl_ms);
            if (!sum) return std::move(sum).error();
            *value = *sum;
            return {};
        });
    }
    static howdah_status publish(void* self, howdah_ctx* ctx, howdah_str channel, howdah_str message) noexcept {
        return answer(self, ctx, [&](RedisKv& plugin, const Context& context) {
            return plugin.kv_->publish(context, fromAbi(channel), fromAbi(message));
        });
    }
    static howdah_status subscribe(void* self, howdah_ctx* ctx, howdah_str channel,
                                   std::uint64_t* subscription) noexcept {
        return answer(self, ctx, [&](RedisKv& plugin, const Context& context) -> Result<void> {
            auto name = plugin.kv_->channelNamed(fromAbi(channel));
            if (!name) return std::move(name).error();
            auto made = std::make_shared<Subscription>(plugin.host(), plugin.config_, plugin.client_->connects(),
                                                       std::move(*name));
            if (auto begun = made->begin(context); !begun) return begun;
            auto number = plugin.subscriptions_.add(std::move(made));
            if (!number) return std::move(number).error();
            *subscription = *number;
            return {};
        });
    }
    static howdah_status receive(void* self, howdah_ctx* ctx, std::uint64_t subscription, std::uint64_t deadline_ns,
                                 howdah_str* message) noexcept {
        bool missed = false;
        const howdah_status status = answer(self, ctx, [&](RedisKv& plugin, const Context& context) -> Result<void> {
            const auto found = plugin.subscriptions_.find(subscription);
            if (!found) return Error::notFound("no such subscription");
            auto received = found->receive(context, deadline_ns);
            if (!received) return std::move(received).error();
            missed = received->missed;
            *message = toAbi(received->message);
            return {};
        });
        return status < 0 ? status : missed ? HOWDAH_KV_MISSED : HOWDAH_OK;
    }
    static void unsubscribe(void* self, std::uint64_t subscription) noexcept {
        static_cast<RedisKv*>(static_cast<Plugin*>(self))->subscriptions_.remove(subscription);
    }

    static constexpr howdah_kv_v1 kTable{
        sizeof(howdah_kv_v1), 0,        &get,       &set,     &setIfAbsent, &add, &remove, &replace, &removeIf,
        &addLeased,           &publish, &subscribe, &receive, &unsubscribe};

    Config config_;
    std::optional<Client> client_;
    std::optional<Kv> kv_;
    Subscriptions subscriptions_;
};

}  // namespace
}  // namespace howdah::redis

using RedisPlugin = howdah::redis::RedisKv;
HOWDAH_PLUGIN(RedisPlugin)
