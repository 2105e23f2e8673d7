#include "plugins/redis/client.hpp"

namespace howdah::redis {

Client::Client(const Host& host, const Config& config) : host_(host), config_(config), connects_(host, config) {
    for (std::uint32_t shard = 0; shard < host.reactor().shard_count(host.raw()); ++shard)
        lanes_.push_back(std::make_unique<Lane>(config.connections_max));
}

Result<std::vector<Reply>> Client::run(const Context& context, const Commands& commands, Again again) {
    const auto limit = static_cast<std::uint64_t>(std::chrono::nanoseconds(config_.operation_timeout).count());
    const std::uint64_t deadline_ns = host_.nowNs() + limit;
    bool was_idle = false;
    auto replies = runOnce(context, commands, deadline_ns, was_idle);
    // The server may have closed a connection nobody used; a fresh one says more.
    const bool closed = !replies && was_idle && replies.error().code == Code::unavailable;
    if (!closed || again == Again::no || host_.nowNs() >= deadline_ns) return replies;
    return runOnce(context, commands, deadline_ns, was_idle);
}

Result<std::vector<Reply>> Client::runOnce(const Context& context, const Commands& commands, std::uint64_t deadline_ns,
                                           bool& was_idle) {
    Lane& lane = *lanes_.at(host_.reactor().shard(context.raw()));
    auto taken = lane.take(host_, context, deadline_ns);
    if (!taken) return waitEnded(context, std::move(taken).error());
    std::unique_ptr<Line> line = std::move(*taken);
    if (line && !line->connection.isQuiet()) line.reset();  // closed by the server meanwhile; another takes its place
    was_idle = line != nullptr;
    if (!line) {
        auto made = connect(context, deadline_ns);
        if (!made) {
            lane.giveBack(nullptr);
            return waitEnded(context, std::move(made).error());
        }
        line = std::move(*made);
    }
    auto replies = line->connection.exchange(commands, [&](std::uint32_t mask) -> Result<void> {
        if (line->watch.wait(context, mask, deadline_ns) > 0) return {};
        return waitEnded(context, context.lastError());
    });
    if (!replies) line.reset();
    lane.giveBack(std::move(line));
    return replies;
}

// A wait that ended at our own deadline says something of the server; at the request's, nothing.
Error Client::waitEnded(const Context& context, Error error) const {
    if (error.code != Code::timeout || !context.goOn()) return error;
    return Error::unavailable("redis at ", config_.address(), " did not answer within ",
                              config_.operation_timeout.count(), " ms");
}

Result<std::unique_ptr<Line>> Client::connect(const Context& context, std::uint64_t deadline_ns) {
    auto opened = connects_.open(context, deadline_ns);
    if (!opened) return std::move(opened).error();
    auto line = std::make_unique<Line>(std::move(*opened));
    auto watch = Socket::adopt(context, line->connection.descriptor());
    if (!watch) return std::move(watch).error();
    line->watch = std::move(*watch);
    return line;
}

void Client::closeIdle() {
    for (const auto& lane : lanes_)
        lane->closeIdle();
}

unsigned Client::connectionCount() const {
    unsigned count = 0;
    for (const auto& lane : lanes_)
        count += lane->count();
    return count;
}

}  // namespace howdah::redis
