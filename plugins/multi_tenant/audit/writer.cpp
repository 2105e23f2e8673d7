#include "plugins/multi_tenant/audit/writer.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

namespace howdah::multi_tenant {

std::string timeText() {
    const auto now = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char day[32], text[48];
    std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(text, sizeof text, "%s.%03dZ", day, static_cast<int>(since % 1000));
    return text;
}

Result<void> Writer::write(const Context& context, const std::string& tenant, nlohmann::json body) {
    auto waiting = std::make_shared<Waiting>(host_);
    waiting->tenant = tenant;
    {
        const std::lock_guard lock(mutex_);
        if (const auto lost = lost_.find(tenant); lost != lost_.end()) body["lost_before"] = lost->second;
    }
    waiting->entry = {timeText(), body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
    return wait(context, std::move(waiting));
}

Result<void> Writer::mayCall(const Context& context, const std::string& tenant) {
    std::uint64_t lost = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = lost_.find(tenant);
        if (found == lost_.end()) return {};
        lost = found->second;
    }
    // A record of its own, which tells of those that are missing: once it is written, calls may go on.
    if (auto written = write(context, tenant, {{"outcome", "resumed"}}); !written) {
        Error error = Error::unavailable("calls of this tenant are refused, because ", lost,
                                         " of them could not be recorded: ", written.error().message);
        error.rule = written.error().rule;
        error.hint = written.error().hint;
        return error;
    }
    return {};
}

Result<void> Writer::wait(const Context& context, std::shared_ptr<Waiting> waiting) {
    bool lead = false;
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(waiting);
        lead = !std::exchange(draining_, true);
    }
    if (lead && !jobs_.start([this] { drain(); })) {
        Batch left;
        {
            const std::lock_guard lock(mutex_);
            left.swap(queue_);
            draining_ = false;
        }
        settle(left, Error::unavailable("no worker thread takes more work at this moment").withHint("try again"));
    }
    const howdah_status woken = waiting->written.wait(context);
    const std::lock_guard lock(waiting->mutex);
    if (waiting->outcome) return *waiting->outcome;
    return Error::unavailable("the record was not written in time (", woken, ")");
}

// On a worker.
void Writer::drain() {
    for (;;) {
        std::map<std::string, Batch> of_tenant;
        {
            const std::lock_guard lock(mutex_);
            if (queue_.empty()) {
                draining_ = false;
                return;
            }
            for (auto& waiting : queue_)
                of_tenant[waiting->tenant].push_back(std::move(waiting));
            queue_.clear();
        }
        for (const auto& [tenant, batch] : of_tenant) {
            std::vector<Entry> entries;
            for (const auto& waiting : batch)
                entries.push_back(waiting->entry);
            settle(batch, log_->append(tenant, entries));
        }
    }
}

void Writer::settle(const Batch& batch, const Result<void>& outcome) {
    if (batch.empty()) return;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& waiting : batch) {
            if (outcome) {
                lost_.erase(waiting->tenant);
            } else {
                ++lost_[waiting->tenant];
            }
        }
        (outcome ? figures_.records : figures_.lost) += batch.size();
        ++figures_.batches;
    }
    for (const auto& waiting : batch) {
        {
            const std::lock_guard lock(waiting->mutex);
            waiting->outcome = outcome;
        }
        waiting->written.set();
    }
    if (!outcome)
        host_.log(LogLevel::error, "the audit log of tenant ", batch.front()->tenant,
                  " cannot be written: ", outcome.error().message);
}

Writer::Figures Writer::figures() const {
    const std::lock_guard lock(mutex_);
    return figures_;
}

}  // namespace howdah::multi_tenant
