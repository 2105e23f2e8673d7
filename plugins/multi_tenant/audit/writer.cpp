#include "plugins/multi_tenant/audit/writer.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <utility>

namespace howdah::multi_tenant {
namespace {

std::uint64_t nsOf(std::chrono::nanoseconds time) {
    return static_cast<std::uint64_t>(time.count());
}

Error unrecordable(const Error& why) {
    Error error =
        Error::unavailable("calls of this tenant are refused, because they could not be recorded: ", why.message);
    error.rule = why.rule;
    error.hint = why.hint.empty() ? "this goes on by itself once its log can be written" : why.hint;
    return error;
}

Error diskIsStuck() {
    return Error::unavailable("the disk has not taken the record of a call before it");
}

// The mark is locked by somebody: nothing can be counted in it either.
bool isHeld(const Error& error) {
    return error.code == Code::timeout;
}

}  // namespace

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

Result<void> Writer::write(const Context& context, const std::string& name, nlohmann::json body) {
    const auto waiting = std::make_shared<Waiting>(host_);
    waiting->entry = {timeText(), std::move(body)};
    Named* tenant = nullptr;
    bool idle = false;
    {
        const std::lock_guard lock(mutex_);
        tenant = &named(name);
        tenant->second.queue.push_back(waiting);
        idle = !tenant->second.writing;  // else whoever is about it comes back for this one
    }
    if (idle) {
        const auto work = [this, tenant](std::chrono::milliseconds lock_patience) {
            std::unique_lock lock(mutex_);
            writeOf(lock, *tenant, lock_patience);
        };
        if (!jobs_.start([work] { work(File::kLockPatience); })) work(kLockPatienceOnTheSpot);
    }
    if (waiting->written.wait(context, host_.nowNs() + nsOf(kPatience)) < 0) awaitOnTheSpot(context, *tenant, *waiting);
    const std::lock_guard lock(mutex_);
    if (waiting->outcome) return *waiting->outcome;
    waiting->given_up = true;
    ++tenant->second.unsettled;
    return Error::unavailable("the disk has not taken the record in time");
}

// No worker came in time, or the request is over and is not waited with.
void Writer::awaitOnTheSpot(const Context& context, Named& tenant, Waiting& waiting) {
    (void)context.fail(Error{});  // the kernel need not hear that a wait ended: the record is written all the same
    {
        std::unique_lock lock(mutex_);
        if (!waiting.outcome) writeOf(lock, tenant, kLockPatienceOnTheSpot);
        if (waiting.outcome) return;
    }
    if (waiting.written.wait(context, host_.nowNs() + nsOf(kDiskPatience)) >= 0) return;
    (void)context.fail(Error{});
    std::unique_lock lock(mutex_);
    // Where one has waited in vain the others do not try.
    if (tenant.second.unsettled == 0) settled_.wait_for(lock, kHoldMax, [&] { return waiting.outcome.has_value(); });
}

// Writes what waits for one tenant, unless that is nothing, or somebody else is about it: he comes back for the rest.
void Writer::writeOf(std::unique_lock<std::mutex>& lock, Named& named, std::chrono::milliseconds lock_patience) {
    if (named.second.writing || named.second.queue.empty()) return;
    named.second.writing = true;
    drain(lock, named, lock_patience);
}

// By the one who has said that he is writing.
void Writer::drain(std::unique_lock<std::mutex>& lock, Named& named, std::chrono::milliseconds lock_patience) {
    auto& [name, tenant] = named;
    while (!tenant.queue.empty()) {
        Batch batch = std::exchange(tenant.queue, {});
        const std::uint64_t told = tenant.lost;
        lock.unlock();
        const auto tried = append(name, batch, told, lock_patience);
        lock.lock();
        if (!tried.done && isHeld(tried.done.error()) && lock_patience < File::kLockPatience) {
            if (leaveToWorker(lock, named, batch)) return;
            batch = std::exchange(tenant.queue, {});
        }
        tenant.sound = tried.done.has_value();
        if (tried.done) tenant.state = *tried.done;
        if (tried.done || tried.counted) {
            tenant.lost -= told;
        } else {
            tenant.lost += batch.size();
        }
        (tried.done ? figures_.records : figures_.lost) += batch.size();
        ++figures_.batches;
        for (const auto& waiting : batch) {
            waiting->outcome = tried.done ? Result<void>{} : Result<void>(tried.done.error());
            if (waiting->given_up) --tenant.unsettled;
            waiting->written.set();
        }
        settled_.notify_all();
    }
    tenant.writing = false;
}

// A worker may wait longer for a log that somebody holds. False when there is none; the batch is in the queue either
// way, and the tenant's still the caller's.
bool Writer::leaveToWorker(std::unique_lock<std::mutex>& lock, Named& named, const Batch& batch) {
    named.second.queue.insert(named.second.queue.begin(), batch.begin(), batch.end());
    lock.unlock();
    const bool left = jobs_.start([this, &named] {
        std::unique_lock own(mutex_);
        drain(own, named, File::kLockPatience);
    });
    lock.lock();
    return left;
}

// What is thrown is an outcome like another: nobody may wait for ever, and the next batch is tried again.
Writer::Attempt<AuditLog::State> Writer::append(const std::string& name, const Batch& batch, std::uint64_t lost,
                                                std::chrono::milliseconds lock_patience) const {
    Attempt<AuditLog::State> tried{Error::internal("it was not tried")};
    try {
        std::vector<Entry> entries;
        for (const auto& waiting : batch)
            entries.push_back(waiting->entry);
        tried.done = log_->append(name, std::move(entries), lost, lock_patience);
        if (tried.done) return tried;
        if (!isHeld(tried.done.error())) tried.counted = log_->noteLost(name, batch.size() + lost).has_value();
        host_.log(LogLevel::error, "the audit log of tenant ", name,
                  " cannot be written: ", tried.done.error().message);
    } catch (const std::exception& thrown) {
        tried.done = Error::internal("the record could not be made: ", std::string_view(thrown.what()));
    }
    return tried;
}

bool Writer::isAsLeft(const std::string& name) {
    AuditLog::State left;
    {
        const std::lock_guard lock(mutex_);
        const Tenant& tenant = named(name).second;
        if (!tenant.sound || tenant.lost > 0 || tenant.unsettled > 0 || log_->isFull(tenant.state)) return false;
        if (tenant.writing || !tenant.queue.empty()) return true;  // whoever writes looks at all of it
        left = tenant.state;
    }
    const AuditLog::State now = log_->look(name);
    if (now == left) return true;
    // A record may have been written between the two.
    const std::lock_guard lock(mutex_);
    const Tenant& tenant = named(name).second;
    return tenant.sound && (tenant.writing || tenant.state == now);
}

Result<void> Writer::mayCall(const Context& context, const std::string& name) {
    if (isAsLeft(name)) return {};
    Tenant* tenant = nullptr;
    {
        const std::lock_guard lock(mutex_);
        tenant = &named(name).second;
        if (tenant->unsettled > 0) {
            ++tenant->lost;
            return refuse(*tenant, diskIsStuck());
        }
    }
    const auto tried = lookTogether(context, name, true);
    std::uint64_t lost = 0;
    {
        const std::lock_guard lock(mutex_);
        if (!tried.done) {
            if (!tried.counted) ++tenant->lost;
            return refuse(*tenant, tried.done.error());
        }
        lost = tried.done->lost + tenant->lost;
        if (lost == 0) {
            tenant->sound = true;
            if (!tenant->writing) tenant->state = tried.done->state;
            return {};
        }
    }
    // A record of its own, which tells of those that are missing: once it is written, calls may go on.
    auto written = write(context, name, {{"outcome", "resumed"}});
    if (written) return {};
    const std::lock_guard lock(mutex_);
    return refuse(*tenant, written.error());
}

Result<void> Writer::mayAnswer(const Context& context, const std::string& name) {
    if (isAsLeft(name)) return {};
    {
        const std::lock_guard lock(mutex_);
        if (named(name).second.unsettled > 0) return unrecordable(diskIsStuck());
    }
    const auto tried = lookTogether(context, name, false);
    if (tried.done || tried.done.error().rule == "audit-full") return {};
    const std::lock_guard lock(mutex_);
    named(name).second.sound = false;
    return unrecordable(tried.done.error());
}

// One look of a tenant at a time, which all its calls wait for: of a log that somebody holds each takes a worker for as
// long as its lock is waited for, and others need workers too.
Writer::Attempt<AuditLog::Readiness> Writer::lookTogether(const Context& context, const std::string& name, bool count) {
    const auto woken = std::make_shared<Event>(host_);
    std::shared_ptr<Look> look;
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        auto& shared = named(name).second.look;
        first = !shared;
        if (first) shared = std::make_shared<Look>();
        look = shared;
        if (!first) look->waiters.push_back(woken);
    }
    if (!first) {
        if (woken->wait(context, host_.nowNs() + nsOf(kPatience)) < 0) (void)context.fail(Error{});
        const std::lock_guard lock(mutex_);
        return {look->found ? *look->found : Result<AuditLog::Readiness>(diskIsStuck())};
    }
    auto tried = lookAtLog(context, name, count);
    {
        const std::lock_guard lock(mutex_);
        look->found = tried.done;
        named(name).second.look = nullptr;
    }
    for (const auto& waiter : look->waiters)  // nobody joins any more
        waiter->set();
    return tried;
}

