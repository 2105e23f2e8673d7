#include "plugins/health/check.hpp"

#include <array>

namespace howdah::health {

std::optional<double> Input::grown(const std::string& counter, double now) const {
    if (!before) return std::nullopt;
    const auto found = before->find(counter);
    if (found == before->end() || now < found->second) return std::nullopt;
    return now - found->second;
}

const Statement* Check::statementFor(int major) const {
    const Statement* chosen = nullptr;
    for (const Source& source : sources) {
        if (source.major_min <= major) chosen = source.statement;
    }
    return chosen;
}

std::span<const Check* const> allChecks() {
    static const std::array<const Check*, 24> kAll{
        &kReachability,     &kConnections, &kPool,   &kTransactions, &kLocks,      &kReplication,    &kSlots,
        &kArchiving,        &kWraparound,  &kVacuum, &kTableBloat,   &kIndexBloat, &kInvalidIndexes, &kUnusedIndexes,
        &kDuplicateIndexes, &kSequences,   &kCache,  &kCheckpoints,  &kMemory,     &kDisk,           &kExtensions,
        &kPermissions,      &kPlugins,     &kNetwork};
    return kAll;
}

const Check* findCheck(std::string_view name) {
    for (const Check* check : allChecks()) {
        if (check->name == name) return check;
    }
    return nullptr;
}

}  // namespace howdah::health
