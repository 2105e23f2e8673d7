#include "kernel/transport/message_backlog.hpp"

#include <algorithm>
#include <utility>

#include "kernel/protocol/message.hpp"

namespace howdah::kernel {

namespace {
// What a message costs beside its text, so that many short ones are bounded too.
constexpr std::size_t kEachBytes = 256;
}  // namespace

std::size_t MessageBacklog::costOf(const MessageBuffer& message) {
    return message.capacity() + kEachBytes;
}

bool MessageBacklog::hasRoomFor(const MessageBuffer& message) const {
    return empty() || bytes_ + costOf(message) <= bytes_max_;
}

void MessageBacklog::add(MessageBuffer message, std::string id) {
    bytes_ += costOf(message);
    waiting_.push_back({std::move(message), std::move(id)});
}

MessageBuffer MessageBacklog::next() {
    MessageBuffer message = std::move(waiting_.front().message);
    waiting_.pop_front();
    bytes_ -= costOf(message);
    return message;
}

void MessageBacklog::drop(std::string_view id) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.id == id; });
    if (found == waiting_.end()) return;
    bytes_ -= costOf(found->message);
    waiting_.erase(found);
}

void MessageBacklog::clear() {
    waiting_.clear();
    bytes_ = 0;
}

MessageTurn MessageTurn::of(const MessageBuffer& message) {
    const MessageLimits limits;  // what is beyond them waits, to be refused in its turn
    MessageTurn turn;
    Document document;
    Message read;
    if (document.parse(message.text(), limits) || Message::read(document.root(), limits, read)) return turn;
    turn.waits = read.kind == Message::Kind::request;
    if (turn.waits) {
        turn.id = std::move(read.id);
    } else if (read.method == "notifications/cancelled" && read.params) {
        const auto id = member(*read.params, "requestId");
        if (id) turn.cancels = idText(*id, limits.id_bytes_max).value_or("");
    }
    return turn;
}

}  // namespace howdah::kernel