// On a worker, or on the spot where none comes; never twice. One that a worker has begun and not ended in time is the
// disk's fault, and a second look would be as long.
Writer::Attempt<AuditLog::Readiness> Writer::lookAtLog(const Context& context, const std::string& name, bool count) {
    struct Looking {
        std::atomic<bool> begun = false;    // by whoever comes first
        std::atomic<bool> counted = false;  // the call, by the one who looks or by the one who has given up waiting
        bool ended = false;                 // under the lock
        std::optional<Attempt<AuditLog::Readiness>> found;
    };
    const auto looking = std::make_shared<Looking>();
    const auto look = [this, looking, name, count](std::chrono::milliseconds patience) {
        auto& tried = looking->found.emplace(Attempt<AuditLog::Readiness>{Error::internal("it was not tried")});
        try {
            tried.done = log_->ready(name, patience);
            if (!tried.done && count && !isHeld(tried.done.error()) && !looking->counted.exchange(true))
                tried.counted = log_->noteLost(name, 1, patience) || countHere(name);
        } catch (const std::exception& thrown) {
            tried.done = Error::internal("it cannot be looked at: ", std::string_view(thrown.what()));
        }
    };
    const auto work = [this, looking, look] {
        if (looking->begun.exchange(true)) return;
        look(File::kLockPatience);
        const std::lock_guard lock(mutex_);
        looking->ended = true;
        settled_.notify_all();
    };
    const std::uint64_t end = host_.nowNs() + nsOf(kPatience);
    if (jobs_.run(context, work, HOWDAH_OFFLOAD_BLOCKING, end)) return std::move(*looking->found);
    (void)context.fail(Error{});
    if (looking->begun.exchange(true)) {
        std::unique_lock lock(mutex_);
        // A request that is over is not waited with; that is not the disk's fault.
        const bool over = host_.nowNs() < end;
        if (over && settled_.wait_for(lock, kHoldMax, [&] { return looking->ended; }))
            return std::move(*looking->found);
        return {diskIsStuck(), looking->counted.exchange(true)};
    }
    look(kLockPatienceOnTheSpot);
    return std::move(*looking->found);
}

bool Writer::countHere(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++named(name).second.lost;
    return true;
}

// Under the lock.
Result<void> Writer::refuse(Tenant& tenant, const Error& why) {
    tenant.sound = false;
    ++figures_.refused;
    return unrecordable(why);
}

Writer::Figures Writer::figures() const {
    const std::lock_guard lock(mutex_);
    return figures_;
}

}  // namespace howdah::multi_tenant
