// What is remembered of a client between messages: requests in flight, and in the legacy era a session.
//
// Threads: any; locks are held for a look-up only, never across a call into other code that could wait.
// Source:  MCP 2025-11-25 "Transports: Session Management", "Cancellation".
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/pipeline/request.hpp"
#include "kernel/protocol/era.hpp"
#include "kernel/protocol/exchange.hpp"
#include "kernel/protocol/questions.hpp"
#include "kernel/protocol/resource_watch.hpp"
#include "kernel/protocol/stream_log.hpp"
#include "kernel/runtime/cancellation.hpp"

namespace howdah::kernel {

// The requests a peer has not had an answer to, by id.
class InFlight {
public:
    // One request, on the stack of the fiber that serves it.
    class Entry {
    public:
        Entry() = default;
        ~Entry();
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

    private:
        friend class InFlight;
        InFlight* list_ = nullptr;
        std::string_view id_;
        Cancellation* cancellation_ = nullptr;
        Entry* previous_ = nullptr;
        Entry* next_ = nullptr;
    };

    // False when that id is in flight already. `id` and `cancellation` outlive the entry.
    bool enter(Entry& entry, std::string_view id, Cancellation& cancellation);
    bool cancel(std::string_view id, CancelReason reason);
    bool cancelAll(CancelReason reason);  // false if there was nothing to cancel
    std::size_t count() const;

private:
    void leave(Entry& entry);

    mutable std::mutex mutex_;
    Entry* first_ = nullptr;
    std::size_t count_ = 0;
};

// What a session has besides when instances share it.
struct SharedPart {
    std::string instance;                       // this one
    std::unique_ptr<StreamLog::Mirror> mirror;  // of its streams
    std::mutex mutex;
    std::string sealed;                       // its record, as it was last seen in the shared kv
    std::uint64_t seen = 0;                   // how often it was
    std::atomic<std::int64_t> look_at_ns{0};  // when to look whether it is still there
    std::atomic<bool> over{false};            // ended, here or elsewhere
};

class Session {
public:
    Session(std::string session_id, Revision agreed, Client sender, Principal owner,
            std::unique_ptr<SharedPart> its_shared_part = nullptr)
        : id(std::move(session_id)),
          revision(agreed),
          client(std::move(sender)),
          principal(std::move(owner)),
          shared(std::move(its_shared_part)) {}

    const std::string id;  // "" on a duplex channel
    const Revision revision;
    const Client client;
    const Principal principal;
    const std::unique_ptr<SharedPart> shared;  // null: of this process alone
    InFlight in_flight;
    PendingQuestions questions;
    ResourceWatch watched;  // resources/subscribe
    StreamLog streams{revision, shared ? shared->instance : std::string(),
                      shared ? shared->mirror.get() : nullptr};  // HTTP
    std::atomic<std::int64_t> last_used_ns{0};
    std::atomic<std::uint32_t> log_level{1};  // info, until logging/setLevel

    bool inUse() { return in_flight.count() > 0 || streams.listening(); }
    bool belongsTo(const Principal& other) const {
        return principal.subject == other.subject && principal.tenant == other.tenant;
    }
};

// The peer at the other end of one duplex channel: a stdio pipe, a WebSocket.
class Connection {
public:
    explicit Connection(const std::shared_ptr<PeerLink>& link) : link_(link) {}

    bool isOf(const std::shared_ptr<PeerLink>& link) const {
        return !link_.owner_before(link) && !link.owner_before(link_);
    }
    bool closed() const { return link_.expired(); }
    InFlight& requests() { return in_flight_; }

    std::shared_ptr<Session> session() const;      // nullptr before initialize
    bool begin(std::shared_ptr<Session> session);  // false when there is one already
    void push(const std::string& json);            // once there is a session

private:
    const std::weak_ptr<PeerLink> link_;
    InFlight in_flight_;
    mutable std::mutex mutex_;
    std::shared_ptr<Session> session_;
};

struct SessionLimits {
    std::size_t sessions_max = 1000;                    // held by this process
    std::size_t streams_max = 8;                        // open GET streams of one session
    std::chrono::milliseconds idle_timeout{1'800'000};  // without a request or an open stream
    std::chrono::milliseconds evict_after{60'000};      // when full, one idle this long makes room
};

// The sessions of HTTP clients, by unguessable id.
class SessionStore {
public:
    explicit SessionStore(SessionLimits limits) : limits_(limits) {}

    // unavailable when full of sessions in use.
    Result<std::shared_ptr<Session>> create(Revision revision, Client client, Principal principal);
    // nullptr for an unknown or expired id, and for a session of another principal: an id is no credential.
    std::shared_ptr<Session> find(std::string_view id, const Principal& principal);
    bool end(std::string_view id, const Principal& principal);

    // --- of sessions that instances share
    // The one with that id that is held here, which may be another object. unavailable when full of sessions in use.
    Result<std::shared_ptr<Session>> hold(std::shared_ptr<Session> session);
    std::shared_ptr<Session> held(std::string_view id) const;  // whoever's it is
    void drop(std::string_view id);                            // and what it has in flight ends as cancelled

    std::vector<std::shared_ptr<Session>> all() const;
    std::size_t count() const;

private:
    bool makeRoom(std::int64_t now_ns);  // the caller holds the lock

    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    const SessionLimits limits_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Session>, Hash, std::equal_to<>> sessions_;
};

}  // namespace howdah::kernel
