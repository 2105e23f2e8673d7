#include "plugins/redis/connects.hpp"

namespace howdah::redis {
namespace {

Error noWorker() {
    return Error::unavailable("no worker was free to connect to redis");
}

}  // namespace

Result<Connection> Connects::open(const Context& context, std::uint64_t deadline_ns) {
    if (auto spare = takeSpare()) return std::move(*spare);
    const Backoff::Turn turn = backoff_.next(host_.nowNs());
    if (turn.wait_ns > 0) {
        const std::uint64_t wait_ms = turn.wait_ns / 1'000'000 + 1;
        Error error = Error::unavailable("redis at ", config_.address(), " could not be reached ", backoff_.failures(),
                                         " times; the next attempt is made in ", wait_ms, " ms");
        error.retry_after_ms = wait_ms;
        return error;
    }
    auto attempt = std::make_shared<Attempt>(host_, turn);
    std::uint64_t token = 0;
    {
        const std::lock_guard lock(mutex_);
        token = ++last_token_;
        attempts_.emplace(token, attempt);
    }
    // Refused, it has been dropped already, and that is what open() finds.
    const howdah_status started = host_.offload().start(host_.raw(), token, HOWDAH_OFFLOAD_BLOCKING);
    if (started < 0) drop(token);
    const howdah_status woken = attempt->over.wait(context, deadline_ns);
    const std::lock_guard lock(mutex_);
    if (attempt->made) return std::move(*attempt->made);
    attempt->left = true;
    return woken < 0 ? context.lastError() : Error::internal("woken without a connection");
}

void Connects::work(std::uint64_t token) {
    const auto attempt = take(token);
    if (!attempt) return;
    auto made = Connection::openBlocking(config_, Channel::Clock::now() + config_.connect_timeout);
    made ? backoff_.succeeded() : backoff_.failed(attempt->turn, host_.nowNs());
    settle(*attempt, std::move(made));
}

// That no worker was free says nothing of the server, but the next try is no better right away.
void Connects::drop(std::uint64_t token) {
    const auto attempt = take(token);
    if (!attempt) return;
    backoff_.failed(attempt->turn, host_.nowNs());
    settle(*attempt, noWorker());
}

void Connects::settle(Attempt& attempt, Result<Connection> made) {
    {
        const std::lock_guard lock(mutex_);
        if (!attempt.left) {
            attempt.made.emplace(std::move(made));
        } else if (made) {
            spare_.push_back(std::move(*made));
        }
    }
    attempt.over.set();
}

std::optional<Connection> Connects::takeSpare() {
    const std::lock_guard lock(mutex_);
    while (!spare_.empty()) {
        Connection spare = std::move(spare_.back());
        spare_.pop_back();
        if (spare.isQuiet()) return spare;
    }
    return std::nullopt;
}

std::shared_ptr<Connects::Attempt> Connects::take(std::uint64_t token) {
    const std::lock_guard lock(mutex_);
    auto found = attempts_.extract(token);
    return found.empty() ? nullptr : std::move(found.mapped());
}

}  // namespace howdah::redis
