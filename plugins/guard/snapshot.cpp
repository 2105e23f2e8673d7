#include "plugins/guard/snapshot.hpp"

#include <algorithm>

namespace howdah::guard {

std::shared_ptr<const Snapshot> Snapshot::unread() {
    static const std::shared_ptr<const Snapshot> snapshot = [] {
        auto made = std::make_shared<Snapshot>();
        made->unread_ = true;
        return made;
    }();
    return snapshot;
}

std::span<const CatalogObject> Snapshot::named(ObjectKind kind, std::string_view name) const {
    if (!filters_[static_cast<std::size_t>(kind)].mayHave(name)) return {};
    const auto& objects = objects_[static_cast<std::size_t>(kind)];
    const auto found = std::ranges::equal_range(objects, name, {}, &CatalogObject::name);
    return {found.begin(), found.end()};
}

std::string_view Snapshot::schemaName(Oid oid) const {
    const auto found = std::ranges::find(schemas_, oid, &CatalogSchema::oid);
    return found == schemas_.end() ? std::string_view{"?"} : std::string_view{found->name};
}

// Only for a refusal, so a search through all of that kind will do.
std::string Snapshot::written(Key key) const {
    if (const auto own = own_.find(key); own != own_.end()) return own->second;
    const auto& objects = objects_[key & 3];
    const auto found = std::ranges::find(objects, static_cast<Oid>(key >> 2), &CatalogObject::oid);
    if (found == objects.end()) return concat("object ", key >> 2);
    return concat(schemaName(found->schema), '.', found->name);
}

std::string Snapshot::objectionTo(ObjectKind kind, Oid oid) const {
    constexpr int kStepsMax = 4;
    std::string reason;
    Key key = keyOf(kind, oid);
    for (int step = 0; step < kStepsMax; ++step) {
        const auto found = failing_.find(key);
        if (found == failing_.end()) break;
        if (found->second == key) {
            if (reason.empty())
                reason = (key & 3) == static_cast<Key>(ObjectKind::relation) ? "its data lies outside of this database"
                                                                             : "it is not known to only read";
            break;
        }
        key = found->second;
        reason += concat(reason.empty() ? "it uses " : ", which uses ", written(key));
    }
    return reason;
}

std::string Snapshot::objectionToCast(std::string_view type) const {
    for (const auto& [name, oid] : cast_targets_)
        if ((type.empty() || name == type) && !passes(ObjectKind::type, oid))
            return concat("a cast to ", name, ": ", objectionTo(ObjectKind::type, oid));
    return {};
}

bool Snapshot::hasColumn(Oid relation, std::string_view name) const {
    return std::ranges::binary_search(columns_, std::pair{relation, name});
}

std::size_t Snapshot::objectCount() const {
    std::size_t count = 0;
    for (const auto& objects : objects_)
        count += objects.size();
    return count;
}

}  // namespace howdah::guard
