// howdah.kv/1 in commands of Redis. Each function is one round trip.
//
// Threads: a fiber of any shard; may park it.
// Errors:  those of the client; not_found; invalid_argument for a key, a value, or a counter that is none.
// Source:  Redis documentation of SET, INCRBY, EVAL, PUBLISH and "Transactions" (within one, time stands still: a key
//          that is there for SET is there for INCRBY).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/abi/auth.h>

#include "plugins/redis/client.hpp"

namespace howdah::redis {

class Kv {
public:
    // To the server channels are the same in every database; here each has its own, as it has its own keys.
    Kv(Client& client, const Config& config)
        : client_(client),
          prefix_(config.key_prefix),
          channel_prefix_(concat(config.key_prefix, config.database, ':')) {}

    Result<std::string> get(const Context& context, std::string_view key);
    Result<void> set(const Context& context, std::string_view key, std::string_view value, std::uint64_t ttl_ms);
    Result<bool> setIfAbsent(const Context& context, std::string_view key, std::string_view value,
                             std::uint64_t ttl_ms);
    Result<std::int64_t> add(const Context& context, std::string_view key, std::int64_t delta, std::uint64_t ttl_ms);
    Result<void> remove(const Context& context, std::string_view key);
    Result<bool> replace(const Context& context, std::string_view key, std::string_view expected,
                         std::string_view value, std::uint64_t ttl_ms);
    Result<bool> removeIf(const Context& context, std::string_view key, std::string_view expected);
    Result<std::int64_t> addLeased(const Context& context, std::string_view key, std::int64_t delta,
                                   std::uint64_t ttl_ms);
    Result<void> publish(const Context& context, std::string_view channel, std::string_view message);
    // The name of a channel as the server knows it.
    Result<std::string> channelNamed(std::string_view channel) const;

private:
    Result<bool> eval(const Context& context, std::initializer_list<std::string_view> words, Again again);
    Result<std::vector<Reply>> run(const Context& context, const Commands& commands, Again again);

    Client& client_;
    const std::string prefix_;
    const std::string channel_prefix_;
};

}  // namespace howdah::redis
