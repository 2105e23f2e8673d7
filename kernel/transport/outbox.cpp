#include "kernel/transport/outbox.hpp"

#include <utility>

namespace howdah::kernel {

Outbox::~Outbox() = default;

bool Outbox::push(std::string_view json) {
    std::unique_lock lock(mutex_);
    if (takesNothing()) return false;
    std::string& queue = wholeQueue();
    if (queue.size() + json.size() > bytes_max_) {
        if (when_full_ == WhenFull::cut) closeLocked(lock);
        return false;
    }
    framing_.appendWhole(queue, json);
    wakeSender(lock);
    return true;
}

Result<void> Outbox::write(std::string_view json) {
    std::unique_lock lock(mutex_);
    // At least one message goes in, whatever its length.
    while (!takesNothing() && !wholeQueue().empty() && wholeQueue().size() + json.size() > bytes_max_)
        parkWriter(lock);
    if (takesNothing()) return peerGone();
    framing_.appendWhole(wholeQueue(), json);
    wakeSender(lock);
    return {};
}

Result<void> Outbox::begin() {
    std::unique_lock lock(mutex_);
    while (in_pieces_ && !takesNothing())
        parkWriter(lock);
    if (takesNothing()) return peerGone();
    in_pieces_ = first_piece_ = true;
    return {};
}

Result<void> Outbox::piece(std::string_view bytes) {
    std::unique_lock lock(mutex_);
    while (!takesNothing() && !queue_.empty() && queue_.size() + bytes.size() > bytes_max_)
        parkWriter(lock);
    if (takesNothing()) return peerGone();
    if (bytes.empty()) return {};
    framing_.appendPiece(queue_, bytes, std::exchange(first_piece_, false));
    wakeSender(lock);
    return {};
}

void Outbox::end() {
    std::unique_lock lock(mutex_);
    in_pieces_ = false;
    if (takesNothing()) return;
    framing_.appendEnd(queue_, first_piece_);
    queue_ += behind_;
    behind_.clear();
    wakeSender(lock);
    wakeWriters(lock);
}

bool Outbox::interject(std::string_view frames) {
    std::unique_lock lock(mutex_);
    if (takesNothing() || queue_.size() + frames.size() > bytes_max_) return false;
    queue_ += frames;
    wakeSender(lock);
    return true;
}

// The sender -------------------------------------------------------------------------------------------------------

Outbox::Taken Outbox::take(std::string& batch, Cancellation* cancellation, Deadline deadline) {
    for (;;) {
        std::shared_ptr<Event> event;
        {
            std::lock_guard lock(mutex_);
            if (!closed_ && !queue_.empty()) {
                std::swap(batch, queue_);
                sending_ = batch.size();
                return Taken::bytes;
            }
            if (takesNothing()) return Taken::ended;
            event = sender_ = std::make_shared<Event>();
        }
        switch (event->wait(cancellation, deadline)) {
            case WaitStatus::ready: break;
            case WaitStatus::timeout: return Taken::quiet;
            case WaitStatus::cancelled: return Taken::ended;
        }
    }
}

bool Outbox::takeOnThread(std::string& batch) {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] { return !queue_.empty() || closed_ || finished_; });
    if (closed_ || queue_.empty()) return false;
    std::swap(batch, queue_);
    sending_ = batch.size();
    return true;
}

void Outbox::sent() {
    std::unique_lock lock(mutex_);
    sending_ = 0;
    wakeWriters(lock);
}

void Outbox::close() {
    std::unique_lock lock(mutex_);
    closeLocked(lock);
}

void Outbox::closeLocked(std::unique_lock<std::mutex>& lock) {
    closed_ = true;
    queue_ = behind_ = {};
    sending_ = 0;
    wakeWriters(lock);
    wakeSender(lock);
}

void Outbox::finish(std::string_view last_words) {
    std::unique_lock lock(mutex_);
    if (takesNothing()) return;
    finished_ = true;
    queue_ += last_words;
    behind_ = {};
    wakeWriters(lock);
    wakeSender(lock);
}

bool Outbox::closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
}

std::size_t Outbox::bytesQueued() const {
    std::lock_guard lock(mutex_);
    return queue_.size() + behind_.size() + sending_;
}

// Waiting and waking -----------------------------------------------------------------------------------------------

// No deadline: a peer that does not read its answers holds up its own requests, whose number is bounded.
void Outbox::parkWriter(std::unique_lock<std::mutex>& lock) {
    auto event = std::make_shared<Event>();
    writers_.push_back(event);
    lock.unlock();
    event->wait(nullptr, Deadline::never());
    lock.lock();
}

void Outbox::wakeWriters(std::unique_lock<std::mutex>& lock) {
    if (writers_.empty()) return;
    const auto waking = std::exchange(writers_, {});
    lock.unlock();
    for (const auto& event : waking)
        event->set();
    lock.lock();
}

void Outbox::wakeSender(std::unique_lock<std::mutex>& lock) {
    work_.notify_one();
    if (!sender_) return;
    const std::shared_ptr<Event> event = std::exchange(sender_, nullptr);
    lock.unlock();
    event->set();
    lock.lock();
}

}  // namespace howdah::kernel
