// Commands to one Redis or Valkey server, from every shard: a few connections for each, on its own reactor.
//
// Threads: a fiber of any shard; may park it.
// Owns:    every connection.
// Errors:  unavailable with the address, and retry_after_ms while nobody tries to connect; timeout and cancelled of the
//          caller's request.
#pragma once

#include <memory>
#include <vector>

#include <howdah/host.hpp>

#include "plugins/redis/connects.hpp"
#include "plugins/redis/lane.hpp"

namespace howdah::redis {

// Whether a command may be sent again when the connection broke before its reply came.
enum class Again : std::uint8_t { no, yes };

class Client {
public:
    Client(const Host& host, const Config& config);

    Result<std::vector<Reply>> run(const Context& context, const Commands& commands, Again again);

    Connects& connects() { return connects_; }
    unsigned connectionCount() const;
    void closeIdle();

private:
    Result<std::vector<Reply>> runOnce(const Context& context, const Commands& commands, std::uint64_t deadline_ns,
                                       bool& was_idle);
    Result<std::unique_ptr<Line>> connect(const Context& context, std::uint64_t deadline_ns);
    Error waitEnded(const Context& context, Error error) const;

    const Host& host_;
    const Config& config_;
    Connects connects_;
    std::vector<std::unique_ptr<Lane>> lanes_;  // by shard
};

}  // namespace howdah::redis
