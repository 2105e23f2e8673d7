#include "kernel/transport/line_writer.hpp"

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "kernel/transport/framing.hpp"

namespace howdah::kernel {

void LineFraming::appendWhole(std::string& out, std::string_view json) const {
    appendOnOneLine(out, json);
    out += '\n';
}

void LineFraming::appendPiece(std::string& out, std::string_view bytes, bool) const {
    appendOnOneLine(out, bytes);
}

void LineFraming::appendEnd(std::string& out, bool) const {
    out += '\n';
}

// Shared with the thread, which may outlive the writer when the peer never reads.
struct LineWriter::State {
    State(int its_descriptor, std::shared_ptr<Outbox> its_outbox, std::function<void()> its_on_gone)
        : descriptor(its_descriptor), outbox(std::move(its_outbox)), on_gone(std::move(its_on_gone)) {}

    void run();
    bool writeAll(std::string_view bytes) const;

    const int descriptor;
    const std::shared_ptr<Outbox> outbox;
    const std::function<void()> on_gone;

    std::mutex mutex;
    std::condition_variable ended_changed;
    bool ended = false;
    std::thread thread;
};

void LineWriter::State::run() {
    constexpr std::size_t kBatchBytesKept = 256 * 1024;
    std::string batch;
    while (outbox->takeOnThread(batch)) {
        const bool written = writeAll(batch);
        batch.clear();
        if (batch.capacity() > kBatchBytesKept) batch = {};
        if (!written) {
            outbox->close();
            on_gone();
            break;
        }
        outbox->sent();
    }
    std::lock_guard lock(mutex);
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

LineWriter::LineWriter(int descriptor, std::shared_ptr<Outbox> outbox, std::function<void()> on_gone)
    : state_(std::make_shared<State>(descriptor, std::move(outbox), std::move(on_gone))) {
    state_->thread = std::thread([state = state_] { state->run(); });
}

LineWriter::~LineWriter() {
    stop(Deadline(Deadline::Clock::now()));
}

bool LineWriter::stop(Deadline deadline) {
    if (!state_->thread.joinable()) return true;
    state_->outbox->finish();
    bool ended = false;
    {
        std::unique_lock lock(state_->mutex);
        auto has_ended = [this] { return state_->ended; };
        if (deadline.isNever()) {
            state_->ended_changed.wait(lock, has_ended);
            ended = true;
        } else {
            ended = state_->ended_changed.wait_until(lock, deadline.at(), has_ended);
        }
    }
    state_->outbox->close();  // whoever is still at a message
    if (ended) {
        state_->thread.join();
    } else {
        state_->thread.detach();
    }
    return ended;
}

}  // namespace howdah::kernel
