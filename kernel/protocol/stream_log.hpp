// StreamLog: the event streams of one session (HTTP, since 2025-03-26), and what was said on them, so that a client
// whose connection broke can come back for the rest. Resuming is always a GET that names the last event the client has
// seen; the events after it are said again, and the stream goes on there.
//
// Threads: any; a lock is held while a message is put into the queue of a stream, never while one is sent.
// Owns:    the last events of the session, up to a bound; links of streams that are open (holding one keeps it open).
//
// A session that instances share has a log on each of them, and each of its streams belongs to the instance that began
// it: ids are <instance>.<number>[.<request>]-<event>, where else they are <number>-<event>, and a Mirror writes each
// event where the others find it. The id of the request stands in those of an answer, so that any instance can end a
// call whose own instance has died.
// Source:  MCP 2025-03-26 to 2025-11-25 "Transports: Resumability and Redelivery", "Multiple Connections".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/protocol/era.hpp"
#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/cancellation.hpp"

namespace howdah::kernel {

class StreamLog {
public:
    using Number = std::uint64_t;
    // `gone` tells when the stream's client went away; nullptr: only a failed push will.
    struct Link {
        std::shared_ptr<PeerLink> peer;
        std::shared_ptr<Cancellation> gone;
        bool open() const { return peer && !(gone && gone->requested()); }
    };

    // Told of what is put on the log, under its lock: must not wait. `followed`: another instance says it on.
    class Mirror {
    public:
        virtual ~Mirror() = default;
        // Of a new stream: greater with each, and never one that this instance has given, in whichever session or log.
        virtual Number nextStream() = 0;
        virtual void said(Number stream, std::uint64_t event, const std::string& json, bool followed) = 0;
        virtual void ended(Number stream, std::uint64_t last_event, bool followed) = 0;
        virtual void forgot(Number stream, std::uint64_t event) = 0;
    };
    // What an id names; the request is JSON text, "" for a stream of no call.
    struct Position {
        std::string instance;
        Number stream = 0;
        std::string request;
        std::uint64_t event = 0;
        std::string stream_name;  // the id without its event
    };
    static std::optional<Position> positionOf(std::string_view event_id);

    explicit StreamLog(Revision revision) : revision_(revision) {}
    // Of a session that instances share; the mirror outlives the log.
    StreamLog(Revision revision, std::string instance, Mirror* mirror)
        : revision_(revision), instance_(std::move(instance)), mirror_(mirror) {}

    static constexpr std::size_t kBytesMax = 256u << 10;  // of the events of one session
    static constexpr std::size_t kStreamsMax = 64;        // that can be resumed

    // --- the answer of a call. Event 0 primes the client, append() makes the others in order. 0 when it cannot be
    // resumed.
    Number beginAnswer(std::string_view request_id);
    std::string nameOf(Number number);  // its ids without their event
    void append(Number number, std::string json);
    void finishAnswer(Number number, std::string json);  // its last event
    bool continuesElsewhere(Number number);              // its client came back: its connection is no longer used

    // --- what belongs to no call
    bool listen(Link link, std::size_t limit);  // a GET; false when `limit` are open
    bool listening();
    // On one open stream only, the newest that takes it (the same message must not go to several). When all have
    // broken, the newest keeps it for its client. False when there is none.
    bool push(const std::string& json);

    enum class Resumed : std::uint8_t { yes, unknown, forgotten, elsewhere };
    // `elsewhere`: what is to be said stands in what instances share, and nothing was done. It belongs to another
    // instance, has moved to one, or is of a time when this one held the session before.
    Resumed resume(std::string_view last_event_id, Link link);

    // --- from another instance
    // Its client came back there and has seen the events up to that one: the mirror is told those behind it again, as
    // what it was told may not have been kept, and from now on tells at once. False when they are not on the log.
    bool follow(Number number, std::string_view request, std::uint64_t after_event);
    // Its client listens there. What has been said since that event of that stream, to be said there too. Streams that
    // are open here stay so, and silent: closed, a client of two would open each anew in turn and never come to rest.
    std::vector<std::string> moveAway(Number number, std::uint64_t after_event);

private:
    struct Event {
        std::uint64_t number;
        std::string json;
    };
    struct Stream {
        bool listens = false;
        bool finished = false;
        bool moved = false;  // its client listens at another instance
        bool elsewhere = false;
        bool followed = false;
        std::string request;  // as it stands in ids, with its dot
        std::uint64_t next = 1;
        std::uint64_t forgotten = 0;  // events up to this one are no longer kept
        std::vector<Event> events;
        Link link;
    };

    Number nextNumber();  // the caller holds the lock, here and below
    bool say(Number number, Stream& stream, std::string json);
    void makeRoom();
    void forgetFinished();
    std::string idOf(Number number, const Stream& stream, std::uint64_t event) const;

    const Revision revision_;
    const std::string instance_;  // "" = the session is of this process alone
    Mirror* const mirror_ = nullptr;
    std::mutex mutex_;
    std::map<Number, Stream> streams_;
    Number last_ = 0;  // where there is no mirror to ask
    std::size_t bytes_ = 0;
};

}  // namespace howdah::kernel
