#include "kernel/transport/stdio.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/protocol/errors.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/transport/line_reader.hpp"
#include "kernel/transport/line_writer.hpp"
#include "kernel/transport/message_channel.hpp"
#include "kernel/transport/outbox.hpp"

namespace howdah::kernel {

namespace {

// For poll(): rounded up, so that the deadline has passed when it is over; -1 = never.
int pollTimeout(Deadline deadline) {
    if (deadline.isNever()) return -1;
    constexpr std::int64_t kNsPerMs = 1'000'000;
    const std::int64_t left_ms = (deadline.remainingNs() + kNsPerMs - 1) / kNsPerMs;
    return static_cast<int>(std::min<std::int64_t>(left_ms, std::numeric_limits<int>::max()));
}

// At least this long for what is queued to be written, however late the deadline came.
constexpr std::chrono::milliseconds kFlushLimit{500};

}  // namespace

// Shared with the reading and the writing thread.
struct StdioServer::State {
    State(StdioChannel its_channel, Config its_config, int its_wake)
        : channel(std::move(its_channel)), config(std::move(its_config)), wake_fd(its_wake) {}
    ~State() { ::close(wake_fd); }

    enum class Input : std::uint8_t { readable, late, over };

    void read();
    Input waitReadable(Deadline deadline) const;
    void take(std::string_view line);
    void finishInput();
    void wakeReader() const;

    StdioChannel channel;
    const Config config;
    const int wake_fd;
    std::shared_ptr<MessageChannel> messages;
    std::optional<LineWriter> writer;
    std::thread reader;

    std::mutex mutex;
    bool stopping = false;
};

void StdioServer::State::read() {
    LineReader lines(config.line_bytes_max);
    Deadline line_end;  // of the line that has begun
    auto take_line = [this](LineReader::Line kind, std::string_view line) {
        switch (kind) {
            case LineReader::Line::message: return take(line);
            case LineReader::Line::too_long:
                return messages->refuse(kInvalidRequest,
                                        concat("a message is limited to ", config.line_bytes_max, " bytes"));
            case LineReader::Line::has_nul:
                return messages->refuse(kInvalidRequest, "a message must not contain NUL bytes");
        }
    };
    for (;;) {
        const Input input = waitReadable(line_end);
        if (input == Input::over) break;
        if (input == Input::late) {
            line_end = Deadline();
            lines.giveUp();
            messages->refuse(kInvalidRequest,
                             concat("a line must come to its end within ", config.line_limit.count(),
                                    " ms (limits.body_timeout_ms); what follows up to a line break is left out"));
            continue;
        }
        char* const room = lines.room();  // first: it makes the room that roomBytes() tells
        const ssize_t bytes = ::read(channel.input(), room, lines.roomBytes());
        if (bytes < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) continue;
        if (bytes <= 0) break;  // the end, or a terminal that hung up
        if (lines.taken(static_cast<std::size_t>(bytes), take_line)) line_end = Deadline();
        // Begins here, after the lines before it were taken: the time in which nothing was read is not the client's.
        if (line_end.isNever() && lines.hasPartial()) line_end = Deadline::in(config.line_limit);
    }
    lines.end(take_line);
    finishInput();
}

// Poll first: a blocking read could not be told to stop. Late is a line only when nothing more of it is there.
StdioServer::State::Input StdioServer::State::waitReadable(Deadline deadline) const {
    pollfd watched[] = {{channel.input(), POLLIN, 0}, {wake_fd, POLLIN, 0}};
    for (;;) {
        const int ready = ::poll(watched, 2, pollTimeout(deadline));
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return Input::late;
        return ready > 0 && watched[1].revents == 0 ? Input::readable : Input::over;
    }
}

void StdioServer::State::take(std::string_view line) {
    MessageBuffer message;
    message.append(line);
    if (!messages->submit(std::move(message))) messages->waitForRoom();
}

void StdioServer::State::finishInput() {
    auto told_to_stop = [this] {  // stop() does the rest then, with its own deadline
        std::lock_guard lock(mutex);
        return stopping;
    };
    if (told_to_stop()) return;
    if (config.on_input_end) config.on_input_end();
    messages->waitForBacklog();
    if (!messages->waitForNone(Deadline::in(config.end_grace), true)) {
        if (told_to_stop()) return;
        messages->cancelAll(CancelReason::client_gone);
        messages->waitForNone(Deadline::in(config.cancelled_grace), true);
    }
    if (config.on_end) config.on_end();
}

void StdioServer::State::wakeReader() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_fd, &one, sizeof one);
    assert(written == sizeof one);
}

Result<std::unique_ptr<StdioServer>> StdioServer::start(Shard& shard, StdioChannel channel, Config config,
                                                        MessageHandler& handler) {
    const int wake = ::eventfd(0, EFD_CLOEXEC);
    if (wake < 0) return Error::internal("cannot make an eventfd: ", std::strerror(errno));
    auto state = std::make_shared<State>(std::move(channel), std::move(config), wake);
    auto outbox = std::make_shared<Outbox>(state->config.queue_bytes_max, kLines);
    state->messages = MessageChannel::open(shard,
                                           {
                                               .transport = "stdio",
                                               .requests_in_flight_max = state->config.requests_in_flight_max,
                                               .standing_max = state->config.standing_max,
                                               .backlog_bytes_max = state->config.line_bytes_max,
                                               .answer_bytes_collected = state->config.answer_bytes_collected,
                                           },
                                           handler, outbox);
    state->writer.emplace(state->channel.output(), outbox, [weak = std::weak_ptr<State>(state)] {
        const auto self = weak.lock();
        if (!self) return;
        self->messages->close();
        self->wakeReader();
    });
    state->reader = std::thread([state] { state->read(); });
    return std::unique_ptr<StdioServer>(new StdioServer(std::move(state)));
}

StdioServer::StdioServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

StdioServer::~StdioServer() {
    stop(Deadline(Deadline::Clock::now()));
}

std::size_t StdioServer::requestsInFlight() const {
    return state_->messages->requestsInFlight();
}

bool StdioServer::stop(Deadline deadline) {
    if (std::exchange(stopped_, true)) return true;
    {
        std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    MessageChannel& messages = *state_->messages;
    messages.takeNoMore();
    state_->wakeReader();
    state_->reader.join();
    const bool in_time = messages.waitForNone(deadline);
    if (!in_time) {
        messages.cancelAll(CancelReason::shutdown);
        messages.waitForNone(Deadline::in(state_->config.cancelled_grace));
    }
    const Deadline flush_limit = Deadline::in(kFlushLimit);
    const bool flushed = state_->writer->stop(deadline < flush_limit ? flush_limit : deadline);
    if (!flushed) state_->channel.leak();
    return in_time && flushed;
}

}  // namespace howdah::kernel
