// Tasks: calls that outlive the request that started them. A client holds the id, asks how far the task is, answers
// what it asks and fetches its result, over any connection.
//
//   working <--> input_required
//      '------------'--> completed | failed | cancelled, for good
//
// Threads: any; say(), ask(), complete() and fail() on the fiber that runs the call.
// Owns:    the results, within the bounds of TaskLimits, until the time to live of each has passed.
// Source:  the tasks extension (io.modelcontextprotocol/tasks, SEP-2663); MCP 2025-11-25 "Tasks".
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"
#include "kernel/pipeline/request.hpp"
#include "kernel/protocol/era.hpp"
#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

enum class TaskStatus : std::uint8_t { working, input_required, completed, cancelled, failed };

std::string_view name(TaskStatus status);
constexpr bool isTerminal(TaskStatus status) {
    return status >= TaskStatus::completed;
}

struct TaskLimits {
    std::size_t tasks_max = 1000;                       // kept at once, ended ones too
    std::size_t of_one_principal_max = 100;             // the same, of one principal
    std::size_t result_bytes_max = 4u << 20;            // of one task
    std::size_t results_bytes_max = 64u << 20;          // of all tasks together
    std::chrono::milliseconds time_to_live{3'600'000};  // from creation: for the work, then for fetching its result
    std::chrono::milliseconds time_to_live_max{86'400'000};  // a client of 2025-11-25 may ask for up to this much
    std::chrono::milliseconds poll_interval{1'000};
};

class CallTask {
public:
    using Clock = std::chrono::system_clock;

    // What everybody may see of it at one moment.
    struct View {
        TaskStatus status;
        std::string message;
        Clock::time_point updated;
        std::shared_ptr<const std::string> result;  // of completed, JSON
        std::shared_ptr<const std::string> error;   // of failed, a JSON-RPC error
        Json questions;                             // of input_required: what has not been answered, by key
        std::uint64_t version;                      // grows with each change
    };

    CallTask(std::string its_id, Principal its_owner, std::chrono::milliseconds its_time,
             std::shared_ptr<Cancellation> cancels_its_fiber);

    const std::string id;
    const Principal owner;
    const std::chrono::milliseconds time_to_live;
    const Clock::time_point created;
    const std::shared_ptr<Cancellation> cancellation;

    bool belongsTo(const Principal& other) const {
        return owner.subject == other.subject && owner.tenant == other.tenant;
    }
    View view() const;

    // Waits until there is something newer than `seen`. False when the waiting was cancelled.
    bool waitForNewer(std::uint64_t seen, Cancellation* waiting);

    // --- the call
    void say(std::string_view message);  // how far it is
    // {"key":{"method","params"}} gives {"key":result}.
    Result<Json> ask(const Json& questions, Deadline deadline);
    bool complete(std::string result);  // false when it had ended
    void fail(std::string error, std::string message);

    // --- its owner
    // False when it had ended.
    bool cancel(CancelReason reason = CancelReason::requested);
    // Keys nobody asked for, or that were answered, are ignored.
    void answer(const Json& responses);
    void refuseToAnswer(const std::string& key, std::string reason);

private:
    friend class TaskStore;
    struct Question {
        Json request;
        Json response;
        std::string refused;  // why there will be no response
        bool answered() const { return !response.is_null() || !refused.empty(); }
    };

    void end(TaskStatus status, std::string message);  // the caller holds the lock
    void changed(std::unique_lock<std::mutex> lock);   // lets go of the lock and tells whoever waits
    bool allAnswered() const;

    mutable std::mutex mutex_;
    TaskStatus status_ = TaskStatus::working;
    std::string message_;
    Clock::time_point updated_;
    std::shared_ptr<const std::string> result_;
    std::shared_ptr<const std::string> error_;
    std::map<std::string, Question> questions_;
    std::uint64_t version_ = 0;
    std::vector<std::shared_ptr<Event>> waiting_;
    std::shared_ptr<Event> answered_;           // what ask() waits for
    std::function<void(CallTask&)> on_change_;  // set once, before the task begins
};

class TaskStore {
public:
    explicit TaskStore(TaskLimits limits) : limits_(limits) {}

    const TaskLimits& limits() const { return limits_; }
    // Called after each change of a task, on whatever thread made it. Set before the first task.
    void onChange(std::function<void(CallTask&)> listener) { on_change_ = std::move(listener); }

    // unavailable when as many are kept as may be.
    Result<std::shared_ptr<CallTask>> create(const Principal& owner, std::chrono::milliseconds time_to_live,
                                             Shard& shard);
    // The one that could not be started after all.
    void drop(const CallTask& task);
    // nullptr for an unknown or expired id, and for a task of somebody else.
    std::shared_ptr<CallTask> find(std::string_view id, const Principal& principal);
    std::vector<std::shared_ptr<CallTask>> of(const Principal& principal);  // by id
    std::size_t count() const;

    // Takes the result if there is room for it, else the task fails.
    void complete(CallTask& task, std::string result);

    // Running calls hold one of these.
    void entered();
    void left();
    // Cancels what runs and waits for it; false if the deadline passed first.
    bool stop(Deadline deadline);
    void cancelAll();

private:
    void dropExpired(CallTask::Clock::time_point now);  // the caller holds the lock

    const TaskLimits limits_;
    std::function<void(CallTask&)> on_change_;
    mutable std::mutex mutex_;
    std::condition_variable none_runs_;
    std::size_t running_ = 0;
    std::size_t result_bytes_ = 0;
    bool stopping_ = false;
    std::map<std::string, std::shared_ptr<CallTask>, std::less<>> tasks_;
};

// The members of a Task object, comma-separated. `detailed` adds result, error or questions (2026-07-28 only).
std::string taskMembers(const CallTask& task, const CallTask::View& view, Revision revision, bool detailed,
                        std::chrono::milliseconds poll_interval);

}  // namespace howdah::kernel
