#include "plugins/multi_tenant/scopes.hpp"

#include <howdah/host.hpp>

namespace howdah::multi_tenant {
namespace {

// All that Directory::scopeOf reads, each part behind its length: no two principals come to one key.
std::string keyOf(std::string_view tenant, const howdah_principal& principal) {
    std::string key;
    const auto add = [&key](std::string_view part) {
        const std::size_t size = part.size();
        key.append(reinterpret_cast<const char*>(&size), sizeof size);
        key += part;
    };
    add(tenant);
    add(fromAbi(principal.subject));
    add(fromAbi(principal.tier));
    for (std::uint64_t i = 0; i < principal.scope_count; ++i)
        add(fromAbi(principal.scopes[i]));
    return key;
}

}  // namespace

Result<std::shared_ptr<const Scope>> Scopes::of(std::string_view tenant, const howdah_principal& principal) {
    std::string key = keyOf(tenant, principal);
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = known_.find(key); found != known_.end()) return found->second;
    }
    auto made = directory_.scopeOf(tenant, principal);
    if (!made) return std::move(made).error();
    auto scope = std::make_shared<const Scope>(std::move(*made));
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMost) known_.clear();  // rather than to keep count of who asked when: one is soon made again
    known_.emplace(std::move(key), scope);
    return scope;
}

}  // namespace howdah::multi_tenant
