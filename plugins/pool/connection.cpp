#include "connection.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace howdah::pool {
namespace {

Wait ended(howdah_status status) {
    if (status == HOWDAH_ERROR_TIMEOUT) return Wait::timeout;
    if (status == HOWDAH_ERROR_CANCELLED) return Wait::cancelled;
    return Wait::broken;
}

}  // namespace

WatchedDescriptor::WatchedDescriptor(int libpq_descriptor) : descriptor_(fcntl(libpq_descriptor, F_DUPFD_CLOEXEC, 0)) {}

WatchedDescriptor::~WatchedDescriptor() {
    if (descriptor_ >= 0) close(descriptor_);
}

bool WatchedDescriptor::hasEnded() const {
    char rest[4096];
    ssize_t got = 0;
    do {
        // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): it never waits
        got = recv(descriptor_, rest, sizeof rest, MSG_DONTWAIT);
    } while (got > 0 || (got < 0 && errno == EINTR));
    return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

Connection::Connection(Made made, std::size_t statements_max, std::uint64_t now_ns, std::uint64_t expires_ns)
    : pg_(std::move(made.pg)),
      descriptor_(PQsocket(pg_.get())),
      metered_(descriptor_.get()),
      cancel_key_(made.cancel_key),
      owns_session_(made.owns_session),
      statements_(statements_max),
      last_used_ns_(now_ns),
      expires_ns_(expires_ns) {
    for (const char* part : {PQhost(pg_.get()), PQhostaddr(pg_.get()), PQport(pg_.get())})
        server_ += concat(server_.empty() ? "" : " ", part ? part : "");
}

WatchedDescriptor Connection::finish(std::unique_ptr<Connection> connection) {
    connection->detach();
    (void)connection->mayQueue();  // the goodbye goes to the server's socket
    connection->pg_.reset();
    // libpq has closed its descriptor, but ours keeps the connection open; a server that is busy looks for its end.
    shutdown(connection->descriptor_.get(), SHUT_WR);
    return std::move(connection->descriptor_);
}

bool Connection::isOnStandby() const {
    const char* value = PQparameterStatus(pg_.get(), "in_hot_standby");  // told since PostgreSQL 14
    return value && std::string_view(value) == "on";
}

Result<void> Connection::attach(const Context& context) {
    std::uint32_t here = context.host().reactor().shard(context.raw());
    if (socket_ && shard_ == here) return {};
    socket_.release();
    auto adopted = Socket::adopt(context, descriptor_.get());
    if (!adopted) return std::move(adopted).error();
    socket_ = std::move(*adopted);
    shard_ = here;
    return {};
}

bool Connection::looksAlive() const {
    char byte = 0;
    ssize_t got = recv(descriptor_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

Wait Connection::ping(const Context& context, std::uint64_t deadline_ns) {
    if (!sync()) return Wait::broken;
    Wait sent = flush(context, deadline_ns);
    return sent == Wait::ready ? drain(context, deadline_ns) : sent;
}

bool Connection::mayQueue() {
    return !metered_.isActive() || metered_.leave(pg_.get());
}

bool Connection::prepare(const std::string& name, const std::string& text, const Parameters& parameters) {
    const Oid* types = parameters.anyTyped() ? parameters.types() : nullptr;
    int count = types ? parameters.count() : 0;
    return mayQueue() && PQsendPrepare(pg_.get(), name.c_str(), text.c_str(), count, types) == 1;
}

bool Connection::describe(const std::string& name) {
    return mayQueue() && PQsendDescribePrepared(pg_.get(), name.c_str()) == 1;
}

bool Connection::executePrepared(const std::string& name, const Parameters& parameters) {
    return mayQueue() && PQsendQueryPrepared(pg_.get(), name.c_str(), parameters.count(), parameters.values(), nullptr,
                                             nullptr, 0) == 1;
}

bool Connection::execute(const std::string& text, const Parameters& parameters) {
    const Oid* types = parameters.anyTyped() ? parameters.types() : nullptr;
    return mayQueue() && PQsendQueryParams(pg_.get(), text.c_str(), parameters.count(), types, parameters.values(),
                                           nullptr, nullptr, 0) == 1;
}

bool Connection::sync() {
    if (!mayQueue() || PQpipelineSync(pg_.get()) != 1) return false;
    ++unanswered_syncs_;
    nothing_read_ = true;
    return true;
}

Wait Connection::flush(const Context& context, std::uint64_t deadline_ns) {
    for (;;) {
        int left = PQflush(pg_.get());
        if (left == 0) return Wait::ready;
        if (left < 0) return Wait::broken;
        // The server may be waiting for us to read before it reads on: both directions are served.
        howdah_status ready = socket_.wait(context, HOWDAH_READABLE | HOWDAH_WRITABLE, deadline_ns);
        if (ready < 0) return ended(ready);
        if (ready & HOWDAH_READABLE) {
            nothing_read_ = false;
            if (PQconsumeInput(pg_.get()) == 0) return Wait::broken;
        }
    }
}

Wait Connection::await(const Context& context, std::uint64_t deadline_ns, std::uint64_t row_bytes_max) {
    std::uint64_t arrived = 0;
    while (PQisBusy(pg_.get())) {
        howdah_status ready = socket_.wait(context, HOWDAH_READABLE, deadline_ns);
        if (ready < 0) return ended(ready);
        // A short answer comes in one read. From the second on libpq may hold the beginning of a row of any size, so
        // the bytes are counted.
        if (nothing_read_) {
            nothing_read_ = false;
            if (PQconsumeInput(pg_.get()) == 0) return Wait::broken;
            continue;
        }
        if (!metered_.isActive() && !metered_.enter(pg_.get())) return Wait::broken;
        std::int64_t carried = metered_.carry(pg_.get());
        if (carried < 0) return Wait::broken;
        arrived += static_cast<std::uint64_t>(carried);
        if (arrived > row_bytes_max && PQisBusy(pg_.get())) return Wait::too_large;
    }
    return Wait::ready;
}

Wait Connection::hear(const Context& context, std::uint64_t deadline_ns) {
    if (!mayQueue()) return Wait::broken;  // libpq reads from the server's socket again
    const howdah_status ready = socket_.wait(context, HOWDAH_READABLE, deadline_ns);
    if (ready < 0) return ended(ready);
    return PQconsumeInput(pg_.get()) == 1 ? Wait::ready : Wait::broken;
}

ResultPtr Connection::take() {
    ResultPtr result(PQgetResult(pg_.get()));
    if (result && PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) --unanswered_syncs_;
    return result;
}

Wait Connection::drain(const Context& context, std::uint64_t deadline_ns, bool* failed) {
    while (unanswered_syncs_ > 0) {
        Wait wait = await(context, deadline_ns);
        if (wait != Wait::ready) return wait;
        ResultPtr result = take();
        if (PQstatus(pg_.get()) != CONNECTION_OK) return Wait::broken;
        if (result && failed) *failed = *failed || PQresultStatus(result.get()) == PGRES_FATAL_ERROR;
    }
    return Wait::ready;
}

}  // namespace howdah::pool
