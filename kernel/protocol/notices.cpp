#include "kernel/protocol/notices.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <howdah/json_text.hpp>

#include "kernel/protocol/json_pieces.hpp"

namespace howdah::kernel {
namespace {

constexpr std::array<std::string_view, 8> kLevels{"debug", "info",     "notice", "warning",
                                                  "error", "critical", "alert",  "emergency"};

}  // namespace

std::optional<std::uint32_t> logLevelNamed(std::string_view name) {
    const auto* found = std::ranges::find(kLevels, name);
    if (found == kLevels.end()) return std::nullopt;
    return static_cast<std::uint32_t>(found - kLevels.begin());
}

Result<void> Notices::progress(double done, double total, std::string_view message) {
    if (!wantsProgress()) return {};
    // The protocol wants each value above the last and no flood: what does not fit is left out, the last one never is.
    if (!std::isfinite(done) || done <= last_progress_) return {};
    auto now = std::chrono::steady_clock::now();
    bool last = total > 0 && done >= total;
    if (!last && last_progress_at_ && now - *last_progress_at_ < settings_.progress_interval) return {};
    last_progress_ = done;
    last_progress_at_ = now;
    std::string json = concat(R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":)",
                              settings_.progress_token, ",\"progress\":", done);
    if (std::isfinite(total) && total > 0) json += concat(",\"total\":", total);
    if (!message.empty() && settings_.revision >= Revision::v2025_03_26) {
        json += ",\"message\":";
        appendJsonString(json, message);
    }
    json += "}}";
    return sink_.notify(json);
}

bool Notices::mayLog(std::chrono::steady_clock::time_point now) {
    if (!log_counted_at_) {
        logs_left_ = settings_.log_burst;
    } else {
        const std::chrono::duration<double> passed = now - *log_counted_at_;
        logs_left_ = std::min(settings_.log_burst, logs_left_ + passed.count() * settings_.log_per_second);
    }
    log_counted_at_ = now;
    if (logs_left_ < 1) return false;
    logs_left_ -= 1;
    return true;
}

Result<void> Notices::log(std::uint32_t level, std::string_view logger, std::string_view data,
                          std::chrono::steady_clock::time_point now) {
    if (level >= kLevels.size())
        return Error::invalidArgument("log levels are 0 (debug) to 7 (emergency), got ", level);
    if (!settings_.log_level || level < *settings_.log_level) return {};
    constexpr std::uint32_t kWarning = 3;
    if (!mayLog(now)) {
        if (++logs_dropped_ > 1) return {};
        return send(kWarning, "howdah", R"("log messages of this request come too fast, some are left out")");
    }
    if (const std::size_t dropped = std::exchange(logs_dropped_, 0); dropped > 0) {
        auto told = send(kWarning, "howdah", concat('"', dropped, R"( log messages of this request were left out")"));
        if (!told) return told;
    }
    return send(level, logger, data);
}

Result<void> Notices::send(std::uint32_t level, std::string_view logger, std::string_view data) {
    std::string json =
        concat(R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":")", kLevels[level], "\"");
    if (!logger.empty()) {
        json += ",\"logger\":";
        appendJsonString(json, logger);
    }
    json += ",\"data\":";
    appendJsonLine(json, data);
    json += "}}";
    return sink_.notify(json);
}

}  // namespace howdah::kernel
