#include "budget.hpp"

#include <algorithm>
#include <map>

namespace howdah::pool {

std::shared_ptr<Budget> Budget::named(const std::string& name) {
    static std::mutex mutex;
    static auto& budgets = *new std::map<std::string, std::weak_ptr<Budget>>;  // may be asked at the very end
    std::lock_guard lock(mutex);
    std::erase_if(budgets, [](const auto& entry) { return entry.second.expired(); });
    auto& place = budgets[name];
    auto budget = place.lock();
    if (!budget) place = budget = std::make_shared<Budget>();
    return budget;
}

void Budget::join(Member& member, std::uint32_t connections_max) {
    std::lock_guard lock(mutex_);
    members_.push_back({&member, connections_max});
    member_count_ = static_cast<std::uint32_t>(members_.size());
    limit_ = connections_max;
}

void Budget::leave(Member& member) {
    std::lock_guard lock(mutex_);
    std::erase_if(members_, [&](const Joined& joined) { return joined.member == &member; });
    member_count_ = static_cast<std::uint32_t>(members_.size());
    if (!members_.empty()) limit_ = members_.back().connections_max;
}

bool Budget::takeOver(Member& by) {
    std::unique_ptr<Connection> connection;
    {
        std::lock_guard lock(mutex_);
        for (const Joined& joined : members_) {
            if (joined.member != &by) connection = joined.member->giveUpIdle();
            if (!connection) continue;
            connection->detach();  // its host is that of a member that may leave, and end, from here on
            break;
        }
    }
    if (!connection) return false;
    close(std::move(connection));
    return true;
}

void Budget::close(std::unique_ptr<Connection> connection) {
    WatchedDescriptor descriptor = Connection::finish(std::move(connection));
    if (used_ < limit_) return;
    std::lock_guard lock(closing_mutex_);
    if (closing_.size() >= limit_) closing_.erase(closing_.begin());  // closed long ago
    closing_.push_back(std::make_shared<WatchedDescriptor>(std::move(descriptor)));
}

std::vector<std::shared_ptr<WatchedDescriptor>> Budget::closing() {
    std::lock_guard lock(closing_mutex_);
    std::erase_if(closing_, [](const auto& one) { return one->hasEnded(); });
    return closing_;
}

void Budget::giveBack(std::uint32_t places) {
    if (places == 0) return;
    used_ -= places;
    if (starving() == 0) return;
    Served served;
    {
        std::lock_guard lock(mutex_);
        ++turn_;
        for (std::size_t i = 0; i < members_.size(); ++i)
            members_[(turn_ + i) % members_.size()].member->serveWaiting(served);
    }
    for (const auto& event : served)
        event->set();
}

}  // namespace howdah::pool
