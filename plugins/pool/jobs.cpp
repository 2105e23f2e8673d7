#include "jobs.hpp"

#include <chrono>
#include <vector>

namespace howdah::pool {
namespace {

constexpr std::chrono::seconds kStopLimit{2};

}  // namespace

std::uint64_t Jobs::keep(const std::shared_ptr<Job>& job) {
    std::lock_guard lock(mutex_);
    waiting_[++last_token_] = job;
    return last_token_;
}

std::shared_ptr<Job> Jobs::take(std::uint64_t token) {
    std::lock_guard lock(mutex_);
    auto found = waiting_.find(token);
    if (found == waiting_.end()) return nullptr;
    auto job = std::move(found->second);
    waiting_.erase(found);
    ++running_;
    return job;
}

void Jobs::finished() {
    std::lock_guard lock(mutex_);
    --running_;
    if (allOver()) over_.notify_all();
}

howdah_status Jobs::run(const Context& context, const std::shared_ptr<Job>& job, std::uint64_t deadline_ns) {
    std::uint64_t token = keep(job);
    howdah_status status = host_.offload().run(context.raw(), token, HOWDAH_OFFLOAD_BLOCKING, deadline_ns);
    if (status < 0 && status != HOWDAH_ERROR_TIMEOUT && status != HOWDAH_ERROR_CANCELLED) doDrop(token);
    return status;
}

bool Jobs::start(const std::shared_ptr<Job>& job) {
    std::uint64_t token = keep(job);
    if (host_.offload().start(host_.raw(), token, HOWDAH_OFFLOAD_BLOCKING) >= 0) return true;
    doDrop(token);
    return false;
}

bool Jobs::spawn(const std::shared_ptr<Job>& job) {
    std::uint64_t token = keep(job);
    if (host_.reactor().spawn(host_.raw(), token) >= 0) return true;
    doDrop(token);
    return false;
}

void Jobs::doWork(std::uint64_t token) {
    auto job = take(token);
    if (!job) return;
    if (isStopping() && !job->outlivesStop()) {
        job->drop();
    } else {
        job->work();
    }
    job.reset();  // before stop() may return
    finished();
}

void Jobs::doTask(Context& context, std::uint64_t token) {
    auto job = take(token);
    if (!job) return;
    job->task(context);
    job.reset();
    finished();
}

void Jobs::doDrop(std::uint64_t token) {
    auto job = take(token);
    if (!job) return;
    job->drop();
    job.reset();
    finished();
}

bool Jobs::stop() {
    stopping_ = true;
    std::vector<std::shared_ptr<Job>> unbegun;
    {
        std::lock_guard lock(mutex_);
        std::erase_if(waiting_, [&](const auto& entry) {
            if (entry.second->outlivesStop()) return false;
            unbegun.push_back(entry.second);
            return true;
        });
    }
    for (auto& job : unbegun)
        job->drop();
    unbegun.clear();
    std::unique_lock lock(mutex_);
    return over_.wait_for(lock, kStopLimit, [this] { return allOver(); });
}

}  // namespace howdah::pool
