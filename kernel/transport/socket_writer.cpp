#include "kernel/transport/socket_writer.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdint>

#include "kernel/transport/message_output.hpp"

namespace howdah::kernel {

namespace {
constexpr int kLooks = 5;  // in one stall limit
}  // namespace

Result<void> SocketWriter::send(iovec* parts, std::size_t count, const std::shared_ptr<void>& owner) {
    assert(!sending_ && "one fiber sends at a time");
    while (!broken_) {
        if (queue_.empty() && trySend(parts, count)) return {};
        if (broken_) break;
        sending_ = true;
        // Half an answer is out, so nothing else can follow a peer that stalls. A socket becomes writable only when
        // much of its buffer is free: one that reads slowly shows by the bytes it has acknowledged. What waits to be
        // sent may hold a connection to a database, so a trickle is not enough.
        int unacknowledged = stream_.unacknowledged();
        Deadline stalled = Deadline::in(stall_limit_);
        writable_.reset();
        arm(owner);
        while (writable_.wait(nullptr, Deadline::in(stall_limit_ / kLooks)) == WaitStatus::timeout) {
            if (unacknowledged - stream_.unacknowledged() >= leastTaken()) {
                unacknowledged = stream_.unacknowledged();
                stalled = Deadline::in(stall_limit_);
            } else if (stalled.passed()) {
                stream_.dropUnsent();
                broken_ = true;
                break;
            }
        }
        sending_ = false;
    }
    return peerGone();
}

// Bytes a peer must take in one stall limit.
int SocketWriter::leastTaken() const {
    constexpr std::int64_t kBytesPerSecondMin = 1024;
    return static_cast<int>(std::max<std::int64_t>(1, stall_limit_.count() * kBytesPerSecondMin / 1000));
}

bool SocketWriter::trySend(iovec*& parts, std::size_t& count) {
    for (;;) {
        while (count > 0 && parts->iov_len == 0) {
            ++parts;
            --count;
        }
        if (count == 0) return true;
        const ssize_t sent = stream_.send(parts, count);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) broken_ = true;
            return false;
        }
        std::size_t left = static_cast<std::size_t>(sent);
        while (left > 0 && count > 0) {
            const std::size_t taken = left < parts->iov_len ? left : parts->iov_len;
            parts->iov_base = static_cast<char*>(parts->iov_base) + taken;
            parts->iov_len -= taken;
            left -= taken;
            if (parts->iov_len > 0) break;
            ++parts;
            --count;
        }
    }
}

void SocketWriter::enqueue(std::string_view bytes, const std::shared_ptr<void>& owner) {
    assert(!sending_);
    if (broken_) return;
    queue_ += bytes;
    if (armed_) return;
    flush();
    if (!queue_.empty() && !broken_) arm(owner);
}

void SocketWriter::flush() {
    iovec part{queue_.data(), queue_.size()};
    iovec* parts = &part;
    std::size_t count = 1;
    if (trySend(parts, count)) {
        queue_.clear();
    } else {
        queue_.erase(0, queue_.size() - part.iov_len);
    }
}

void SocketWriter::breakOff() {
    broken_ = true;
    writable_.set();
}

void SocketWriter::arm(const std::shared_ptr<void>& owner) {
    if (armed_) return;
    armed_ = true;
    stream_.waitWritable([this, owner](const boost::system::error_code& error) {
        armed_ = false;
        if (error) broken_ = true;  // the stream was closed
        if (!broken_ && !queue_.empty()) {
            flush();
            if (!broken_ && !queue_.empty()) return arm(owner);
        }
        writable_.set();
        on_settled_();
    });
}

}  // namespace howdah::kernel
