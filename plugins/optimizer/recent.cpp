#include "plugins/optimizer/recent.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace howdah::optimizer {

void Recent::forgetOldest(Of& of) {
    bytes_ -= sizeOf(of.statements.front());
    of.statements.pop_front();
}

void Recent::forgetLast() {
    Of& last = all_.back();
    while (!last.statements.empty())
        forgetOldest(last);
    bytes_ -= last.principal.size();
    by_principal_.erase(last.principal);
    all_.pop_back();
}

void Recent::note(std::string_view principal, RecentStatement statement) {
    if (config_.recent_max == 0 || statement.sql.empty() || statement.sql.size() > kTextMax) return;
    const std::uint64_t now_ns = statement.at_ns, window_ns = windowNs();
    const auto over = [&](const RecentStatement& other) { return other.at_ns + window_ns < now_ns; };
    const std::lock_guard lock(mutex_);
    auto found = by_principal_.find(principal);
    if (found == by_principal_.end()) {
        if (all_.size() >= config_.principals_max) forgetLast();
        all_.push_front({std::string(principal), {}});
        bytes_ += principal.size();
        found = by_principal_.emplace(all_.front().principal, all_.begin()).first;
    } else {
        all_.splice(all_.begin(), all_, found->second);
    }
    Of& own = *found->second;
    bytes_ += sizeOf(statement);
    own.statements.push_back(std::move(statement));
    while (own.statements.size() > config_.recent_max || over(own.statements.front()))
        forgetOldest(own);
    while (all_.size() > 1 && (bytes_ > config_.recent_bytes_max || over(all_.back().statements.back())))
        forgetLast();
    while (own.statements.size() > 1 && bytes_ > config_.recent_bytes_max)
        forgetOldest(own);
}

std::optional<std::string> Recent::textOf(std::string_view principal, std::uint64_t text_hash) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_principal_.find(principal);
    if (found == by_principal_.end()) return std::nullopt;
    const std::deque<RecentStatement>& statements = found->second->statements;
    const auto same =
        std::find_if(statements.rbegin(), statements.rend(),
                     [text_hash](const RecentStatement& statement) { return statement.text_hash == text_hash; });
    return same == statements.rend() ? std::nullopt : std::optional(same->sql);
}

std::vector<RecentStatement> Recent::of(std::string_view principal, std::uint64_t now_ns) const {
    std::vector<RecentStatement> recent;
    const std::lock_guard lock(mutex_);
    const auto found = by_principal_.find(principal);
    if (found == by_principal_.end()) return recent;
    for (const RecentStatement& statement : found->second->statements)
        if (statement.at_ns + windowNs() >= now_ns) recent.push_back(statement);
    return recent;
}

std::size_t Recent::principalCount() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
}

std::size_t Recent::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

Repetition repetitionOf(const std::vector<RecentStatement>& statements, const std::vector<bool>& same) {
    Repetition repetition;
    std::set<std::uint64_t> distinct;
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
        distinct.insert(statement.values_hash);
        repetition.took_ms += statement.took_ms;
    }
    repetition.distinct = distinct.size();
    repetition.seconds = static_cast<double>(last_ns - first_ns) / 1e9;
    if (other && repetition.count > 0) repetition.before = other->sql;
    return repetition;
}

}  // namespace howdah::optimizer
