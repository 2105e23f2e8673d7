// SharedKv: the kernel as a caller of the howdah.kv/1 that a plugin offers, which is how several instances have state
// in common. Nobody offers one in a process of its own, and then nothing of this is used.
//
// Threads: offered() any; the rest on a fiber, which it parks; a Listener on one fiber.
// Owns:    nothing; a Listener its subscription, and with it a pin on the generation that it listens in, renewed with
//          each look.
// Errors:  unavailable when no plugin offers it, or it cannot be reached; timeout when it does not answer in time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <howdah/result.hpp>

#include "kernel/host/generation.hpp"
#include "kernel/runtime/cancellation.hpp"

namespace howdah::kernel {

class SharedKv {
public:
    static constexpr std::chrono::milliseconds kLimit{1'000};  // for one call

    explicit SharedKv(const GenerationStore& generations) : generations_(generations) {}

    // By a plugin, with leases and channels.
    bool offered() const;

    Result<std::optional<std::string>> get(std::string_view key) const;
    Result<void> set(std::string_view key, std::string_view value, std::chrono::milliseconds ttl) const;
    Result<bool> setIfAbsent(std::string_view key, std::string_view value, std::chrono::milliseconds ttl) const;
    // Compare and set; false when the value is another one or absent.
    Result<bool> replace(std::string_view key, std::string_view expected, std::string_view value,
                         std::chrono::milliseconds ttl) const;
    Result<void> remove(std::string_view key) const;
    Result<void> publish(std::string_view channel, std::string_view message) const;

    // What is said on one channel, by whichever plugin offers it at the moment.
    class Listener {
    public:
        Listener(const GenerationStore& generations, std::string channel)
            : generations_(generations), channel_(std::move(channel)) {}
        Listener(const Listener&) = delete;
        Listener& operator=(const Listener&) = delete;
        ~Listener() { end(); }

        enum class Heard : std::uint8_t { message, missed, nothing };
        // `missed` also when it has only now begun to listen. An error: nothing is heard at the moment.
        Result<Heard> next(std::string& message, Cancellation* cancellation, std::chrono::milliseconds limit);
        void end();

    private:
        const GenerationStore& generations_;
        const std::string channel_;
        GenerationPin pin_;  // null: not subscribed
        std::uint64_t subscription_ = 0;
    };

private:
    template <typename Call>
    Result<bool> ask(Call&& call) const;

    const GenerationStore& generations_;
};

}  // namespace howdah::kernel
