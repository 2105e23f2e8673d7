#include "kernel/transport/stdio_backlog.hpp"

#include <algorithm>
#include <utility>

#include "kernel/protocol/message.hpp"

namespace howdah::kernel {

namespace {
// What a message costs beside its text, so that many short ones are bounded too.
constexpr std::size_t kEachBytes = 256;
}  // namespace

std::size_t StdioBacklog::costOf(const MessageBuffer& message) {
    return message.capacity() + kEachBytes;
}

bool StdioBacklog::hasRoomFor(const MessageBuffer& message) const {
    return empty() || bytes_ + costOf(message) <= bytes_max_;
}

void StdioBacklog::add(MessageBuffer message, std::string id) {
    bytes_ += costOf(message);
    waiting_.push_back({std::move(message), std::move(id)});
}

MessageBuffer StdioBacklog::next() {
    MessageBuffer message = std::move(waiting_.front().message);
    waiting_.pop_front();
    bytes_ -= costOf(message);
    return message;
}

void StdioBacklog::drop(std::string_view id) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.id == id; });
    if (found == waiting_.end()) return;
    bytes_ -= costOf(found->message);
    waiting_.erase(found);
}

void StdioBacklog::clear() {
    waiting_.clear();
    bytes_ = 0;
}

StdioTurn StdioTurn::of(const MessageBuffer& message) {
    const MessageLimits limits;  // what is beyond them waits, to be refused in its turn
    StdioTurn turn;
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
