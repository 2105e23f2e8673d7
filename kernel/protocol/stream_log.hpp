// StreamLog: the event streams of one session (HTTP, 2025-11-25), and what was said on them, so that a client whose
// connection broke can come back for the rest. Resuming is always a GET that names the last event the client has seen;
// the events after it are said again, and the stream goes on there.
//
// Threads: any; a lock is held while a message is put into the queue of a stream, never while one is sent.
// Owns:    the last events of the session, up to a bound; links of streams that are open (holding one keeps it open).
// Source:  MCP 2025-11-25 "Transports: Resumability and Redelivery", "Multiple Connections".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

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

    // Clients of 2025-11-25 are given an id before the first message of a stream.
    explicit StreamLog(bool primes) : primes_(primes) {}

    static constexpr std::size_t kBytesMax = 256u << 10;  // of the events of one session
    static constexpr std::size_t kStreamsMax = 64;        // that can be resumed

    // --- the answer of a call. Event 0 primes the client, append() makes the others in order. 0 when it cannot be
    // resumed.
    Number beginAnswer();
    void append(Number stream, std::string json);
    void finishAnswer(Number stream, std::string json);  // its last event
    bool continuesElsewhere(Number stream);              // its client came back: its connection is no longer used

    // --- what belongs to no call
    bool listen(Link link, std::size_t limit);  // a GET; false when `limit` are open
    bool listening();
    // On one open stream only, the newest that takes it (the same message must not go to several). When all have
    // broken, the newest keeps it for its client. False when there is none.
    bool push(const std::string& json);

    enum class Resumed : std::uint8_t { yes, unknown, forgotten };
    Resumed resume(std::string_view last_event_id, Link link);

private:
    struct Event {
        std::uint64_t number;
        std::string json;
    };
    struct Stream {
        bool listens = false;
        bool finished = false;
        bool elsewhere = false;
        std::uint64_t next = 1;
        std::uint64_t forgotten = 0;  // events up to this one are no longer kept
        std::vector<Event> events;
        Link link;
    };

    bool say(Number number, Stream& stream, std::string json);  // the caller holds the lock, here and below
    void makeRoom();
    void forgetFinished();
    static std::string idOf(Number stream, std::uint64_t event);

    const bool primes_;
    std::mutex mutex_;
    std::map<Number, Stream> streams_;
    Number last_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace howdah::kernel
