#include "plugins/redis/connection.hpp"

#include <array>
#include <string>

namespace howdah::redis {
namespace {

// Values of howdah.kv/1 have at most 64 KiB; more is somebody else's, and not read to its end.
constexpr std::size_t kReplyBytesMax = 1u << 20;
constexpr std::size_t kReadBytes = 8 * 1024;  // on the stack of a fiber

Error broken() {
    return Error::unavailable("the connection to redis broke");
}

// Only its code, as that goes into logs and to clients: the texts of servers repeat what they were sent.
Error refusalOf(const Config& config, std::string_view command, std::string_view code) {
    // A code that was the password would be no code that is known; it is not shown even so.
    if (config.password.find(code) != std::string::npos) code = "an error";
    Error error = Error::unavailable("redis at ", config.address(), " refuses the connection: ", code, " to ", command);
    if (code == "LOADING" || code == "BUSY" || code == "MASTERDOWN")
        return std::move(error).withHint("the server is not ready yet; try again in a moment");
    if (code == "NOPERM")
        return std::move(error).withHint(
            "this user may not run that command; the README of plugin redis lists the "
            "commands that it needs");
    if (command == "SELECT" && code == "ERR")
        return std::move(error).withHint("redis.database must be one that the server has (its setting `databases`)");
    return std::move(error).withHint(
        "redis.username and redis.password must be those of a user of this server; its "
        "own log says more");
}

}  // namespace

Result<Connection> Connection::openBlocking(const Config& config, Channel::Clock::time_point deadline) {
    auto channel = Channel::connectBlocking(config, deadline);
    if (!channel) return std::move(channel).error();
    Connection connection(std::move(*channel));
    if (auto greeted = connection.greet(config, deadline); !greeted) return std::move(greeted).error();
    return connection;
}

Result<void> Connection::greet(const Config& config, Channel::Clock::time_point deadline) {
    const std::string number = std::to_string(config.database);
    Commands commands;
    std::vector<std::string_view> names;
    if (!config.password.empty()) {
        names.emplace_back("AUTH");
        config.username.empty() ? commands.add({"AUTH", config.password})
                                : commands.add({"AUTH", config.username, config.password});
    }
    commands.add({"SELECT", number}).add({"PING"});
    names.insert(names.end(), {"SELECT", "PING"});
    const auto replies = exchange(commands, [&](std::uint32_t mask) -> Result<void> {
        if (pollUntil(channel_.descriptor(), mask, deadline)) return {};
        return Error::unavailable("redis at ", config.address(), " does not answer in time");
    });
    if (!replies) return replies.error();
    for (std::size_t i = 0; i < names.size(); ++i)
        if (isError(*replies->at(i))) return refusalOf(config, names[i], codeOf(*replies->at(i)));
    return {};
}

Result<std::vector<Reply>> Connection::exchange(const Commands& commands, const Wait& wait) {
    if (auto sent = send(commands, wait); !sent) return std::move(sent).error();
    std::vector<Reply> replies;
    while (replies.size() < commands.count()) {
        auto reply = next(wait);
        if (!reply) return std::move(reply).error();
        replies.push_back(std::move(*reply));
    }
    return replies;
}

Result<void> Connection::send(const Commands& commands, const Wait& wait) {
    std::string_view left = commands.bytes();
    while (!left.empty()) {
        const Channel::Step step = channel_.write(left);
        if (step.ended) return broken();
        left.remove_prefix(step.bytes);
        if (step.wait_for == 0) continue;
        if (auto ready = wait(step.wait_for); !ready) return ready;
    }
    return {};
}

Result<Reply> Connection::next(const Wait& wait) {
    std::array<char, kReadBytes> bytes;
    for (;;) {
        auto reply = reader_.next();
        if (!reply) return std::move(reply).error();
        if (*reply) {
            unfinished_ = 0;
            return std::move(*reply);
        }
        const Channel::Step step = channel_.read(bytes.data(), bytes.size());
        if (step.ended) return broken();
        if (step.wait_for != 0) {
            if (auto ready = wait(step.wait_for); !ready) return std::move(ready).error();
            continue;
        }
        unfinished_ += step.bytes;
        if (unfinished_ > kReplyBytesMax || !reader_.feed(bytes.data(), step.bytes))
            return Error::unavailable("redis answers with more than ", kReplyBytesMax, " bytes");
    }
}

}  // namespace howdah::redis
