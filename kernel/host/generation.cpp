#include "kernel/host/generation.hpp"

namespace howdah::kernel {

GenerationPin GenerationStore::exchange(GenerationPin next) {
    std::lock_guard lock(current_mutex_);
    current_.swap(next);
    return next;  // ends, if nobody else pins it, outside the lock
}

void GenerationStore::publish(const GenerationPin& next) {
    GenerationPin old = exchange(next);
    std::vector<std::function<void(const Generation*, const Generation&)>> listeners;
    {
        std::lock_guard lock(listeners_mutex_);
        listeners = listeners_;
    }
    for (const auto& listener : listeners)
        listener(old.get(), *next);
}

void GenerationStore::onPublish(std::function<void(const Generation*, const Generation&)> listener) {
    std::lock_guard lock(listeners_mutex_);
    listeners_.push_back(std::move(listener));
}

}  // namespace howdah::kernel
