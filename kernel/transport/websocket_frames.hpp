// WebSocket frames: what a server sends, and what it takes from a client's bytes.
//
// WebSocketReader is fed bytes as they come and gives whole text messages and control frames. It trusts no length it
// has not received: a message costs what has arrived of it.
//
// Threads: one at a time.
// Owns:    the message that is not whole yet, within its limits.
// Errors:  Got::fault with the close code and what to tell the peer; nothing can be read after it.
// Source:  RFC 6455, sections 5, 7.4 and 8.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/transport/message_buffer.hpp"
#include "kernel/transport/outbox.hpp"

namespace howdah::kernel {

namespace websocket {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupportedData = 1003;
inline constexpr std::uint16_t kInvalidPayload = 1007;
inline constexpr std::uint16_t kPolicyViolation = 1008;
inline constexpr std::uint16_t kMessageTooBig = 1009;
inline constexpr std::uint16_t kUnauthorized = 3000;  // IANA, "WebSocket Close Code Number Registry"

inline constexpr std::size_t kControlBytesMax = 125;

// One frame of a server: not masked.
void appendFrame(std::string& out, Opcode opcode, bool final, std::string_view payload);
// `code` 0: without one, as an answer to a close frame that had none. A reason that does not fit is cut.
std::string closeFrame(std::uint16_t code, std::string_view reason = {});

}  // namespace websocket

// One text message a JSON-RPC message; pieces are fragments.
class WebSocketFraming final : public MessageFraming {
public:
    void appendWhole(std::string& out, std::string_view json) const override;
    void appendPiece(std::string& out, std::string_view bytes, bool first) const override;
    void appendEnd(std::string& out, bool first) const override;
};
inline const WebSocketFraming kWebSocketFrames;

class WebSocketReader {
public:
    struct Limits {
        std::size_t message_bytes_max = 4 * 1024 * 1024;
        std::size_t fragments_max = 1024;  // frames of one message
    };
    enum class Got : std::uint8_t { nothing, message, ping, pong, close, fault };

    explicit WebSocketReader(Limits limits) : limits_(limits) {}

    // Takes bytes from the front until there is something to tell; `nothing` once all are taken.
    Got next(std::string_view& bytes);

    MessageBuffer takeMessage();                  // after `message`
    std::string_view control() const;             // after `ping`, `pong`: the payload
    std::uint16_t code() const { return code_; }  // after `close`: the peer's, 0 for none; after `fault`: ours
    std::string_view fault() const { return fault_; }
    // Of a message or a control frame there is a part, and not all.
    bool isWaiting() const { return fragments_ > 0 || in_payload_ || header_size_ > 0; }

private:
    bool takeHeader(std::string_view& bytes);  // true when it is whole
    Got beginFrame();
    Got beginData(bool first);
    void takePayload(std::string_view& bytes);
    Got endFrame();
    Got endClose();
    Got fail(std::uint16_t code, std::string text);

    const Limits limits_;
    unsigned char header_[14];
    std::size_t header_size_ = 0;
    bool in_payload_ = false;
    std::uint64_t payload_left_ = 0;
    std::size_t mask_at_ = 0;
    websocket::Opcode opcode_ = websocket::Opcode::text;
    bool final_ = false;

    MessageBuffer message_;
    std::size_t fragments_ = 0;  // of the message so far; 0 = none has begun
    char control_[websocket::kControlBytesMax];
    std::size_t control_size_ = 0;
    std::uint16_t code_ = 0;
    std::string fault_;
};

}  // namespace howdah::kernel
