#include "kernel/transport/websocket_frames.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include <simdjson.h>

#include <howdah/result.hpp>

namespace howdah::kernel {

using namespace websocket;

namespace {

constexpr unsigned char kFinal = 0x80;
constexpr unsigned char kReserved = 0x70;
constexpr unsigned char kOpcode = 0x0F;
constexpr unsigned char kMasked = 0x80;
constexpr unsigned char kLength = 0x7F;
constexpr unsigned char kLength16 = 126;
constexpr unsigned char kLength64 = 127;
constexpr std::size_t kMaskBytes = 4;

bool isControl(Opcode opcode) {
    return static_cast<std::uint8_t>(opcode) >= 8;
}

bool isKnown(std::uint8_t opcode) {
    return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

// Those a peer may send: the registered ones that stand for something said, and those for applications (section 7.4).
bool isCloseCode(std::uint16_t code) {
    if (code >= 3000) return code < 5000;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

bool isUtf8(std::string_view text) {
    return simdjson::validate_utf8(text.data(), text.size());
}

void appendBigEndian(std::string& out, std::uint64_t number, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        out += static_cast<char>(number >> shift & 0xFF);
}

std::uint64_t bigEndian(const unsigned char* bytes, std::size_t count) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < count; ++i)
        number = number << 8 | bytes[i];
    return number;
}

// `at` is where in the mask the first byte stands.
void unmask(char* bytes, std::size_t count, const unsigned char* mask, std::size_t at) {
    unsigned char turned[8];
    for (std::size_t i = 0; i < sizeof turned; ++i)
        turned[i] = mask[(at + i) % kMaskBytes];
    std::uint64_t wide = 0;
    std::memcpy(&wide, turned, sizeof wide);
    std::size_t done = 0;
    for (; done + sizeof wide <= count; done += sizeof wide) {
        std::uint64_t part = 0;
        std::memcpy(&part, bytes + done, sizeof part);
        part ^= wide;
        std::memcpy(bytes + done, &part, sizeof part);
    }
    for (; done < count; ++done)
        bytes[done] = static_cast<char>(bytes[done] ^ turned[done % sizeof turned]);
}

}  // namespace

void websocket::appendFrame(std::string& out, Opcode opcode, bool final, std::string_view payload) {
    out += static_cast<char>((final ? kFinal : 0) | static_cast<unsigned char>(opcode));
    if (payload.size() < kLength16) {
        out += static_cast<char>(payload.size());
    } else if (payload.size() <= 0xFFFF) {
        out += static_cast<char>(kLength16);
        appendBigEndian(out, payload.size(), 2);
    } else {
        out += static_cast<char>(kLength64);
        appendBigEndian(out, payload.size(), 8);
    }
    out += payload;
}

std::string websocket::closeFrame(std::uint16_t code, std::string_view reason) {
    std::string payload;
    if (code != 0) {
        appendBigEndian(payload, code, 2);
        // Cut between two characters: a peer may not take half of one.
        std::size_t length = std::min(reason.size(), kControlBytesMax - payload.size());
        while (length < reason.size() && (static_cast<unsigned char>(reason[length]) & 0xC0) == 0x80)
            --length;
        payload += reason.substr(0, length);
    }
    std::string frame;
    appendFrame(frame, Opcode::close, true, payload);
    return frame;
}

void WebSocketFraming::appendWhole(std::string& out, std::string_view json) const {
    appendFrame(out, Opcode::text, true, json);
}

void WebSocketFraming::appendPiece(std::string& out, std::string_view bytes, bool first) const {
    appendFrame(out, first ? Opcode::text : Opcode::continuation, false, bytes);
}

void WebSocketFraming::appendEnd(std::string& out, bool first) const {
    appendFrame(out, first ? Opcode::text : Opcode::continuation, true, {});
}

// Reading
// --------------------------------------------------------------------------------------------------------------

WebSocketReader::Got WebSocketReader::next(std::string_view& bytes) {
    for (;;) {
        if (!in_payload_) {
            if (!takeHeader(bytes)) return Got::nothing;
            if (beginFrame() == Got::fault) return Got::fault;
            in_payload_ = true;
        }
        takePayload(bytes);
        if (payload_left_ > 0) return Got::nothing;
        in_payload_ = false;
        if (const Got got = endFrame(); got != Got::nothing) return got;
    }
}

bool WebSocketReader::takeHeader(std::string_view& bytes) {
    for (;;) {
        std::size_t needed = 2;
        if (header_size_ >= 2) {
            const unsigned char length = header_[1] & kLength;
            needed += length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
            needed += header_[1] & kMasked ? kMaskBytes : 0;
        }
        if (header_size_ == needed) return true;
        if (bytes.empty()) return false;
        const std::size_t count = std::min(needed - header_size_, bytes.size());
        std::memcpy(header_ + header_size_, bytes.data(), count);
        header_size_ += count;
        bytes.remove_prefix(count);
    }
}

WebSocketReader::Got WebSocketReader::beginFrame() {
    const std::size_t size = std::exchange(header_size_, 0);
    const auto opcode = static_cast<std::uint8_t>(header_[0] & kOpcode);
    const unsigned char short_length = header_[1] & kLength;
    if (header_[0] & kReserved) return fail(kProtocolError, "a reserved bit is set; no extension was agreed");
    if (!isKnown(opcode)) return fail(kProtocolError, concat("unknown opcode ", opcode));
    if (!(header_[1] & kMasked)) return fail(kProtocolError, "frames of a client must be masked");
    opcode_ = static_cast<Opcode>(opcode);
    final_ = header_[0] & kFinal;
    payload_left_ = short_length;
    if (short_length == kLength16) payload_left_ = bigEndian(header_ + 2, 2);
    if (short_length == kLength64) payload_left_ = bigEndian(header_ + 2, 8);
    if ((short_length == kLength16 && payload_left_ < kLength16) ||
        (short_length == kLength64 && (payload_left_ <= 0xFFFF || payload_left_ >> 63 != 0))) {
        return fail(kProtocolError, "the length of a frame is not in its shortest form");
    }
    std::memmove(header_, header_ + size - kMaskBytes, kMaskBytes);  // all that is needed from here on
    mask_at_ = 0;
    if (isControl(opcode_)) {
        control_size_ = 0;
        if (!final_) return fail(kProtocolError, "a control frame is in fragments");
        if (payload_left_ > kControlBytesMax)
            return fail(kProtocolError, concat("a control frame is limited to ", kControlBytesMax, " bytes"));
        return Got::nothing;
    }
    if (opcode_ == Opcode::binary) return fail(kUnsupportedData, "messages are text, not binary");
    return beginData(opcode_ != Opcode::continuation);
}

WebSocketReader::Got WebSocketReader::beginData(bool first) {
    if (first && fragments_ > 0) return fail(kProtocolError, "a message begins before the last one has ended");
    if (!first && fragments_ == 0) return fail(kProtocolError, "a continuation of no message");
    if (++fragments_ > limits_.fragments_max)
        return fail(kPolicyViolation, concat("a message is limited to ", limits_.fragments_max, " fragments"));
    if (payload_left_ > limits_.message_bytes_max - message_.size())
        return fail(kMessageTooBig, concat("a message is limited to ", limits_.message_bytes_max, " bytes"));
    return Got::nothing;
}

void WebSocketReader::takePayload(std::string_view& bytes) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, bytes.size()));
    if (count == 0) return;
    const bool control = isControl(opcode_);
    const std::size_t size = message_.size() + count;
    if (!control && size > message_.capacity())
        message_.reserve(std::max(size, std::min(2 * message_.capacity(), limits_.message_bytes_max)));
    char* const to = control ? control_ + control_size_ : message_.end();
    std::memcpy(to, bytes.data(), count);
    unmask(to, count, header_, mask_at_);
    if (control) {
        control_size_ += count;
    } else {
        message_.appended(count);
    }
    mask_at_ = (mask_at_ + count) % kMaskBytes;
    payload_left_ -= count;
    bytes.remove_prefix(count);
}

