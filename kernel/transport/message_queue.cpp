#include "kernel/transport/message_queue.hpp"

#include <utility>

#include "kernel/protocol/errors.hpp"

namespace howdah::kernel {

namespace {

// As much of a message that is too long is kept as its id may take.
constexpr std::size_t kHeadBytes = 8192;

std::string tooLongText(std::size_t limit) {
    return concat("the answer is longer than the ", limit,
                  " bytes of a message on this transport (limits.message_bytes_max); ask for less, or ask over HTTP, "
                  "where it is streamed");
}

}  // namespace

// The kernel's own envelope: {"jsonrpc":"2.0","id":7,...
std::string answeredId(std::string_view head) {
    constexpr std::string_view kBegin = R"({"jsonrpc":"2.0","id":)";
    if (!head.starts_with(kBegin)) return {};
    head.remove_prefix(kBegin.size());
    const bool is_text = head.starts_with('"');
    for (std::size_t i = is_text ? 1 : 0; i < head.size(); ++i) {
        if (is_text && head[i] == '\\') {
            ++i;
        } else if (is_text && head[i] == '"') {
            return std::string(head.substr(0, i + 1));
        } else if (!is_text && (head[i] == ',' || head[i] == '}')) {
            return std::string(head.substr(0, i));
        }
    }
    return {};
}

bool MessageQueue::push(std::string_view json) {
    std::unique_lock lock(mutex_);
    if (over() || bytes_ + json.size() > queue_bytes_max_) return false;
    add(std::string(json));
    wakeAll(std::move(lock));
    return true;
}

Result<void> MessageQueue::write(std::string_view json) {
    std::unique_lock lock(mutex_);
    // At least one message goes in, whatever its length.
    while (!over() && !messages_.empty() && bytes_ + json.size() > queue_bytes_max_)
        park(lock);
    if (over()) return peerGone();
    add(std::string(json));
    wakeAll(std::move(lock));
    return {};
}

// The one before must have been taken too, else long messages would pile up.
Result<void> MessageQueue::begin() {
    std::unique_lock lock(mutex_);
    while (!over() && (in_pieces_ || bytes_ > queue_bytes_max_))
        park(lock);
    if (over()) return peerGone();
    in_pieces_ = true;
    whole_.clear();
    too_long_ = false;
    return {};
}

Result<void> MessageQueue::piece(std::string_view bytes) {
    if (!too_long_ && whole_.size() + bytes.size() > message_bytes_max_) {
        too_long_ = true;
        whole_ += bytes.substr(0, kHeadBytes);
        whole_ = whole_.substr(0, kHeadBytes);
    }
    if (too_long_) return Error::refused(tooLongText(message_bytes_max_));  // whoever makes the answer stops
    whole_ += bytes;
    return {};
}

void MessageQueue::end() {
    if (too_long_) {
        whole_ =
            errorResponse(answeredId(whole_), {.code = kInternalError, .message = tooLongText(message_bytes_max_)});
    }
    std::unique_lock lock(mutex_);
    in_pieces_ = false;
    if (!closed_) add(std::exchange(whole_, {}));  // begun before finish(), it may still become whole
    wakeAll(std::move(lock));
}

MessageQueue::Taken MessageQueue::take(std::string& message, Cancellation* cancellation, Deadline deadline) {
    for (;;) {
        std::shared_ptr<Event> event;
        {
            std::unique_lock lock(mutex_);
            taker_ = nullptr;
            if (!messages_.empty()) {
                message = std::move(messages_.front());
                messages_.pop_front();
                bytes_ -= message.size();
                wakeAll(std::move(lock));
                return Taken::message;
            }
            if (closed_ || (finished_ && !in_pieces_)) return Taken::ended;
            event = taker_ = std::make_shared<Event>();
        }
        switch (event->wait(cancellation, deadline)) {
            case WaitStatus::ready: break;
            case WaitStatus::timeout: return Taken::timeout;
            case WaitStatus::cancelled: return Taken::cancelled;
        }
    }
}

void MessageQueue::finish() {
    std::unique_lock lock(mutex_);
    finished_ = true;
    wakeAll(std::move(lock));
}

void MessageQueue::close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    messages_.clear();
    bytes_ = 0;
    wakeAll(std::move(lock));
}

void MessageQueue::add(std::string message) {
    bytes_ += message.size();
    messages_.push_back(std::move(message));
}

// No deadline: a client that takes nothing holds up its own requests, whose number is bounded.
void MessageQueue::park(std::unique_lock<std::mutex>& lock) {
    auto event = std::make_shared<Event>();
    writers_.push_back(event);
    lock.unlock();
    event->wait(nullptr, Deadline::never());
    lock.lock();
}

void MessageQueue::wakeAll(std::unique_lock<std::mutex> lock) {
    const auto taker = std::exchange(taker_, nullptr);
    const auto writers = std::exchange(writers_, {});
    lock.unlock();
    if (taker) taker->set();
    for (const auto& event : writers)
        event->set();
}

}  // namespace howdah::kernel
