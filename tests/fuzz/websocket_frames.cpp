// What a WebSocket client sends after its upgrade. Properties: however the bytes are cut, the same messages, control
// frames and fault; a second reader, written from RFC 6455 over the whole text at once, sees the same; nothing grows
// beyond its limit; and what our own framing writes is read back as it was.
#include "kernel/transport/websocket_frames.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <simdjson.h>

#include "fuzz/input.hpp"

using namespace howdah::kernel;
using howdah::fuzz::must;
using Got = WebSocketReader::Got;

namespace {

constexpr WebSocketReader::Limits kLimits{.message_bytes_max = 300, .fragments_max = 6};

struct Event {
    Got got = Got::nothing;
    std::uint16_t code = 0;  // of a close and of a fault
    std::string payload;
    bool operator==(const Event&) const = default;
};

struct Outcome {
    std::vector<Event> events;
    bool waiting = false;  // it ends in the middle of a message or a frame
    bool operator==(const Outcome&) const = default;
};

bool isUtf8(std::string_view text) {
    return simdjson::validate_utf8(text.data(), text.size());
}

// Up to the close frame or the fault: nothing behind them counts. `step` bytes arrive at a time, each part in storage
// of its own size, so that a byte read beyond it is found.
Outcome read(std::string_view bytes, std::size_t step) {
    Outcome outcome;
    std::vector<Event>& events = outcome.events;
    WebSocketReader reader(kLimits);
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        const std::vector<char> part(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + step, bytes.size())));
        std::string_view left(part.data(), part.size());
        for (;;) {
            const std::size_t before = left.size();
            Event event{.got = reader.next(left)};
            must(left.size() <= before, "bytes are taken, never given back");
            if (event.got == Got::nothing) break;
            switch (event.got) {
                case Got::message: {
                    const MessageBuffer message = reader.takeMessage();
                    must(message.capacity() <= kLimits.message_bytes_max, "a message takes no more than its limit");
                    event.payload = message.text();
                    break;
                }
                case Got::ping:
                case Got::pong:
                    event.payload = reader.control();
                    must(event.payload.size() <= websocket::kControlBytesMax, "a control frame is short");
                    break;
                case Got::close:
                case Got::fault: event.code = reader.code(); break;
                case Got::nothing: break;
            }
            if (event.got == Got::fault) must(!reader.fault().empty(), "a fault says what it is");
            events.push_back(event);
            if (event.got == Got::close || event.got == Got::fault) return outcome;
        }
        must(left.empty(), "nothing is left behind");
    }
    outcome.waiting = reader.isWaiting();
    return outcome;
}

// The other reader: slices of the whole text.
struct Reference {
    std::string_view bytes;
    std::vector<Event> events;
    std::string message;
    std::size_t fragments = 0;

    std::optional<std::uint64_t> number(std::size_t count) {
        if (bytes.size() < count) return std::nullopt;
        std::uint64_t value = 0;
        for (char byte : bytes.substr(0, count))
            value = value * 256 + static_cast<unsigned char>(byte);
        bytes.remove_prefix(count);
        return value;
    }
    bool fault(std::uint16_t code) {
        events.push_back({Got::fault, code, {}});
        return false;
    }

    Outcome outcome() {
        std::size_t left = 0;
        do
            left = bytes.size();
        while (frame());
        const bool over = !events.empty() && (events.back().got == Got::close || events.back().got == Got::fault);
        return {.events = events, .waiting = !over && (left > 0 || fragments > 0)};
    }

    // False at the end.
    bool frame() {
        const auto first = number(1);
        const auto second = number(1);
        if (!first || !second) return false;
        const std::uint64_t length7 = *second & 127;
        std::uint64_t length = length7;
        if (length7 >= 126) {
            const auto longer = number(length7 == 126 ? 2 : 8);
            if (!longer) return false;
            length = *longer;
        }
        const bool masked = *second >= 128;
        std::string mask(4, '\0');
        if (masked) {
            if (bytes.size() < 4) return false;
            mask = bytes.substr(0, 4);
            bytes.remove_prefix(4);
        }
        const bool final = *first >= 128;
        const auto opcode = static_cast<int>(*first & 15);
        const bool control = opcode >= 8;
        if ((*first & 0x70) != 0 || (opcode > 2 && opcode < 8) || opcode > 10 || !masked) return fault(1002);
        if (length7 == 126 ? length < 126 : length7 == 127 && (length < 65536 || length > INT64_MAX))
            return fault(1002);
        if (control && (!final || length > 125)) return fault(1002);
        if (opcode == 2) return fault(1003);
        if (!control && (opcode == 1) == (fragments > 0)) return fault(1002);
        if (!control && ++fragments > kLimits.fragments_max) return fault(1008);
        if (!control && message.size() + length > kLimits.message_bytes_max) return fault(1009);
        if (bytes.size() < length) return false;
        std::string payload(bytes.substr(0, length));
        bytes.remove_prefix(length);
        for (std::size_t i = 0; i < payload.size(); ++i)
            payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
        if (opcode == 8) return closed(payload);
        if (control) {
            events.push_back({opcode == 9 ? Got::ping : Got::pong, 0, payload});
            return true;
        }
        message += payload;
        if (!final) return true;
        if (!isUtf8(message)) return fault(1007);
        events.push_back({Got::message, 0, message});
        message.clear();
        fragments = 0;
        return true;
    }

    bool closed(std::string_view payload) {
        if (payload.size() == 1) return fault(1002);
        std::uint16_t code = 0;
        if (!payload.empty()) {
            code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) * 256 +
                                              static_cast<unsigned char>(payload[1]));
            // Not 1004 to 1006 and 1015, which nobody says, nor what is given to nobody (section 7.4).
            const bool said = code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
            if (!said && (code < 3000 || code > 4999)) return fault(1002);
            if (!isUtf8(payload.substr(2))) return fault(1007);
        }
        events.push_back({Got::close, code, {}});
        return false;
    }
};

// A message in the pieces a writer was given, as a client would send it.
void writtenIsRead(std::string_view text) {
    text = text.substr(0, kLimits.message_bytes_max);
    if (!isUtf8(text)) return;
    std::string frames;
    kWebSocketFrames.appendPiece(frames, text.substr(0, text.size() / 3), true);
    kWebSocketFrames.appendPiece(frames, text.substr(text.size() / 3), false);
    kWebSocketFrames.appendEnd(frames, false);
    kWebSocketFrames.appendWhole(frames, text);
    std::string masked;
    for (std::string_view left = frames; !left.empty();) {
        const auto length7 = static_cast<unsigned char>(left[1]);
        std::size_t head = 2, length = length7;
        if (length7 == 126) {
            head = 4;
            length = static_cast<std::size_t>(static_cast<unsigned char>(left[2])) << 8 |
                     static_cast<unsigned char>(left[3]);
        }
        masked += left[0];
        masked += static_cast<char>(left[1] | 0x80);
        masked += left.substr(2, head - 2);
        masked += std::string(4, '\0');
        masked += left.substr(head, length);
        left.remove_prefix(head + length);
    }
    const Event whole{Got::message, 0, std::string(text)};
    must(read(masked, masked.size()) == Outcome{.events = {whole, whole}}, "what is written is read as it was");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = howdah::fuzz::textOf(data, size);
    Reference reference{.bytes = bytes, .events = {}, .message = {}};
    const Outcome expected = reference.outcome();
    for (std::size_t step : {std::max<std::size_t>(size, 1), std::size_t{1}, std::size_t{5}})
        must(read(bytes, step) == expected, "two readers agree, however the bytes are cut");
    writtenIsRead(bytes);
    return 0;
}
