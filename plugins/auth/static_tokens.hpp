// The token file while the server runs: looked at again at most once a second, and then before the request at hand is
// judged, so that a token that was taken out lets nobody in a second later.
//
// Threads: find() any; look() one worker at a time.
// Errors:  open(): those of TokenFile. A file that has become unreadable or wrong leaves the tokens from before in
//          force and says so in the log and in `howdah doctor`.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "token_file.hpp"

namespace howdah::auth {

class StaticTokens {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds kLookEvery{1000};

    explicit StaticTokens(std::string path) : file_(std::move(path)) {}

    // Reads it for the first time, after making it if `make`. True when it was made.
    Result<bool> open(bool make);

    std::shared_ptr<const Tokens> current() const {
        std::lock_guard lock(mutex_);
        return tokens_;
    }
    // True for one caller once the file should be looked at again.
    bool lookIsDue(Clock::time_point now);
    // What is to be logged; "" = nothing.
    std::string look();

    const std::string& path() const { return file_.path(); }
    std::string problem() const {
        std::lock_guard lock(mutex_);
        return problem_;
    }
    bool exposed() const { return exposed_.load(); }

private:
    void publish(Tokens tokens);

    TokenFile file_;  // open() and look() only
    mutable std::mutex mutex_;
    std::shared_ptr<const Tokens> tokens_;
    std::string problem_;
    std::atomic<bool> exposed_{false};
    std::atomic<std::int64_t> next_look_ns_{0};
};

}  // namespace howdah::auth
