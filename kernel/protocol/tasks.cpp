#include "kernel/protocol/tasks.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <howdah/json_text.hpp>

#include "kernel/base/random_id.hpp"

namespace howdah::kernel {
namespace {

constexpr std::array<std::string_view, 5> kNames{"working", "input_required", "completed", "cancelled", "failed"};
constexpr std::size_t kStatusMessageMax = 1024;  // bytes

// ISO 8601, UTC, milliseconds.
std::string timestamp(CallTask::Clock::time_point at) {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
    const std::time_t seconds = since / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    const std::string millis = std::to_string(1000 + since % 1000);
    return concat(std::string_view(text.data(), length), ".", std::string_view(millis).substr(1), "Z");
}

std::string_view saidOf(CancelReason reason) {
    switch (reason) {
        case CancelReason::requested: return "cancelled by its client";
        case CancelReason::reload: return "cancelled: a reload has replaced its plugin, call again";
        default: return "cancelled: the server is shutting down";
    }
}

}  // namespace

std::string_view name(TaskStatus status) {
    return kNames[static_cast<std::size_t>(status)];
}

CallTask::CallTask(std::string its_id, Principal its_owner, std::chrono::milliseconds its_time,
                   std::shared_ptr<Cancellation> cancels_its_fiber)
    : id(std::move(its_id)),
      owner(std::move(its_owner)),
      time_to_live(its_time),
      created(Clock::now()),
      cancellation(std::move(cancels_its_fiber)),
      updated_(created) {}

CallTask::View CallTask::view() const {
    std::lock_guard lock(mutex_);
    View view{status_, message_, updated_, result_, error_, Json::object(), version_};
    for (const auto& [key, question] : questions_)
        if (!question.answered()) view.questions[key] = question.request;
    return view;
}

bool CallTask::waitForNewer(std::uint64_t seen, Cancellation* waiting) {
    auto event = std::make_shared<Event>();
    {
        std::lock_guard lock(mutex_);
        if (version_ > seen) return true;
        waiting_.push_back(event);
    }
    if (event->wait(waiting, Deadline::never()) == WaitStatus::ready) return true;
    std::lock_guard lock(mutex_);
    std::erase(waiting_, event);
    return false;
}

void CallTask::changed(std::unique_lock<std::mutex> lock) {
    ++version_;
    updated_ = Clock::now();
    auto waiting = std::exchange(waiting_, {});
    auto answered = allAnswered() || isTerminal(status_) ? std::exchange(answered_, nullptr) : nullptr;
    lock.unlock();
    for (const auto& event : waiting)
        event->set();
    if (answered) answered->set();
    if (on_change_) on_change_(*this);
}

bool CallTask::allAnswered() const {
    return std::ranges::all_of(questions_, [](const auto& entry) { return entry.second.answered(); });
}

void CallTask::say(std::string_view message) {
    std::unique_lock lock(mutex_);
    if (isTerminal(status_)) return;
    message_ = message.substr(0, kStatusMessageMax);
    changed(std::move(lock));
}

Result<Json> CallTask::ask(const Json& questions, Deadline deadline) {
    auto event = std::make_shared<Event>();
    {
        std::unique_lock lock(mutex_);
        if (isTerminal(status_)) return cancellation->error();
        for (const auto& [key, question] : questions.items())
            questions_[key] = Question{.request = question, .response = nullptr, .refused = ""};
        answered_ = event;
        status_ = TaskStatus::input_required;
        changed(std::move(lock));
    }
    const WaitStatus status = event->wait(cancellation.get(), deadline);
    std::unique_lock lock(mutex_);
    answered_ = nullptr;
    auto asked = std::exchange(questions_, {});
    if (isTerminal(status_)) return cancellation->error();
    status_ = TaskStatus::working;
    changed(std::move(lock));
    if (status != WaitStatus::ready) return waitError(status, cancellation.get(), "the client's answer");
    Json answers = Json::object();
    for (auto& [key, question] : asked) {
        if (!question.refused.empty()) {
            return Error::unavailable("the client answered the question \"", key,
                                      "\" with an error: ", question.refused);
        }
        answers[key] = std::move(question.response);
    }
    return answers;
}

void CallTask::end(TaskStatus status, std::string message) {
    status_ = status;
    message_ = std::move(message);
    questions_.clear();
}

bool CallTask::complete(std::string result) {
    std::unique_lock lock(mutex_);
    if (isTerminal(status_)) return false;
    result_ = std::make_shared<const std::string>(std::move(result));
    end(TaskStatus::completed, "");
    changed(std::move(lock));
    return true;
}

void CallTask::fail(std::string error, std::string message) {
    std::unique_lock lock(mutex_);
    if (isTerminal(status_)) return;
    error_ = std::make_shared<const std::string>(std::move(error));
    end(TaskStatus::failed, std::move(message));
    changed(std::move(lock));
}

bool CallTask::cancel(CancelReason reason) {
    std::unique_lock lock(mutex_);
    if (isTerminal(status_)) return false;
    end(TaskStatus::cancelled, std::string(saidOf(reason)));
    cancellation->cancel(reason);
    changed(std::move(lock));
    return true;
}

void CallTask::answer(const Json& responses) {
    std::unique_lock lock(mutex_);
    bool any = false;
    for (auto& [key, question] : questions_) {
        if (question.answered() || !responses.contains(key) || !responses[key].is_object()) continue;
        question.response = responses[key];
        any = true;
    }
    if (any) changed(std::move(lock));
}

void CallTask::refuseToAnswer(const std::string& key, std::string reason) {
    std::unique_lock lock(mutex_);
    auto found = questions_.find(key);
    if (found == questions_.end() || found->second.answered()) return;
    found->second.refused = std::move(reason);
    changed(std::move(lock));
}

Result<std::shared_ptr<CallTask>> TaskStore::create(const Principal& owner, std::chrono::milliseconds time_to_live,
                                                    Shard& shard) {
    std::string id = randomId();
    if (id.empty()) return Error::unavailable("the system gives no random bytes for a task id");
    auto task = std::make_shared<CallTask>(std::move(id), owner, time_to_live, Cancellation::create(shard));
    task->on_change_ = on_change_;
    std::lock_guard lock(mutex_);
    if (stopping_) return Error::unavailable("the server is shutting down");
    dropExpired(task->created);
    if (tasks_.size() >= limits_.tasks_max)
        return Error::unavailable("the server keeps ", limits_.tasks_max, " tasks already, try again later");
    const auto theirs =
        std::ranges::count_if(tasks_, [&](const auto& entry) { return entry.second->belongsTo(owner); });
    if (static_cast<std::size_t>(theirs) >= limits_.of_one_principal_max) {
        return Error::unavailable("you have ", theirs, " tasks already; those that ended are kept for ",
                                  limits_.time_to_live.count() / 1000, " s from their creation");
    }
    tasks_.emplace(task->id, task);
    return task;
}

void TaskStore::drop(const CallTask& task) {
    std::lock_guard lock(mutex_);
    tasks_.erase(task.id);
}

std::shared_ptr<CallTask> TaskStore::find(std::string_view id, const Principal& principal) {
    std::lock_guard lock(mutex_);
    dropExpired(CallTask::Clock::now());
    auto found = tasks_.find(id);
    return found != tasks_.end() && found->second->belongsTo(principal) ? found->second : nullptr;
}

std::vector<std::shared_ptr<CallTask>> TaskStore::of(const Principal& principal) {
    std::vector<std::shared_ptr<CallTask>> theirs;
    std::lock_guard lock(mutex_);
    dropExpired(CallTask::Clock::now());
    for (const auto& [id, task] : tasks_)
        if (task->belongsTo(principal)) theirs.push_back(task);
    return theirs;
}

std::size_t TaskStore::count() const {
    std::lock_guard lock(mutex_);
    return tasks_.size();
}

void TaskStore::complete(CallTask& task, std::string result) {
    const std::size_t bytes = result.size();
    bool room = false;
    {
        std::lock_guard lock(mutex_);
        dropExpired(CallTask::Clock::now());
        room = result_bytes_ + bytes <= limits_.results_bytes_max;
        if (room) result_bytes_ += bytes;
    }
    if (room) {
        if (task.complete(std::move(result))) return;
        std::lock_guard lock(mutex_);
        result_bytes_ -= bytes;  // it was cancelled meanwhile
        return;
    }
    const std::string why = concat("the results of tasks take ", limits_.results_bytes_max,
                                   " bytes already; call again when older ones have expired");
    std::string error = R"({"code":-32603,"message":)";
    appendJsonString(error, why);
    task.fail(error + "}", why);
}

// What still works at the end of its time is ended by its deadline.
void TaskStore::dropExpired(CallTask::Clock::time_point now) {
    std::erase_if(tasks_, [&](const auto& entry) {
        const CallTask& task = *entry.second;
        if (now < task.created + task.time_to_live) return false;
        const CallTask::View view = task.view();
        if (!isTerminal(view.status)) return false;
        if (view.result) result_bytes_ -= std::min(result_bytes_, view.result->size());
        return true;
    });
}

void TaskStore::entered() {
    std::lock_guard lock(mutex_);
    ++running_;
}

void TaskStore::left() {
    std::lock_guard lock(mutex_);
    if (--running_ == 0) none_runs_.notify_all();
}

void TaskStore::cancelAll() {
    std::vector<std::shared_ptr<CallTask>> all;
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        for (const auto& [id, task] : tasks_)
            all.push_back(task);
    }
    for (const auto& task : all)
        task->cancel(CancelReason::shutdown);
}

