// Notices: what a running request tells its client before the answer: progress and log messages.
//
// Threads: the request's fiber.
// Errors:  cancelled when the client is gone.
// Source:  MCP 2026-07-28 "Progress", "Logging".
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/protocol/era.hpp"
#include "kernel/protocol/exchange.hpp"

namespace howdah::kernel {

// 0 debug .. 7 emergency (RFC 5424); nothing for a word that is none of them.
std::optional<std::uint32_t> logLevelNamed(std::string_view name);

class Notices {
public:
    struct Settings {
        Revision revision;
        std::string progress_token;  // JSON text, "" when the client asked for none
        std::chrono::milliseconds progress_interval{0};
        std::optional<std::uint32_t> log_level;  // the least the client asked for
        double log_burst = 100;                  // log messages that may come at once
        double log_per_second = 10;              // and how fast more may follow
    };
    Notices(ReplySink& sink, Settings settings) : sink_(sink), settings_(std::move(settings)) {}

    bool wantsProgress() const { return !settings_.progress_token.empty(); }
    // Dropped when nobody asked, when `done` does not grow, and when the last one was a moment ago.
    Result<void> progress(double done, double total, std::string_view message);
    // A plugin in a loop must not flood its client: beyond the rate messages are dropped. One warning tells that it has
    // begun and one, with the next that fits, how many were dropped.
    Result<void> log(std::uint32_t level, std::string_view logger, std::string_view data,
                     std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());

private:
    bool mayLog(std::chrono::steady_clock::time_point now);
    Result<void> send(std::uint32_t level, std::string_view logger, std::string_view data);

    ReplySink& sink_;
    const Settings settings_;
    double last_progress_ = -std::numeric_limits<double>::infinity();
    std::optional<std::chrono::steady_clock::time_point> last_progress_at_;
    std::optional<std::chrono::steady_clock::time_point> log_counted_at_;
    double logs_left_ = 0;
    std::size_t logs_dropped_ = 0;  // since the last that was sent
};

}  // namespace howdah::kernel
