// One connection to PostgreSQL: libpq in non-blocking pipeline mode, waited for on the shard that holds it.
//
// Extended protocol only. Every function that waits parks the calling fiber and ends with the deadline or the request.
//
// Threads: one fiber at a time; may change shard between statements (attach()), never during one.
// Owns:    the PGconn, its descriptor's watch and the statements prepared on it.
// Source:  PostgreSQL manual, libpq, "Pipeline Mode" and "Asynchronous Command Processing".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <libpq-fe.h>

#include <howdah/waiting.hpp>

#include "cancel_request.hpp"
#include "metered_input.hpp"
#include "parameters.hpp"
#include "statement_cache.hpp"

namespace howdah::pool {

struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;

// A second descriptor of libpq's socket. libpq closes its own by itself when the server goes; a watch on that number
// could then end up on whatever another thread opens next.
class WatchedDescriptor {
public:
    explicit WatchedDescriptor(int libpq_descriptor);
    WatchedDescriptor(WatchedDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    WatchedDescriptor& operator=(WatchedDescriptor&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~WatchedDescriptor();
    int get() const { return descriptor_; }
    // Nothing more will come: what has arrived is read and thrown away.
    bool hasEnded() const;

private:
    int descriptor_;
};

// What connecting gives.
struct Made {
    PgPtr pg;  // connected, non-blocking and in pipeline mode
    CancelKey cancel_key;
    // What is set or prepared on it stays on it; false behind a transaction pooler.
    bool owns_session = true;
    std::int64_t certificate_until_s = 0;  // of the server's certificate, seconds since 1970; 0 = there is none
};

// How a wait ended. too_large: more bytes came without completing a row than the caller allows.
enum class Wait { ready, timeout, cancelled, broken, too_large };

class Connection {
public:
    Connection(Made made, std::size_t statements_max, std::uint64_t now_ns, std::uint64_t expires_ns);

    // Says goodbye. What is left of it becomes readable at its end when the server has let it go.
    static WatchedDescriptor finish(std::unique_ptr<Connection> connection);

    // Makes this shard the one that waits for it.
    Result<void> attach(const Context& context);
    // No shard does any more.
    void detach() { socket_.release(); }
    // Anything a server says to an idle connection means its end; so does a closed socket. One system call, no wait.
    bool looksAlive() const;
    // A round trip that runs nothing.
    Wait ping(const Context& context, std::uint64_t deadline_ns);

    // Queue, do not wait; false when the connection is broken. An empty name is the unnamed statement.
    bool prepare(const std::string& name, const std::string& text, const Parameters& parameters);
    bool describe(const std::string& name);
    bool executePrepared(const std::string& name, const Parameters& parameters);
    bool execute(const std::string& text, const Parameters& parameters);
    bool sync();

    // Sends what is queued.
    Wait flush(const Context& context, std::uint64_t deadline_ns);
    // Until take() has something to give.
    Wait await(const Context& context, std::uint64_t deadline_ns, std::uint64_t row_bytes_max = UINT64_MAX);
    // Until the server has said something that nobody asked for, which libpq then has read.
    Wait hear(const Context& context, std::uint64_t deadline_ns);
    // Null at the end of one statement's results.
    ResultPtr take();
    // The rows of the statement whose results come next arrive one by one.
    void takeRowsSingly() { PQsetSingleRowMode(pg_.get()); }
    // Throws away what still comes, up to the last sync; sets *failed if a statement did.
    Wait drain(const Context& context, std::uint64_t deadline_ns, bool* failed = nullptr);

    bool isIdle() const { return PQtransactionStatus(pg_.get()) == PQTRANS_IDLE && unanswered_syncs_ == 0; }
    PGconn* raw() const { return pg_.get(); }
    CancelKey cancelKey() const { return cancel_key_; }
    // Which of several hosts it leads to: connections with the same one go down together.
    const std::string& server() const { return server_; }
    bool isOnStandby() const;
    bool ownsSession() const { return owns_session_; }
    bool namesStatements() const { return owns_session_ && statements_.entriesMax() > 0; }
    StatementCache& statements() { return statements_; }

    std::uint32_t shard() const { return shard_; }
    std::uint64_t lastUsedNs() const { return last_used_ns_; }
    void noteUse(std::uint64_t now_ns) { last_used_ns_ = now_ns; }
    std::uint64_t expiresNs() const { return expires_ns_; }
    bool isFresh() const { return uses_ <= 1; }
    bool isUnused() const { return uses_ == 0; }
    void countUse() { ++uses_; }

    // A write may leave more behind than its rows (settings, locks, temporary tables): the session must be made ours
    // again before somebody else has it.
    bool needsReset() const { return needs_reset_; }
    void setNeedsReset(bool needs) { needs_reset_ = needs; }

    // Not to be lent again.
    bool isCondemned() const { return condemned_; }
    void condemn() { condemned_ = true; }

private:
    bool mayQueue();  // libpq writes to the server's socket again, if it read through metered_

    PgPtr pg_;
    WatchedDescriptor descriptor_;
    MeteredInput metered_;
    Socket socket_;  // last of these: let go before the descriptor is closed
    CancelKey cancel_key_;
    std::string server_;
    bool owns_session_;
    StatementCache statements_;
    std::uint32_t shard_ = UINT32_MAX;
    std::uint32_t unanswered_syncs_ = 0;
    bool nothing_read_ = true;  // since the last sync was queued: libpq holds no part of a row
    std::uint64_t uses_ = 0;
    bool needs_reset_ = false;
    bool condemned_ = false;
    std::uint64_t last_used_ns_;
    std::uint64_t expires_ns_;
};

}  // namespace howdah::pool
