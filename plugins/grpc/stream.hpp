// Stream: one client between gRPC and the kernel. gRPC's threads leave what they have here and set an event; two tasks
// (fibers of the kernel) carry it on: up() submits what the client says, down() sends what it is to hear. One message
// at a time each way, so that a slow side slows the other one down and nothing piles up here.
//
// Threads: arrived(), inputEnded(), written(), gone() any; up() and down() the task of that name.
// Owns:    one message each way, and the channel.
// Errors:  all become the end of the wire's stream, Ending and a text.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/transport.hpp>

namespace howdah::grpc_transport {

enum class Ending : std::uint8_t { ok, unauthenticated, exhausted, unavailable };

// The gRPC side of one stream.
class Wire {
public:
    virtual ~Wire() = default;
    // Ends in Stream::arrived() or inputEnded(), on any thread, perhaps before it returns.
    virtual void startRead() = 0;
    // Copies; ends in Stream::written().
    virtual void startWrite(std::string_view json) = 0;
    // The last call: the wire may be gone when it returns. `cut` drops what is not sent yet.
    virtual void finish(Ending ending, const std::string& text, bool cut) = 0;
};

class Stream {
public:
    struct Caller {
        std::string authorization;  // "" = none
        std::string address;
    };
    using SpawnDown = std::function<bool()>;  // false: the kernel has no fiber for down()

    Stream(const Host& host, Wire& wire, Caller caller, std::chrono::milliseconds stall_limit)
        : host_(host),
          wire_(wire),
          caller_(std::move(caller)),
          stall_limit_(stall_limit),
          input_changed_(host),
          output_changed_(host) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    void arrived(std::string json);
    void inputEnded();
    void written(bool ok);
    void gone();  // the client has cancelled, or its connection is lost

    void up(Context& context, const SpawnDown& spawn_down);
    void down(Context& context);
    // The task of that name will not run.
    void neverUp();
    void neverDown();

private:
    bool isGone();
    enum class Input { message, ended, over };
    Input awaitInput(Context& context, std::string& message);
    enum class Output { sent, stalled, gone };
    Output awaitWritten(Context& context);
    void endDown();
    void endSide();
    void conclude(Ending ending, std::string text, bool cut = false);

    const Host& host_;
    Wire& wire_;
    const Caller caller_;
    const std::chrono::milliseconds stall_limit_;
    Event input_changed_;   // for up()
    Event output_changed_;  // for down()

    std::mutex mutex_;
    std::optional<std::string> message_;
    bool input_ended_ = false;
    std::optional<bool> written_;
    bool gone_ = false;
    bool down_over_ = false;

    std::optional<Channel> channel_;  // set once, then
    std::atomic<bool> channel_open_{false};

    std::optional<Ending> ending_;  // the first one counts
    std::string text_;
    bool cut_ = false;
    std::atomic<int> sides_{1};  // tasks that may still use the wire
};

}  // namespace howdah::grpc_transport