WebSocketReader::Got WebSocketReader::endFrame() {
    switch (opcode_) {
        case Opcode::ping: return Got::ping;
        case Opcode::pong: return Got::pong;
        case Opcode::close: return endClose();
        case Opcode::text:
        case Opcode::continuation:
        case Opcode::binary: break;
    }
    if (!final_) return Got::nothing;
    fragments_ = 0;
    message_.reserve(1);  // an empty message too has padding behind it
    if (!isUtf8(message_.text())) return fail(kInvalidPayload, "a message is not valid UTF-8");
    return Got::message;
}

WebSocketReader::Got WebSocketReader::endClose() {
    code_ = 0;
    if (control_size_ == 0) return Got::close;
    if (control_size_ == 1) return fail(kProtocolError, "a close frame with half a code");
    code_ = static_cast<std::uint16_t>(bigEndian(reinterpret_cast<const unsigned char*>(control_), 2));
    if (!isCloseCode(code_)) return fail(kProtocolError, concat("a close frame with the code ", code_));
    if (!isUtf8({control_ + 2, control_size_ - 2}))
        return fail(kInvalidPayload, "the reason of a close frame is not valid UTF-8");
    return Got::close;
}

WebSocketReader::Got WebSocketReader::fail(std::uint16_t code, std::string text) {
    code_ = code;
    fault_ = std::move(text);
    return Got::fault;
}

MessageBuffer WebSocketReader::takeMessage() {
    return std::exchange(message_, MessageBuffer());
}

std::string_view WebSocketReader::control() const {
    return {control_, control_size_};
}

}  // namespace howdah::kernel
