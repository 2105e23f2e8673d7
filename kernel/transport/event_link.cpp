#include "kernel/transport/event_link.hpp"

#include <utility>

#include "kernel/transport/framing.hpp"

namespace howdah::kernel {

bool EventQueue::push(std::string_view json, std::string_view id) {
    std::unique_lock lock(mutex_);
    if (closed_) return false;
    if (frames_.size() + json.size() > bytes_max_) {
        closed_ = true;
        frames_ = {};
        wake(std::move(lock));
        return false;
    }
    if (!id.empty()) frames_.append("id: ").append(id).append("\n");
    if (json.empty()) {
        frames_ += kEmptyEvent;
    } else {
        appendEvent(frames_, json);
    }
    wake(std::move(lock));
    return true;
}

void EventQueue::close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    wake(std::move(lock));
}

void EventQueue::wake(std::unique_lock<std::mutex> lock) {
    const std::shared_ptr<Event> waiter = std::exchange(waiter_, nullptr);
    lock.unlock();
    if (waiter) waiter->set();
}

EventQueue::Next EventQueue::next(std::string& frames, Cancellation* cancellation, Deadline deadline) {
    frames.clear();
    for (;;) {
        std::shared_ptr<Event> waiter;
        {
            std::lock_guard lock(mutex_);
            std::swap(frames, frames_);
            if (!frames.empty()) return Next::frames;
            if (closed_) return Next::ended;
            waiter = waiter_ = std::make_shared<Event>();
        }
        switch (waiter->wait(cancellation, deadline)) {
            case WaitStatus::ready: break;
            case WaitStatus::timeout: return Next::quiet;
            case WaitStatus::cancelled: return Next::ended;
        }
    }
}

}  // namespace howdah::kernel
