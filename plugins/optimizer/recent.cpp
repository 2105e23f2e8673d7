#include "plugins/optimizer/recent.hpp"

#include <set>
#include <utility>

namespace howdah::optimizer {

void Recent::note(std::string_view principal, RecentStatement statement) {
    if (config_.recent_max == 0 || statement.sql.size() > kTextMax) return;
    const std::lock_guard lock(mutex_);
    auto found = by_principal_.find(principal);
    if (found == by_principal_.end()) {
        if (all_.size() >= config_.principals_max) {
            by_principal_.erase(all_.back().principal);
            all_.pop_back();
        }
        all_.push_front({std::string(principal), {}});
        found = by_principal_.emplace(all_.front().principal, all_.begin()).first;
    } else {
        all_.splice(all_.begin(), all_, found->second);
    }
    auto& statements = found->second->statements;
    statements.push_back(std::move(statement));
    if (statements.size() > config_.recent_max) statements.pop_front();
}

std::vector<RecentStatement> Recent::of(std::string_view principal, std::uint64_t now_ns) const {
    const auto window_ns = static_cast<std::uint64_t>(config_.recent_window.count()) * 1'000'000'000;
    std::vector<RecentStatement> recent;
    const std::lock_guard lock(mutex_);
    const auto found = by_principal_.find(principal);
    if (found == by_principal_.end()) return recent;
    for (const RecentStatement& statement : found->second->statements)
        if (now_ns - statement.at_ns <= window_ns) recent.push_back(statement);
    return recent;
}

std::size_t Recent::principalCount() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
}

Repetition repetitionOf(const std::vector<RecentStatement>& statements, const std::vector<bool>& same) {
    Repetition repetition;
    std::set<std::pair<std::string_view, std::uint64_t>> distinct;
    std::uint64_t first_ns = 0, last_ns = 0;
    const RecentStatement* other = nullptr;
    for (std::size_t i = 0; i < statements.size(); ++i) {
        const RecentStatement& statement = statements[i];
        if (!same[i]) {
            if (repetition.count == 0) other = &statement;
            continue;
        }
        if (repetition.count++ == 0) first_ns = statement.at_ns;
        last_ns = statement.at_ns;
        distinct.emplace(statement.sql, statement.values_hash);
        repetition.took_ms += statement.took_ms;
    }
    repetition.distinct = distinct.size();
    repetition.seconds = static_cast<double>(last_ns - first_ns) / 1e9;
    if (other && repetition.count > 0) repetition.before = other->sql;
    return repetition;
}

}  // namespace howdah::optimizer
