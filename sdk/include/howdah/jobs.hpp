// Pieces of work that a plugin hands to the kernel: on a fiber of their own or on a worker thread. The plugin's task(),
// work() and drop() pass on to doTask(), doWork() and drop() here. A token is looked up once, so each piece is run or
// dropped exactly once.
//
// Waiting is by an event and not by offload.run(): that gives the work to the plugin whose request it is, which inside
// a service is another one.
//
// Threads: any.
// Owns:    each piece from hand-over until it has run or was dropped.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include <howdah/waiting.hpp>

namespace howdah {

class Jobs {
public:
    using Task = std::function<void(Context&)>;
    using Work = std::function<void()>;

    explicit Jobs(const Host& host) : host_(host) {}

    // Runs it on a fiber; false if it will not run.
    bool spawn(Task task) {
        const std::uint64_t token = keep({std::move(task), {}, {}});
        if (host_.reactor().spawn(host_.raw(), token) >= 0) return true;
        (void)take(token);
        return false;
    }

    // Runs it on a worker some time; false if it will not run.
    bool start(Work work, std::uint32_t kind = HOWDAH_OFFLOAD_BLOCKING) {
        return handOver(keep({{}, std::move(work), {}}), kind);
    }

    // Runs it on a worker and waits, until the request's deadline or an earlier one. After an error it may run all the
    // same, if it has been begun: what it works on must be its own.
    Result<void> run(const Context& context, Work work, std::uint32_t kind = HOWDAH_OFFLOAD_BLOCKING,
                     std::uint64_t deadline_ns = kNoDeadline) {
        const auto end = std::make_shared<End>(host_);
        const std::uint64_t token = keep({{}, std::move(work), end});
        if (!handOver(token, kind))
            return Error::unavailable("no worker thread takes more work at this moment").withHint("try again");
        const howdah_status status = end->reached.wait(context, deadline_ns);
        (void)take(token);  // if no worker has it yet, none shall
        if (status < 0) return context.lastError();
        if (!end->done) return Error::unavailable("the work was dropped or failed").withHint("try again");
        return {};
    }

    // The same for what `make` returns.
    template <typename Make>
    auto made(const Context& context, Make make, std::uint32_t kind = HOWDAH_OFFLOAD_BLOCKING)
        -> Result<decltype(make())> {
        const auto result = std::make_shared<std::optional<decltype(make())>>();
        if (auto ran = run(context, [result, make = std::move(make)] { result->emplace(make()); }, kind); !ran)
            return std::move(ran).error();
        return std::move(**result);
    }

    // The kernel's calls.
    void doTask(Context& context, std::uint64_t token) {
        if (const Job job = take(token); job.task) job.task(context);
    }
    void doWork(std::uint64_t token) {
        Job job = take(token);
        if (!job.work) return;
        const Ended told(job.end);
        // What it holds is gone before whoever waits goes on, also when it throws.
        std::exchange(job.work, nullptr)();
        if (job.end) job.end->done = true;
    }
    void drop(std::uint64_t token) { const Ended told(take(token).end); }

private:
    struct End {
        explicit End(const Host& host) : reached(host) {}
        std::atomic<bool> done = false;
        Event reached;
    };
    struct Job {
        Task task;
        Work work;
        std::shared_ptr<End> end;  // somebody waits for it
    };
    // Whoever waits hears of it, also when the work throws.
    class Ended {
    public:
        explicit Ended(std::shared_ptr<End> end) : end_(std::move(end)) {}
        Ended(const Ended&) = delete;
        Ended& operator=(const Ended&) = delete;
        ~Ended() {
            if (end_) end_->reached.set();
        }

    private:
        std::shared_ptr<End> end_;
    };

    bool handOver(std::uint64_t token, std::uint32_t kind) {
        if (host_.offload().start(host_.raw(), token, kind) >= 0) return true;
        (void)take(token);
        return false;
    }
    std::uint64_t keep(Job job) {
        const std::lock_guard lock(mutex_);
        jobs_.emplace(++last_token_, std::move(job));
        return last_token_;
    }
    Job take(std::uint64_t token) {
        const std::lock_guard lock(mutex_);
        auto found = jobs_.extract(token);
        return found.empty() ? Job{} : std::move(found.mapped());
    }

    const Host& host_;
    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, Job> jobs_;
};

}  // namespace howdah
