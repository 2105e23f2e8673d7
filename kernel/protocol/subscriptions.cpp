#include "kernel/protocol/subscriptions.hpp"

#include <utility>

namespace howdah::kernel {

Listener::Woken Listener::wait(Cancellation* cancellation) {
    while (true) {
        std::shared_ptr<Event> event;
        {
            std::lock_guard lock(mutex_);
            if (ended_) return {Wake::ended, {}};
            if (changes_.any()) return {Wake::changed, std::exchange(changes_, {})};
            event = waiting_ = std::make_shared<Event>();
        }
        if (event->wait(cancellation, Deadline::never()) != WaitStatus::ready) return {Wake::cancelled, {}};
    }
}

void Listener::signal(const Changes& changes, bool ended) {
    std::shared_ptr<Event> event;
    {
        std::lock_guard lock(mutex_);
        changes_.add(changes);
        ended_ = ended_ || ended;
        event = std::move(waiting_);
    }
    if (event) event->set();
}

std::shared_ptr<Listener> Subscriptions::open(std::size_t limit) {
    auto listener = std::make_shared<Listener>();
    std::lock_guard lock(mutex_);
    std::erase_if(listeners_, [](const auto& other) { return other.expired(); });
    if (ended_ || listeners_.size() >= limit) return nullptr;
    listeners_.push_back(listener);
    return listener;
}

void Subscriptions::endAll() {
    {
        std::lock_guard lock(mutex_);
        ended_ = true;
    }
    signalAll({}, true);
}

std::size_t Subscriptions::count() const {
    std::lock_guard lock(mutex_);
    std::size_t open = 0;
    for (const auto& listener : listeners_)
        open += listener.expired() ? 0 : 1;
    return open;
}

void Subscriptions::resourceUpdated(std::string_view uri) {
    Changes changes;
    changes.updated.emplace(uri);
    for (const auto& listener : listeners())
        if (listener->watched.contains(uri)) listener->signal(changes, false);
}

void Subscriptions::taskChanged(std::string_view id) {
    Changes changes;
    changes.tasks.emplace(id);
    for (const auto& listener : listeners())
        if (listener->watched_tasks.contains(id)) listener->signal(changes, false);
}

void Subscriptions::signalAll(const Changes& changes, bool ended) {
    for (const auto& listener : listeners())
        listener->signal(changes, ended);
}

std::vector<std::shared_ptr<Listener>> Subscriptions::listeners() const {
    std::vector<std::shared_ptr<Listener>> open;
    std::lock_guard lock(mutex_);
    for (const auto& weak : listeners_)
        if (auto listener = weak.lock()) open.push_back(std::move(listener));
    return open;
}

}  // namespace howdah::kernel
