// A connection that listens (howdah.listen/1): of its own, beside those that are lent, since nobody else can use it.
//
// Its methods are called with another plugin's context: they wait by events and sockets, never by offload.run(), which
// would hand the work to that plugin.
//
// Threads: one call at a time for each listener; Listeners from any.
// Owns:    the connection, what was told and not yet taken.
// Errors:  unavailable once the connection has ended, for good; timeout and cancelled leave it as it was, but for a
//          statement that was cut off, which ends it.
// Source:  PostgreSQL manual, libpq, "Asynchronous Notification"; NOTIFY ("the notifications are delivered in commit
//          order"); src/backend/commands/async.c for what a listener hears of itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "database.hpp"

namespace howdah::pool {

class Listener {
public:
    static constexpr std::size_t kToldMax = 65'536;           // notices that wait to be taken; more, and it ends
    static constexpr std::size_t kToldBytesMax = 16u << 20u;  // likewise

    static Result<std::shared_ptr<Listener>> open(const Context& context, const std::shared_ptr<Database>& database,
                                                  Jobs& jobs, std::string_view channel);

    const std::string& server() const { return server_; }

    // Valid until the next call; nothing at the deadline.
    Result<std::optional<std::string_view>> next(const Context& context, std::uint64_t deadline_ns);
    Result<void> catchUp(const Context& context, std::uint64_t deadline_ns);
    // From any thread: a call that is under way ends at its next step or its deadline, and every one after it.
    void end() { ended_ = true; }

private:
    // The one call at a time.
    class Turn;

    Listener(std::shared_ptr<Database> database, std::unique_ptr<Connection> connection, std::string channel)
        : database_(std::move(database)), connection_(std::move(connection)), channel_(std::move(channel)) {}

    Result<void> listen(const Context& context, std::uint64_t deadline_ns);
    Result<std::string> ask(const Context& context, const std::string& sql, std::vector<std::string> parameters,
                            std::uint64_t deadline_ns);
    Result<void> prove(const Context& context, std::uint64_t deadline_ns);
    void collect();
    Error whatEnded(const Context& context, Wait wait, std::string_view what);
    Error gone();

    const std::shared_ptr<Database> database_;
    std::unique_ptr<Connection> connection_;
    const std::string channel_;
    std::string server_;
    std::atomic<bool> ended_{false};
    std::atomic<bool> busy_{false};
    std::deque<std::string> told_;
    std::size_t told_bytes_ = 0;
    std::string taken_;        // what next() gave last
    std::uint64_t asked_ = 0;  // own notices sent
    std::uint64_t heard_ = 0;  // the last of them that came back
};

// By number, as the ABI names them.
class Listeners {
public:
    static constexpr std::size_t kMax = 32;

    Result<std::uint64_t> add(std::shared_ptr<Listener> listener);
    bool hasRoom() const;
    std::shared_ptr<Listener> find(std::uint64_t number) const;
    void remove(std::uint64_t number);
    void clear();

private:
    mutable std::mutex mutex_;
    std::uint64_t last_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Listener>> listeners_;
};

}  // namespace howdah::pool