bool TaskStore::stop(Deadline deadline) {
    cancelAll();
    std::unique_lock lock(mutex_);
    auto none = [this] { return running_ == 0; };
    if (!deadline.isNever()) return none_runs_.wait_until(lock, deadline.at(), none);
    none_runs_.wait(lock, none);
    return true;
}

std::string taskMembers(const CallTask& task, const CallTask::View& view, Revision revision, bool detailed,
                        std::chrono::milliseconds poll_interval) {
    const bool modern = isModern(revision);
    std::string json = concat(R"("taskId":")", task.id, R"(","status":")", name(view.status), '"');
    if (!view.message.empty()) {
        json += ",\"statusMessage\":";
        appendJsonString(json, view.message);
    }
    json += concat(R"(,"createdAt":")", timestamp(task.created), R"(","lastUpdatedAt":")", timestamp(view.updated),
                   modern ? R"(","ttlMs":)" : R"(","ttl":)", task.time_to_live.count(),
                   modern ? ",\"pollIntervalMs\":" : ",\"pollInterval\":", poll_interval.count());
    if (!detailed) return json;
    if (view.status == TaskStatus::completed) json += concat(",\"result\":", *view.result);
    if (view.status == TaskStatus::failed) json += concat(",\"error\":", *view.error);
    if (view.status == TaskStatus::input_required) json += concat(",\"inputRequests\":", dumpJson(view.questions));
    return json;
}

}  // namespace howdah::kernel
