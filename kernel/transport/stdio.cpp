#include "kernel/transport/stdio.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/transport/http_response.hpp"
#include "kernel/transport/line_reader.hpp"
#include "kernel/transport/line_writer.hpp"
#include "kernel/transport/stdio_backlog.hpp"
#include "kernel/transport/stdio_reply.hpp"

namespace howdah::kernel {

namespace {

constexpr int kInvalidRequest = -32600;
constexpr int kInternalError = -32603;
// Notifications served beside a full number of requests. They take no time, so the reading thread may wait for one.
constexpr std::size_t kNotificationsMax = 64;
// At least this long for what is queued to be written, however late the deadline came.
constexpr std::chrono::milliseconds kFlushLimit{500};

class StdioPeer final : public PeerLink {
public:
    explicit StdioPeer(std::weak_ptr<LineWriter> writer) : writer_(std::move(writer)) {}
    bool push(std::string json) override {
        const auto writer = writer_.lock();
        return writer && writer->push(json);
    }

private:
    const std::weak_ptr<LineWriter> writer_;
};

}  // namespace

// Shared with the fibers in flight, which may end after the server has given up on them.
struct StdioServer::State : std::enable_shared_from_this<State> {
    State(Shard& its_shard, StdioChannel its_channel, Config its_config, MessageHandler& its_handler, int its_wake)
        : shard(its_shard),
          channel(std::move(its_channel)),
          config(std::move(its_config)),
          handler(its_handler),
          wake_fd(its_wake),
          backlog(config.line_bytes_max) {}
    ~State() { ::close(wake_fd); }

    void read();
    bool waitReadable() const;
    void take(std::string_view line);
    void takeInTurn(MessageBuffer message);
    void refuse(int code, std::string_view message);
    using Count = std::size_t State::*;
    void launch(MessageBuffer message, Count count);  // [locked]
    void launchWaiting();                             // [locked]
    void serve(const MessageBuffer& message);
    void ended(Count count);
    void finishInput();
    void cancelAll(CancelReason reason);
    void wakeReader();
    bool isOver() const { return stopping || gone; }                       // [locked]
    std::size_t servedCount() const { return in_flight + notifications; }  // [locked]
    bool waitForNone(Deadline deadline, bool or_stopping);

    Shard& shard;
    StdioChannel channel;
    const Config config;
    MessageHandler& handler;
    const int wake_fd;
    std::shared_ptr<LineWriter> writer;
    std::shared_ptr<PeerLink> peer;
    std::thread reader;

    mutable std::mutex mutex;
    std::condition_variable changed;
    std::size_t in_flight = 0;
    std::size_t notifications = 0;                             // served beyond the bound of in_flight
    StdioBacklog backlog;                                      // holds messages only while in_flight is at its bound
    std::vector<std::shared_ptr<Cancellation>> cancellations;  // of the messages whose fiber has begun
    bool stopping = false;
    bool gone = false;
};

// The reading thread --------------------------------------------------------------------------------------------------

void StdioServer::State::read() {
    LineReader lines(config.line_bytes_max);
    auto take_line = [this](LineReader::Line kind, std::string_view line) {
        switch (kind) {
            case LineReader::Line::message: return take(line);
            case LineReader::Line::too_long:
                return refuse(kInvalidRequest, concat("a message is limited to ", config.line_bytes_max, " bytes"));
            case LineReader::Line::has_nul: return refuse(kInvalidRequest, "a message must not contain NUL bytes");
        }
    };
    while (waitReadable()) {
        char* const room = lines.room();  // first: it makes the room that roomBytes() tells
        const ssize_t bytes = ::read(channel.input(), room, lines.roomBytes());
        if (bytes < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) continue;
        if (bytes <= 0) break;  // the end, or a terminal that hung up
        lines.taken(static_cast<std::size_t>(bytes), take_line);
    }
    lines.end(take_line);
    finishInput();
}

// Poll first: a blocking read could not be told to stop.
bool StdioServer::State::waitReadable() const {
    pollfd watched[] = {{channel.input(), POLLIN, 0}, {wake_fd, POLLIN, 0}};
    for (;;) {
        const int ready = ::poll(watched, 2, -1);
        if (ready < 0 && errno == EINTR) continue;
        return ready > 0 && watched[1].revents == 0;
    }
}

void StdioServer::State::take(std::string_view line) {
    MessageBuffer message;
    message.append(line);
    {
        std::lock_guard lock(mutex);
        if (isOver()) return;
        if (in_flight < config.requests_in_flight_max && backlog.empty())
            return launch(std::move(message), &State::in_flight);
    }
    takeInTurn(std::move(message));
}

// As many requests are served as may be. Reading goes on, else nothing could end one of them: a notification passes,
// what it takes back and has not begun never will.
void StdioServer::State::takeInTurn(MessageBuffer message) {
    StdioTurn turn = StdioTurn::of(message);
    std::unique_lock lock(mutex);
    if (!turn.waits) {
        if (!turn.cancels.empty()) backlog.drop(turn.cancels);
        changed.wait(lock, [this] { return notifications < kNotificationsMax || isOver(); });
        if (!isOver()) launch(std::move(message), &State::notifications);
        return;
    }
    changed.wait(lock, [&] { return backlog.hasRoomFor(message) || isOver(); });
    if (isOver()) return;
    backlog.add(std::move(message), std::move(turn.id));
    launchWaiting();  // a request may have ended meanwhile
}

// Posted under the lock: a notification must come to the shard after the request it takes back.
void StdioServer::State::launch(MessageBuffer message, Count count) {
    ++(this->*count);
    shard.post([self = shared_from_this(), message = std::move(message), count]() mutable {
        auto job = [self, moved = std::move(message), count] {
            self->serve(moved);
            self->ended(count);
        };
        if (self->shard.spawn(std::move(job), "stdio")) return;
        self->refuse(kInternalError, "too many requests are being served, try again later");
        self->ended(count);
    });
}

void StdioServer::State::launchWaiting() {
    while (!backlog.empty() && in_flight < config.requests_in_flight_max)
        launch(backlog.next(), &State::in_flight);
}

// Dropped when the client reads nothing: it is told about a message it has to look into anyway.
void StdioServer::State::refuse(int code, std::string_view message) {
    static_cast<void>(writer->push(jsonRpcError(code, message)));
}

void StdioServer::State::finishInput() {
    auto told_to_stop = [this] {  // stop() does the rest then, with its own deadline
        std::lock_guard lock(mutex);
        return stopping;
    };
    if (told_to_stop()) return;
    if (config.on_input_end) config.on_input_end();
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return backlog.empty() || isOver(); });
    }
    if (!waitForNone(Deadline::in(config.end_grace), true)) {
        if (told_to_stop()) return;
        cancelAll(CancelReason::client_gone);
        waitForNone(Deadline::in(config.cancelled_grace), true);
    }
    if (config.on_end) config.on_end();
}

