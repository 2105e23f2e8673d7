// One connection: commands go out, as many replies come back. After an error, or when the wait ended early, replies may
// still be on their way, so such a connection is only good for closing.
//
// Threads: one at a time.
// Owns:    the channel.
// Errors:  unavailable when it breaks or is refused, with the code of the server's reply and never its text; what the
//          wait ended with otherwise.
#pragma once

#include <functional>
#include <vector>

#include "plugins/redis/channel.hpp"
#include "plugins/redis/protocol.hpp"

namespace howdah::redis {

class Connection {
public:
    // Waits until the descriptor can be read or written (HOWDAH_READABLE, HOWDAH_WRITABLE).
    using Wait = std::function<Result<void>(std::uint32_t mask)>;

    // Blocks: connects, says who we are, chooses the database.
    static Result<Connection> openBlocking(const Config& config, Channel::Clock::time_point deadline);

    Result<std::vector<Reply>> exchange(const Commands& commands, const Wait& wait);
    // Its halves. A wait that ended early in next() does no harm: the next call goes on where it was.
    Result<void> send(const Commands& commands, const Wait& wait);
    Result<Reply> next(const Wait& wait);
    int descriptor() const { return channel_.descriptor(); }
    bool isQuiet() { return channel_.isQuiet(); }

private:
    explicit Connection(Channel channel) : channel_(std::move(channel)) {}
    Result<void> greet(const Config& config, Channel::Clock::time_point deadline);

    Channel channel_;
    ReplyReader reader_;
    std::size_t unfinished_ = 0;  // bytes of the reply that is not all there yet
};

}  // namespace howdah::redis
