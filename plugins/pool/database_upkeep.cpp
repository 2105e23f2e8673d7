// What a Database does besides lending connections: keep its connections fresh, and look whether the server is there.
#include <algorithm>

#include "database.hpp"

namespace howdah::pool {
namespace {

constexpr std::uint64_t kUpkeepEveryNs = 30 * kSecondNs;
constexpr std::uint64_t kFirstUpkeepNs = kSecondNs;  // not in the way of the first answer

}  // namespace

class Database::Keeper final : public Job {
public:
    explicit Keeper(std::shared_ptr<Database> database) : database_(std::move(database)) {}
    void task(Context& context) override {
        database_->keep(context);
        drop();
    }
    void drop() override {
        std::lock_guard lock(database_->mutex_);
        database_->keeper_runs_ = false;
    }

private:
    std::shared_ptr<Database> database_;
};

void Database::ensureKeeper() {
    {
        std::lock_guard lock(mutex_);
        if (keeper_runs_ || stopped_) return;
        keeper_runs_ = true;
    }
    if (!jobs_.spawn(std::make_shared<Keeper>(shared_from_this()))) {
        host_.log(LogLevel::error, "database ", source_.name, ": its upkeep could not be started; tried again later");
    }
}

void Database::keep(Context& context) {
    std::uint64_t due_ns = host_.nowNs() + kFirstUpkeepNs;
    for (;;) {
        howdah_status woken = keeper_wakes_.wait(context, due_ns);
        if (woken < 0 && woken != HOWDAH_ERROR_TIMEOUT) return;  // cancelled: the plugin stops
        std::uint64_t now_ns = host_.nowNs();
        std::uint32_t wanted = 0;
        bool stands_still = false;
        {
            std::lock_guard lock(mutex_);
            if (stopped_) return;
            stands_still = silence_.isToBeTold(now_ns);
            bool probe = breaker_.isOpen() && now_ns >= breaker_.nextProbeNs() && open_ < config_.connections_max;
            bool warm = !breaker_.isOpen() && open_ < config_.connections_min;
            wanted = probe ? 1 : warm ? config_.connections_min - open_ : 0;
        }
        if (stands_still) noteFailed(standstill(source_.name, label()));
        closeAll(takeOutdated(now_ns));
        nameLongHolders(now_ns);
        for (; wanted > 0; --wanted)
            connectInBackground(context);
        due_ns = nextDueNs(host_.nowNs());
    }
}

void Database::connectInBackground(const Context& context) {
    {
        std::lock_guard lock(mutex_);
        if (stopped_ || open_ >= config_.connections_max || !budget_->tryTake()) return;
        ++open_;
        ++connecting_;
    }
    Obtained made = connect(context, nullptr);  // tells the breaker how it went
    if (auto* granted = std::get_if<Granted>(&made)) returned(std::move(granted->connection), nullptr);
}

// The log says who has held a connection for too long, once for each time.
void Database::nameLongHolders(std::uint64_t now_ns) {
    std::vector<std::string> owners;
    {
        std::lock_guard lock(mutex_);
        for (Holder& holder : holders_) {
            if (holder.named || now_ns < holder.since_ns + nanoseconds(config_.leak_alarm)) continue;
            holder.named = true;
            ++counts_.leak_alarms;
            owners.push_back(ownerOf(holder));
        }
    }
    for (const std::string& owner : owners) {
        host_.log(LogLevel::warn, "database ", source_.name, ": a connection has been held for ",
                  config_.leak_alarm.count(), " ms by ", owner,
                  "; a statement that runs long, or a client that reads slowly");
    }
}

std::string Database::ownerOf(const Holder& holder) const {
    std::string owner = holder.tool.empty() ? "" : concat("tool ", holder.tool, " of ");
    return concat(owner, "plugin ", holder.plugin.empty() ? "pool" : holder.plugin, " for ",
                  holder.principal->name.empty() ? "nobody" : holder.principal->name);
}

// Removes idle connections past their idle limit (down to the minimum) or lifetime; the caller closes them.
std::vector<std::unique_ptr<Connection>> Database::takeOutdated(std::uint64_t now_ns) {
    std::vector<std::unique_ptr<Connection>> outdated;
    std::lock_guard lock(mutex_);
    for (auto at = idle_.begin(); at != idle_.end();) {
        const Connection& connection = **at;
        bool unused =
            now_ns >= connection.lastUsedNs() + nanoseconds(config_.idle_timeout) && open_ > config_.connections_min;
        if (!unused && now_ns < connection.expiresNs()) {
            ++at;
            continue;
        }
        outdated.push_back(std::move(*at));
        at = idle_.erase(at);
        --open_;
    }
    return outdated;
}

// Under the mutex.
std::vector<std::unique_ptr<Connection>> Database::takeIdleOf(const std::string* server) {
    std::vector<std::unique_ptr<Connection>> taken;
    std::erase_if(idle_, [&](auto& connection) {
        if (server && connection->server() != *server) return false;
        taken.push_back(std::move(connection));
        return true;
    });
    open_ -= static_cast<std::uint32_t>(taken.size());
    return taken;
}

void Database::closeAll(std::vector<std::unique_ptr<Connection>> connections) {
    const auto places = static_cast<std::uint32_t>(connections.size());
    if (places == 0) return;
    for (auto& connection : connections)
        budget_->close(std::move(connection));
    budget_->giveBack(places);
    Budget::Served served;
    serveWaiting(served);
    for (const auto& event : served)
        event->set();
}

void Database::dropServer(const std::string& server) {
    std::vector<std::unique_ptr<Connection>> dropped;
    {
        std::lock_guard lock(mutex_);
        dropped = takeIdleOf(&server);
    }
    closeAll(std::move(dropped));
}

void Database::noteLost(const std::string& server, std::string_view sqlstate) {
    {
        std::lock_guard lock(mutex_);
        ++counts_.lost;
    }
    if (endsServer(sqlstate)) dropServer(server);
}

std::uint64_t Database::nextDueNs(std::uint64_t now_ns) const {
    std::lock_guard lock(mutex_);
    const std::uint64_t alarm_ns = nanoseconds(config_.leak_alarm);
    std::uint64_t due_ns = now_ns + std::min({kUpkeepEveryNs, nanoseconds(config_.idle_timeout) / 2,
                                              nanoseconds(config_.lifetime) / 2, alarm_ns});
    for (const Holder& holder : holders_) {
        if (!holder.named) due_ns = std::min(due_ns, std::max(now_ns, holder.since_ns + alarm_ns));
    }
    due_ns = std::min(due_ns, silence_.dueNs().value_or(due_ns));
    if (!breaker_.isOpen()) return due_ns;
    // Even with all connections hung and no place for a probe: look again soon, never at once.
    return std::min(due_ns, std::max(breaker_.nextProbeNs(), now_ns + Breaker::kProbeEveryNs / 10));
}

Database::Figures Database::figures() const {
    const std::uint64_t now_ns = host_.nowNs();
    std::lock_guard lock(mutex_);
    Figures figures = counts_;
    figures.open = open_;
    figures.idle = static_cast<std::uint32_t>(idle_.size());
    figures.waiting = static_cast<std::uint32_t>(line_.size());
    figures.connecting = connecting_;
    figures.breaker = breaker_.name();
    figures.last_error = last_error_;
    figures.last_error_ago_ms = last_error_.empty() ? 0 : (now_ns - last_error_ns_) / 1'000'000;
    figures.pooler = pooler_;
    figures.hosts = hosts_;
    figures.certificate_until_s = certificate_until_s_;
    figures.retries = retries_;
    figures.cancels = cancels_;
    figures.cancels_lost = cancels_lost_;
    for (const Holder& holder : holders_) {
        if (now_ns < holder.since_ns + nanoseconds(config_.leak_alarm)) continue;
        figures.leaks.push_back({ownerOf(holder), (now_ns - holder.since_ns) / 1'000'000});
    }
    return figures;
}

}  // namespace howdah::pool
