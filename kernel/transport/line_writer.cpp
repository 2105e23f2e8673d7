#include "kernel/transport/line_writer.hpp"

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "kernel/runtime/event.hpp"
#include "kernel/transport/framing.hpp"

namespace howdah::kernel {

namespace {
Error peerGone() {
    return Error::cancelled("the client has gone");
}
}  // namespace

// Shared with the thread, which may outlive the writer when the peer never reads.
struct LineWriter::State {
    State(int its_descriptor, std::size_t bytes_max, std::function<void()> its_on_gone)
        : descriptor(its_descriptor), queue_bytes_max(bytes_max), on_gone(std::move(its_on_gone)) {}

    void run();
    bool writeAll(std::string_view bytes) const;
    void park(std::unique_lock<std::mutex>& lock);
    void wakeParked(std::unique_lock<std::mutex>& lock);
    std::string& lineQueue() { return line_held ? behind : queue; }

    const int descriptor;
    const std::size_t queue_bytes_max;
    const std::function<void()> on_gone;

    mutable std::mutex mutex;
    std::condition_variable work;
    std::condition_variable ended_changed;
    std::string queue;        // to be written next
    std::string behind;       // whole lines that wait for the end of the line in pieces
    std::size_t writing = 0;  // bytes the thread has taken
    bool line_held = false;
    bool gone = false;
    bool stopping = false;
    bool ended = false;
    // Fibers that wait for room or for the line; each looks again when woken.
    std::vector<std::shared_ptr<Event>> parked;
    std::thread thread;
};

void LineWriter::State::run() {
    std::string batch;
    std::unique_lock lock(mutex);
    for (;;) {
        work.wait(lock, [this] { return !queue.empty() || stopping || gone; });
        if (queue.empty() || gone) break;
        std::swap(batch, queue);
        writing = batch.size();
        lock.unlock();
        const bool written = writeAll(batch);
        batch.clear();
        if (batch.capacity() > (std::size_t{256} << 10)) batch = {};
        lock.lock();
        writing = 0;
        if (!written) {
            gone = true;
            queue = behind = {};
            lock.unlock();
            on_gone();
            lock.lock();
        }
        wakeParked(lock);
    }
    ended = true;
    ended_changed.notify_all();
}

bool LineWriter::State::writeAll(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
            // The other end shares our open file description and made it non-blocking.
            pollfd writable{descriptor, POLLOUT, 0};
            ::poll(&writable, 1, -1);
            continue;
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

void LineWriter::State::park(std::unique_lock<std::mutex>& lock) {
    auto event = std::make_shared<Event>();
    parked.push_back(event);
    lock.unlock();
    // No deadline: a peer that does not read its answers holds up its own requests, whose number is bounded.
    event->wait(nullptr, Deadline::never());
    lock.lock();
}

void LineWriter::State::wakeParked(std::unique_lock<std::mutex>& lock) {
    if (parked.empty()) return;
    const auto waking = std::exchange(parked, {});
    lock.unlock();
    for (const auto& event : waking)
        event->set();
    lock.lock();
}

LineWriter::LineWriter(int descriptor, std::size_t queue_bytes_max, std::function<void()> on_gone)
    : state_(std::make_shared<State>(descriptor, queue_bytes_max, std::move(on_gone))) {
    state_->thread = std::thread([state = state_] { state->run(); });
}

LineWriter::~LineWriter() {
    stop(Deadline(Deadline::Clock::now()));
}

bool LineWriter::push(std::string_view line) {
    std::lock_guard lock(state_->mutex);
    std::string& queue = state_->lineQueue();
    if (state_->gone || state_->stopping || queue.size() + line.size() > state_->queue_bytes_max) return false;
    appendOnOneLine(queue, line);
    queue += '\n';
    state_->work.notify_one();
    return true;
}

Result<void> LineWriter::write(std::string_view line) {
    std::unique_lock lock(state_->mutex);
    // At least one line goes in, whatever its length.
    while (!state_->gone && !state_->lineQueue().empty() &&
           state_->lineQueue().size() + line.size() > state_->queue_bytes_max)
        state_->park(lock);
    if (state_->gone || state_->stopping) return peerGone();
    std::string& queue = state_->lineQueue();
    appendOnOneLine(queue, line);
    queue += '\n';
    state_->work.notify_one();
    return {};
}

Result<void> LineWriter::beginLine() {
    std::unique_lock lock(state_->mutex);
    while (state_->line_held && !state_->gone)
        state_->park(lock);
    if (state_->gone || state_->stopping) return peerGone();
    state_->line_held = true;
    return {};
}

Result<void> LineWriter::writePiece(std::string_view bytes) {
    std::unique_lock lock(state_->mutex);
    while (!state_->gone && !state_->queue.empty() && state_->queue.size() + bytes.size() > state_->queue_bytes_max)
        state_->park(lock);
    if (state_->gone) return peerGone();
    appendOnOneLine(state_->queue, bytes);
    state_->work.notify_one();
    return {};
}

void LineWriter::endLine() {
    std::unique_lock lock(state_->mutex);
    state_->line_held = false;
    if (state_->gone) return;
    state_->queue += '\n';
    state_->queue += state_->behind;
    state_->behind.clear();
    state_->work.notify_one();
    state_->wakeParked(lock);
}

bool LineWriter::gone() const {
    std::lock_guard lock(state_->mutex);
    return state_->gone;
}

std::size_t LineWriter::bytesQueued() const {
    std::lock_guard lock(state_->mutex);
    return state_->queue.size() + state_->behind.size() + state_->writing;
}

bool LineWriter::stop(Deadline deadline) {
    if (!state_->thread.joinable()) return true;
    bool ended = false;
    {
        std::unique_lock lock(state_->mutex);
        state_->stopping = true;
        state_->work.notify_one();
        state_->wakeParked(lock);
        auto has_ended = [this] { return state_->ended; };
        if (deadline.isNever()) {
            state_->ended_changed.wait(lock, has_ended);
            ended = true;
        } else {
            ended = state_->ended_changed.wait_until(lock, deadline.at(), has_ended);
        }
    }
    if (ended) {
        state_->thread.join();
    } else {
        state_->thread.detach();
    }
    return ended;
}

}  // namespace howdah::kernel
