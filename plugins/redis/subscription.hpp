// One channel that is listened to, on a connection of its own that whoever receives drives: what nobody takes waits in
// the socket, and a server that has to hold too much for us (client-output-buffer-limit pubsub) closes it, which is
// found and told as any loss is.
//
// Threads: a fiber of any shard, one at a time.
// Owns:    its connection.
// Errors:  unavailable when nothing is heard at the moment; timeout and cancelled of the caller.
// Source:  Redis documentation, "Redis Pub/Sub".
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <howdah/waiting.hpp>

#include "plugins/redis/connects.hpp"
#include "plugins/redis/lane.hpp"

namespace howdah::redis {

class Subscription {
public:
    Subscription(const Host& host, const Config& config, Connects& connects, std::string channel)
        : host_(host), config_(config), connects_(connects), channel_(std::move(channel)) {}

    // Connects and subscribes; once.
    Result<void> begin(const Context& context);

    struct Received {
        bool missed = false;       // instead of a message: subscribed again
        std::string_view message;  // until the next receive()
    };
    Result<Received> receive(const Context& context, std::uint64_t deadline_ns);

private:
    Result<void> subscribe(const Context& context, std::uint64_t deadline_ns);
    Result<Received> subscribeAgain(const Context& context, std::uint64_t deadline_ns);
    Result<void> follow(const Context& context);
    Result<void> ping(const Context& context);
    Connection::Wait waitUntil(const Context& context, std::uint64_t deadline_ns);
    Error lost(const Error& error);
    std::uint64_t operationEnd() const;

    const Host& host_;
    const Config& config_;
    Connects& connects_;
    const std::string channel_;
    std::unique_ptr<Line> line_;  // null: not subscribed at the moment
    std::uint32_t shard_ = 0;     // that watches it
    std::uint64_t heard_ns_ = 0;
    bool asked_ = false;  // whether it is still there
    Reply last_;
};

// All of them, by number.
//
// Threads: any; a short lock.
class Subscriptions {
public:
    static constexpr std::size_t kMost = 64;  // each is a connection

    Result<std::uint64_t> add(std::shared_ptr<Subscription> made);
    std::shared_ptr<Subscription> find(std::uint64_t number) const;
    void remove(std::uint64_t number);
    void clear();

private:
    mutable std::mutex mutex_;
    std::uint64_t last_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Subscription>> all_;
};

}  // namespace howdah::redis
