// SharedSessions: legacy HTTP sessions that any of several instances serves. What all must know of a session, and what
// was said on its streams, stands in a kv that they share (howdah.kv/1 of a plugin), sealed with keys that they share
// (seal_keys); who runs a call goes on running it, and what its client says elsewhere is handed to it.
//
//   session/<hash of id>                      its record, for as long as it may be idle
//   session/<hash>/answer/<question>          a client's answer that landed elsewhere, until it is taken
//   session/<hash>/<instance>.<n>/<event>     what was said on a stream, and .../end: "<last event>" or "gone"
//
// A session belongs to the principal that opened it, wherever it is used. Each instance holds those that it serves, at
// most sessions_max; one that it no longer holds is found again as long as its record stands.
//
// Threads: start() and stop() on a thread that is no shard; tell functions any; the rest on a fiber, which may wait for
//          the kv, a second at most for each step.
// Owns:    the link to the other instances, and the fibers that say elsewhere what was said there.
// Errors:  unavailable when the kv cannot be reached: a session that is not held here cannot be served then.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/host/shared_kv.hpp"
#include "kernel/protocol/errors.hpp"
#include "kernel/protocol/instance_link.hpp"
#include "kernel/protocol/session.hpp"
#include "kernel/protocol/session_record.hpp"
#include "kernel/protocol/shared_texts.hpp"
#include "kernel/protocol/stream_follower.hpp"

namespace howdah::kernel {

class SharedSessions {
public:
    // An answer to a question waits in the kv for as long as the call that asked may wait for it.
    SharedSessions(Runtime& runtime, const GenerationStore& generations, const Sealer& sealer, SessionStore& sessions,
                   SessionLimits limits, std::chrono::milliseconds answer_life)
        : kv_(generations),
          texts_(kv_, sealer),
          link_(runtime, generations, kv_, texts_),
          followers_(texts_, link_),
          sessions_(sessions),
          limits_(limits),
          answer_life_(answer_life) {}

    ~SharedSessions() { stop(); }
    void start();
    void stop();

    // Whether sessions that begin now are shared: a plugin offers a kv.
    bool offered() const { return kv_.offered(); }
    const std::string& instance() const { return link_.tag(); }

    Result<std::shared_ptr<Session>> create(Revision revision, Client client, Principal principal);
    // null when there is no such session of this principal.
    Result<std::shared_ptr<Session>> find(std::string_view id, const Principal& principal);
    // Of one that is held here: false when it has ended elsewhere. Asks from time to time only.
    bool stands(Session& session);
    // False when there is no such session of this principal.
    Result<bool> end(std::string_view id, const Principal& principal);
    // Changes what all instances know of it; false when it has ended.
    Result<bool> change(Session& session, const std::function<Result<void>(SessionRecord&)>& how);

    // --- what a client says to another instance than the one it means
    // A cancel may come too late, and who took it is not known; a refusal when it was not said at all.
    std::optional<Refusal> cancelElsewhere(const Session& session, std::string_view request_id);
    // The client's answer to a question of that id; a refusal when whoever asked it has died.
    std::optional<Refusal> handOver(const Session& session, std::string_view question_id, const std::string& answer);
    // A stream goes on here that another instance began, or this one when it held the session before.
    std::optional<Refusal> resume(const std::shared_ptr<Session>& session, std::string_view last_event_id,
                                  StreamLog::Link link);
    // A new stream of no call has been opened here: the older ones elsewhere are silent from now on.
    void listensHere(const Session& session);

    // --- [any] what all sessions are told, also those that listen at another instance
    void tellElsewhere(const std::string& json);
    void updatedElsewhere(std::string_view uri);

private:
    class StreamMirror;

    static std::string keyOf(std::string_view id);
    static std::string keyOfAnswer(std::string_view id, std::string_view question_id);
    std::int64_t lookEveryNs() const;
    std::unique_ptr<SharedPart> partOf(std::string_view id, std::string sealed);
    Result<SessionRecord> read(std::string_view id, const std::string& sealed) const;
    Result<bool> renew(Session& session);
    Result<bool> takeRecord(Session& session);
    std::optional<Refusal> takeOver(Session& session, const StreamLog::Position& position, StreamLog::Link link);
    void hear(const Json& message);
    void takeAnswer(const std::shared_ptr<Session>& session, const std::string& question_id);
    void tellUpdated(const std::string& uri);
    void noteWritten(const Result<void>& written);
    void lookAgain();
    void keepThoseInUse();

    const SharedKv kv_;
    const SharedTexts texts_;
    InstanceLink link_;
    StreamFollowers followers_;
    SessionStore& sessions_;
    const SessionLimits limits_;
    const std::chrono::milliseconds answer_life_;
    std::atomic<std::int64_t> kept_at_ns_{0};  // when those in use were kept last; 0 = it is time
    // Of all sessions: one that is let go of and found again begins no second stream of a number. The name of the
    // instance is new with each start.
    std::atomic<StreamLog::Number> last_stream_{0};
    std::atomic<bool> has_warned_{false};
    bool started_ = false;
};

}  // namespace howdah::kernel
