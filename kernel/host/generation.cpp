#include "kernel/host/generation.hpp"

#include <algorithm>

namespace howdah::kernel {

bool Generation::hasResource(std::string_view uri) const {
    return std::ranges::binary_search(resources, uri, {}, &Resource::uri) ||
           std::ranges::any_of(resource_templates,
                               [uri](const ResourceTemplate& one) { return one.uri.match(uri).has_value(); });
}

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
