// A raw WebSocket client: sends frames as they are told, well formed or not, and reads frames. Every wait ends after
// 20 s.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "http_client.hpp"

namespace howdah::kernel::test {

inline constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455, section 1.3

inline std::string upgrade(std::string_view extra = "Sec-WebSocket-Protocol: mcp\r\n",
                           std::string_view host = "localhost") {
    return std::string("GET /mcp HTTP/1.1\r\nHost: ")
        .append(host)
        .append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ")
        .append(kKey)
        .append("\r\n")
        .append(extra)
        .append("\r\n");
}

// Opcodes with the FIN bit.
inline constexpr unsigned char kText = 0x81, kBinary = 0x82, kClose = 0x88, kPing = 0x89, kPong = 0x8A, kLast = 0x80;
inline constexpr unsigned char kTextBegin = 0x01, kMore = 0x00;

// One masked frame. `length` other than the payload's own makes a lie; `form` 0 is the shortest, else 126 or 127.
inline std::string frame(unsigned char first, std::string_view payload, std::uint64_t length = UINT64_MAX,
                         unsigned form = 0) {
    if (length == UINT64_MAX) length = payload.size();
    if (form == 0) form = length < 126 ? 0 : length <= 0xFFFF ? 126 : 127;
    std::string out(1, static_cast<char>(first));
    out += static_cast<char>(0x80 | (form == 0 ? length : form));
    for (int shift = form == 127 ? 56 : form == 126 ? 8 : -8; shift >= 0; shift -= 8)
        out += static_cast<char>(length >> shift & 0xFF);
    const unsigned char mask[] = {0x37, 0xFA, 0x21, 0x3D};
    for (const unsigned char byte : mask)
        out += static_cast<char>(byte);
    for (std::size_t i = 0; i < payload.size(); ++i)
        out += static_cast<char>(payload[i] ^ mask[i % 4]);
    return out;
}

inline std::string closePayload(unsigned code, std::string_view reason = {}) {
    return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)}.append(reason);
}

struct Frame {
    unsigned char first = 0;
    std::string payload;
    bool operator==(const Frame&) const = default;
};

class WebSocketClient : public Client {
public:
    explicit WebSocketClient(std::uint16_t port, int receive_buffer = 0, std::string_view extra = {})
        : Client(port, receive_buffer) {
        send(upgrade(extra));
        if (const Response response = readHead(); response.status != 101)
            throw std::runtime_error("no upgrade: " + response.head);
    }

    Response readHead() {
        Response response;
        response.head = readUntil("\r\n\r\n");
        // NOLINTNEXTLINE(cert-err34-c): what is no number is no status either, 0
        response.status = std::atoi(response.head.c_str() + 9);
        return response;
    }
    void text(std::string_view message) { send(frame(kText, message)); }

    Frame readFrame() {
        const std::string head = readBytes(2);
        Frame result{static_cast<unsigned char>(head[0]), {}};
        std::uint64_t length = static_cast<unsigned char>(head[1]);  // a server's frames are not masked
        if (length > 127) throw std::runtime_error("a masked frame from the server");
        if (length >= 126) {
            const std::string wide = readBytes(length == 126 ? 2 : 8);
            length = 0;
            for (const char byte : wide)
                length = length << 8 | static_cast<unsigned char>(byte);
        }
        result.payload = readBytes(length);
        return result;
    }
    // A whole message; pings of the server are answered on the way.
    std::string message() {
        std::string whole;
        for (;;) {
            const Frame next = readFrame();
            if (next.first == kPing) {
                send(frame(kPong, next.payload));
                continue;
            }
            if ((next.first & 0x0F) > 1) throw std::runtime_error("not a text frame: " + std::to_string(next.first));
            whole += next.payload;
            if (next.first & 0x80) return whole;
        }
    }
    // The code of the close frame that comes next, after any others; 0 without one. Then the stream must end.
    unsigned closeCode() {
        unsigned code = 0;
        try {
            for (;;) {
                const Frame next = readFrame();
                if (next.first != kClose) continue;
                reason = next.payload.size() > 2 ? next.payload.substr(2) : "";
                code = next.payload.size() < 2 ? 1005
                                               : static_cast<unsigned char>(next.payload[0]) * 256u +
                                                     static_cast<unsigned char>(next.payload[1]);
                break;
            }
        } catch (const std::runtime_error&) {
            return 0;
        }
        if (!readToEnd().empty()) throw std::runtime_error("bytes after the close frame");
        return code;
    }

    std::string reason;
};

}  // namespace howdah::kernel::test
