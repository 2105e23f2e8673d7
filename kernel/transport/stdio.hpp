// The stdio transport: one client, one line a message. StdioChannel takes the wire away from everybody else;
// StdioServer reads it on one plain thread, runs each message on a fiber of one shard (a client sees its messages begin
// in order) and writes on another. Beyond the bound of requests in flight they wait in a backlog of at most one line's
// limit in bytes, while notifications go on being served; only when it is full nothing more is read.
//
// Threads: StdioChannel::claim() before any other thread, start() and stop() on the thread that owns the server;
//          on_input_end and on_end are called on the reading thread, once.
// Owns:    the two descriptors, both threads and the messages in flight. Must be stopped before the runtime is.
// Errors:  claim(): internal when the system has no descriptors; a line that is not a message, and one that does not
//          come to its end in time, is answered with -32600.
// Source:  MCP 2025-11-25 and 2026-07-28, "stdio".
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include <howdah/result.hpp>

#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/deadline.hpp"

namespace howdah::kernel {

class Shard;

class StdioChannel {
public:
    // Moves descriptors 0 and 1 out of reach: from now on 0 is /dev/null and 1 is stderr, so that no plugin, library or
    // child process can write to the wire. The first statement of `serve`.
    static Result<StdioChannel> claim();
    // Takes ownership of two descriptors (tests, other pipes).
    static StdioChannel adopt(int input, int output) { return StdioChannel(input, output); }

    StdioChannel(StdioChannel&& other) noexcept;
    StdioChannel& operator=(StdioChannel&&) = delete;
    ~StdioChannel();

    int input() const { return input_; }
    int output() const { return output_; }
    void leak() { input_ = output_ = -1; }  // a thread still uses them

private:
    StdioChannel(int input, int output) : input_(input), output_(output) {}
    int input_;
    int output_;
};

class StdioServer {
public:
    struct Config {
        std::size_t line_bytes_max = 4 * 1024 * 1024;
        std::chrono::milliseconds line_limit{30'000};    // from the first byte of a line to its end
        std::size_t requests_in_flight_max = 128;        // more wait until one has ended
        std::size_t standing_max = 1000;                 // requests that only wait for what happens
        std::size_t queue_bytes_max = 1024 * 1024;       // of answers the client has not read
        std::size_t answer_bytes_collected = 64 * 1024;  // a longer answer is streamed
        std::chrono::milliseconds end_grace{500};        // for requests in flight at the end of input; then cancelled
        std::chrono::milliseconds cancelled_grace{500};  // for those to end
        // The input has ended: what only waits to tell the client something should end now, requests go on.
        std::function<void()> on_input_end;
        // The input has ended or the client is gone, and nothing is in flight any more: time to stop(), elsewhere.
        std::function<void()> on_end;
    };

    static Result<std::unique_ptr<StdioServer>> start(Shard& shard, StdioChannel channel, Config config,
                                                      MessageHandler& handler);
    ~StdioServer();  // stop() with no time to spare, if it was not stopped
    StdioServer(const StdioServer&) = delete;
    StdioServer& operator=(const StdioServer&) = delete;

    std::size_t requestsInFlight() const;

    // Stops reading, lets what is in flight finish until the deadline, cancels the rest and writes out what is queued.
    // False if the deadline cut something off.
    bool stop(Deadline deadline);

private:
    struct State;
    explicit StdioServer(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
    bool stopped_ = false;
};

}  // namespace howdah::kernel
