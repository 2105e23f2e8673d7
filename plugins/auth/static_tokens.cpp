#include "static_tokens.hpp"

namespace howdah::auth {

void StaticTokens::publish(Tokens tokens) {
    auto fresh = std::make_shared<const Tokens>(std::move(tokens));
    exposed_ = file_.exposed();
    std::lock_guard lock(mutex_);
    tokens_ = std::move(fresh);
    problem_.clear();
}

Result<bool> StaticTokens::open(bool make) {
    bool made = false;
    if (make) {
        auto created = file_.createIfAbsent();
        if (!created) return created;
        made = *created;
    }
    auto tokens = file_.read();
    if (!tokens) return tokens.error();
    publish(std::move(*tokens));
    return made;
}

bool StaticTokens::lookIsDue(Clock::time_point now) {
    const std::int64_t now_ns = now.time_since_epoch().count();
    std::int64_t next = next_look_ns_.load(std::memory_order_relaxed);
    if (now_ns < next) return false;
    return next_look_ns_.compare_exchange_strong(
        next, now_ns + std::chrono::duration_cast<std::chrono::nanoseconds>(kLookEvery).count());
}

std::string StaticTokens::look() {
    if (!file_.changed()) return {};
    auto tokens = file_.read();
    if (tokens) {
        const std::size_t count = tokens->size();
        publish(std::move(*tokens));
        return concat("the token file has changed, ", count, " tokens are in force");
    }
    std::lock_guard lock(mutex_);
    if (problem_ == tokens.error().message) return {};
    problem_ = tokens.error().message;
    return concat(problem_, "; the tokens from before stay in force");
}

}  // namespace howdah::auth
