#include "kernel/host/control_fiber.hpp"

namespace howdah::kernel {

void ControlFiber::start() {
    shard_.post([this] {
        if (!shard_.spawn([this] { loop(); }, "control")) ended_.set_value();
    });
}

void ControlFiber::post(Task job) {
    std::shared_ptr<Event> wake;
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        jobs_.push_back(std::move(job));
        wake = std::move(wake_);
    }
    if (wake) wake->set();
}

void ControlFiber::call(Task job) {
    auto done = std::make_shared<std::promise<void>>();
    auto future = done->get_future();
    post([job = std::make_shared<Task>(std::move(job)), done]() mutable {
        (*job)();
        done->set_value();
    });
    future.wait();
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
        {
            std::lock_guard lock(mutex_);
            if (!jobs_.empty()) {
                job = std::move(jobs_.front());
                jobs_.pop_front();
            } else if (stopping_) {
                break;
            } else {
                wake = wake_ = std::make_shared<Event>();
            }
        }
        if (job) {
            job();
        } else {
            (void)wake->wait(nullptr, Deadline::never());
        }
    }
    ended_.set_value();
}

}  // namespace howdah::kernel
