#include "kernel/host/generation.hpp"

namespace howdah::kernel {

void GenerationStore::publish(GenerationPin next) {
    GenerationPin old = current_.exchange(next, std::memory_order_acq_rel);
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
