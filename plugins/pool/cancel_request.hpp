// Asks a server to end what a connection runs: a connection of its own, on which nothing but a CancelRequest is sent.
//
// Not PQcancel(): that of libpq 15 waits without a limit, and sends the key in clear text where the connection it
// belongs to is encrypted. Here libpq makes the second connection, with the encryption and the checks of the first, up
// to the point where it would send its startup packet; the request goes in its place. (ADR 19.)
//
// Threads: make() where the connection is used; deliver() on a worker thread.
// Source:  PostgreSQL manual, protocol flow, "Canceling Requests in Progress".
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <libpq-fe.h>

namespace howdah::pool {

struct FinishConnection {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};
using PgPtr = std::unique_ptr<PGconn, FinishConnection>;

// What the server gave the connection to name it by. libpq tells the process, but not the secret: it is taken from the
// messages libpq shows while it connects.
struct CancelKey {
    std::int32_t process = 0;
    std::int32_t secret = 0;
    bool encrypted = false;  // so the key was told; libpq forgets it when the connection breaks
    bool isKnown() const { return process != 0; }
};

// Listens to what a connection is told while it is made. Nothing else of it is kept.
class CancelKeyListener {
public:
    explicit CancelKeyListener(PGconn* connection);
    CancelKeyListener(const CancelKeyListener&) = delete;
    CancelKeyListener& operator=(const CancelKeyListener&) = delete;
    ~CancelKeyListener();

    CancelKey finish();  // ends the listening

private:
    PGconn* connection_;
    char* text_ = nullptr;
    std::size_t size_ = 0;
    std::FILE* stream_;
};

class CancelRequest {
public:
    using Clock = std::chrono::steady_clock;

    // Nothing where a cancel cannot be sent as the key was told: it is not known, the connection is encrypted by
    // GSSAPI, or it has broken.
    static std::optional<CancelRequest> make(PGconn* connection, CancelKey key);

    // True when the server has taken it. Blocks until then or the deadline.
    bool deliver(Clock::time_point deadline) const;

private:
    std::vector<std::pair<std::string, std::string>> parameters_;
    CancelKey key_;
    bool encrypted_ = false;
};

// Waits in slices until the connection's socket is ready for these poll() events; false when the time is over.
bool pollSocket(int descriptor, short events, CancelRequest::Clock::time_point deadline,
                const std::function<bool()>& is_over);

}  // namespace howdah::pool
