// howdah.kv/1 in commands of Redis. Each function is one round trip.
//
// Threads: a fiber of any shard; may park it.
// Errors:  those of the client; not_found; invalid_argument for a key, a value, or a counter that is none.
// Source:  Redis documentation of SET, INCRBY and "Transactions" (within one, time stands still: a key that is there
// for
//          SET is there for INCRBY).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/abi/auth.h>

#include "plugins/redis/client.hpp"

namespace howdah::redis {

class Kv {
public:
    Kv(Client& client, std::string prefix) : client_(client), prefix_(std::move(prefix)) {}

    Result<std::string> get(const Context& context, std::string_view key);
    Result<void> set(const Context& context, std::string_view key, std::string_view value, std::uint64_t ttl_ms);
    Result<bool> setIfAbsent(const Context& context, std::string_view key, std::string_view value,
                             std::uint64_t ttl_ms);
    Result<std::int64_t> add(const Context& context, std::string_view key, std::int64_t delta, std::uint64_t ttl_ms);
    Result<void> remove(const Context& context, std::string_view key);

private:
    Result<std::vector<Reply>> run(const Context& context, const Commands& commands, Again again);

    Client& client_;
    const std::string prefix_;
};

}  // namespace howdah::redis
