#include "kernel/host/control_fiber.hpp"

namespace howdah::kernel {

void ControlFiber::start() {
    shard_.post([this] {
        if (!shard_.spawn([this] { loop(); }, "control")) ended_.set_value();
    });
}

bool ControlFiber::post(Task job) {
    std::shared_ptr<Event> wake;
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return false;
        jobs_.push_back(std::move(job));
        wake = std::move(wake_);
    }
    if (wake) wake->set();
    return true;
}

void ControlFiber::postAt(Deadline due, Task job) {
    std::shared_ptr<Event> wake;
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        later_.emplace(due, std::move(job));
        wake = std::move(wake_);  // it waits again, until the earliest
    }
    if (wake) wake->set();
}

bool ControlFiber::call(Task job) {
    auto done = std::make_shared<std::promise<void>>();
    auto future = done->get_future();
    bool posted = post([job = std::make_shared<Task>(std::move(job)), done]() mutable {
        (*job)();
        done->set_value();
    });
    if (posted) future.wait();
    return posted;
}

void ControlFiber::stop() {
    std::shared_ptr<Event> wake;
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        stopping_ = true;
        wake = std::move(wake_);
    }
    if (wake) wake->set();
    ended_.get_future().wait();
}

void ControlFiber::loop() {
    while (true) {
        Task job;
        std::shared_ptr<Event> wake;
        Deadline due;
        {
            std::lock_guard lock(mutex_);
            if (!later_.empty()) due = later_.begin()->first;
            if (!jobs_.empty()) {
                job = std::move(jobs_.front());
                jobs_.pop_front();
            } else if (stopping_) {
                later_.clear();
                break;
            } else if (due.passed()) {
                job = std::move(later_.begin()->second);
                later_.erase(later_.begin());
            } else {
                wake = wake_ = std::make_shared<Event>();
            }
        }
        if (job) {
            job();
        } else {
            (void)wake->wait(nullptr, due);
        }
    }
    ended_.set_value();
}

}  // namespace howdah::kernel
