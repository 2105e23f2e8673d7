#include "key_source.hpp"

#include <utility>

namespace howdah::auth {
namespace {

std::chrono::seconds secondsOf(KeySource::Clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(duration);
}

}  // namespace

std::shared_ptr<const KeySource::Keys> KeySource::current(Time now) const {
    std::lock_guard lock(mutex_);
    return usable(now) ? keys_ : nullptr;
}

bool KeySource::beginFetch(Time now, bool sooner) {
    std::lock_guard lock(mutex_);
    if (fetching_ || (begun_ && now < begun_at_ + limits_.retry)) return false;
    const bool due = !keys_ || now >= fetched_at_ + limits_.lifetime;
    if (!due && !sooner) return false;
    fetching_ = begun_ = true;
    begun_at_ = now;
    ++fetches_;
    return true;
}

void KeySource::settle(Result<FetchedKeys> fetched, Time now) {
    std::lock_guard lock(mutex_);
    fetching_ = false;
    if (!fetched) {
        error_ = fetched.error().message;
        return;
    }
    error_.clear();
    fetched_at_ = now;
    if (keys_ && fetched->text == text_) return;
    text_ = std::move(fetched->text);
    keys_ = std::make_shared<const Keys>(Keys{std::move(fetched->keys), ++version_});
}

void KeySource::abandon() {
    std::lock_guard lock(mutex_);
    fetching_ = false;
    error_ = "no worker thread was free to fetch the keys";
}

std::chrono::milliseconds KeySource::retryIn(Time now) const {
    std::lock_guard lock(mutex_);
    if (!begun_ || now >= begun_at_ + limits_.retry) return std::chrono::milliseconds(0);
    return std::chrono::duration_cast<std::chrono::milliseconds>(begun_at_ + limits_.retry - now);
}

KeySource::State KeySource::state(Time now) const {
    std::lock_guard lock(mutex_);
    State state;
    state.keys = keys_ ? keys_->set.size() : 0;
    state.usable = usable(now);
    state.error = error_;
    if (keys_) state.age = secondsOf(now - fetched_at_);
    if (begun_) state.since_fetch = secondsOf(now - begun_at_);
    state.fetches = fetches_;
    return state;
}

}  // namespace howdah::auth