// The fibers ----------------------------------------------------------------------------------------------------------

void StdioServer::State::serve(const MessageBuffer& message) {
    const auto cancellation = Cancellation::create(shard);
    {
        std::lock_guard lock(mutex);
        cancellations.push_back(cancellation);
        if (gone) cancellation->cancel(CancelReason::client_gone);
    }
    Inbound inbound;
    inbound.transport = "stdio";
    inbound.body = message.text();
    inbound.cancellation = cancellation.get();
    inbound.peer = peer;
    {
        StdioReply reply(*writer, config.answer_bytes_collected);
        handler.handle(inbound, reply);
        static_cast<void>(reply.finish());  // fails only when nobody is there to be told
    }
    std::lock_guard lock(mutex);
    cancellations.erase(std::find(cancellations.begin(), cancellations.end(), cancellation));
}

void StdioServer::State::ended(Count count) {
    std::lock_guard lock(mutex);
    --(this->*count);
    launchWaiting();
    changed.notify_all();
}

void StdioServer::State::cancelAll(CancelReason reason) {
    std::lock_guard lock(mutex);
    backlog.clear();
    for (const auto& cancellation : cancellations)
        cancellation->cancel(reason);
}

void StdioServer::State::wakeReader() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_fd, &one, sizeof one);
    assert(written == sizeof one);
}

bool StdioServer::State::waitForNone(Deadline deadline, bool or_stopping) {
    std::unique_lock lock(mutex);
    auto none = [&] { return servedCount() == 0 || (or_stopping && stopping); };
    if (deadline.isNever()) {
        changed.wait(lock, none);
    } else {
        changed.wait_until(lock, deadline.at(), none);
    }
    return servedCount() == 0;
}

// The server ----------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<StdioServer>> StdioServer::start(Shard& shard, StdioChannel channel, Config config,
                                                        MessageHandler& handler) {
    const int wake = ::eventfd(0, EFD_CLOEXEC);
    if (wake < 0) return Error::internal("cannot make an eventfd: ", std::strerror(errno));
    auto state = std::make_shared<State>(shard, std::move(channel), std::move(config), handler, wake);
    state->writer = std::make_shared<LineWriter>(state->channel.output(), state->config.queue_bytes_max,
                                                 [weak = std::weak_ptr<State>(state)] {
                                                     const auto self = weak.lock();
                                                     if (!self) return;
                                                     {
                                                         std::lock_guard lock(self->mutex);
                                                         self->gone = true;
                                                         self->backlog.clear();
                                                         self->changed.notify_all();
                                                     }
                                                     self->cancelAll(CancelReason::client_gone);
                                                     self->wakeReader();
                                                 });
    state->peer = std::make_shared<StdioPeer>(state->writer);
    state->reader = std::thread([state] { state->read(); });
    return std::unique_ptr<StdioServer>(new StdioServer(std::move(state)));
}

StdioServer::StdioServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

StdioServer::~StdioServer() {
    stop(Deadline(Deadline::Clock::now()));
}

std::size_t StdioServer::requestsInFlight() const {
    std::lock_guard lock(state_->mutex);
    return state_->in_flight;
}

bool StdioServer::stop(Deadline deadline) {
    if (std::exchange(stopped_, true)) return true;
    {
        std::lock_guard lock(state_->mutex);
        state_->stopping = true;
        state_->backlog.clear();
        state_->changed.notify_all();
    }
    state_->wakeReader();
    state_->reader.join();
    bool in_time = state_->waitForNone(deadline, false);
    if (!in_time) {
        state_->cancelAll(CancelReason::shutdown);
        state_->waitForNone(Deadline::in(state_->config.cancelled_grace), false);
    }
    const Deadline flush_limit = Deadline::in(kFlushLimit);
    const bool flushed = state_->writer->stop(deadline < flush_limit ? flush_limit : deadline);
    if (!flushed) state_->channel.leak();
    return in_time && flushed;
}

}  // namespace howdah::kernel
