// Hearing what NOTIFY tells, over howdah.listen/1.
//
//     auto listening = offer.acquire<howdah_listen_v1>(HOWDAH_LISTEN_1);      // in start()
//     auto listener = Listener::open(context, *listening, "main", "changes");  // on a task
//     while (auto told = listener->next(context, deadline_ns)) ...             // nothing: the deadline has come
//
// Threads: one call at a time; destroyed before stop() returns.
// Owns:    the listener.
// Errors:  those of abi/listen.h; after unavailable it is over, and what was told since is lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <howdah/abi/listen.h>
#include <howdah/plugin.hpp>

namespace howdah {

class Listener {
public:
    using Service = Offer::Acquired<howdah_listen_v1>;

    static Result<Listener> open(const Context& context, const Service& service, std::string_view database,
                                 std::string_view channel) {
        Listener made(service);
        howdah_str server{};
        const howdah_status opened =
            service.table->open(service.self, context.raw(), toAbi(database), toAbi(channel), &made.number_, &server);
        if (opened < 0) return context.lastError();
        made.server_ = fromAbi(server);
        return made;
    }
    Listener(Listener&& other) noexcept
        : service_(other.service_), number_(std::exchange(other.number_, 0)), server_(std::move(other.server_)) {}
    Listener& operator=(Listener&&) = delete;
    ~Listener() {
        if (number_ != 0) service_.table->close(service_.self, number_);
    }

    // Which server, since when it runs: equal for equal ones.
    const std::string& server() const { return server_; }

    // Valid until the next call; nothing at the deadline.
    Result<std::optional<std::string_view>> next(const Context& context, std::uint64_t deadline_ns) {
        howdah_str payload{};
        const howdah_status told = service_.table->next(service_.self, context.raw(), number_, deadline_ns, &payload);
        if (told < 0) return context.lastError();
        return told == 0 ? std::optional<std::string_view>{} : std::optional(fromAbi(payload));
    }
    // Once it is done, what was committed before the call is there for next() without waiting.
    Result<void> catchUp(const Context& context, std::uint64_t deadline_ns) {
        return context.check(service_.table->catch_up(service_.self, context.raw(), number_, deadline_ns));
    }

private:
    explicit Listener(const Service& service) : service_(service) {}

    Service service_;
    std::uint64_t number_ = 0;  // 0: moved from, or never opened
    std::string server_;
};

}  // namespace howdah
