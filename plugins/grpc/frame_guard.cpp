#include "frame_guard.hpp"

#include <algorithm>
#include <cstring>

namespace howdah::grpc_transport {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameBytesMax = 16384;  // gRPC announces no more

constexpr unsigned char kData = 0, kHeaders = 1, kReset = 3, kWindowUpdate = 8, kContinuation = 9;
constexpr unsigned char kEndHeaders = 4;

}  // namespace

Result<void> FrameGuard::take(std::string_view bytes, Clock::time_point now) {
    while (!bytes.empty()) {
        if (preface_ < kPreface.size()) {
            const std::size_t part = std::min(bytes.size(), kPreface.size() - preface_);
            if (bytes.substr(0, part) != kPreface.substr(preface_, part))
                return Error::refused("it does not speak HTTP/2 with prior knowledge");
            preface_ += part;
            bytes.remove_prefix(part);
        } else if (payload_left_ > 0) {
            const std::size_t part = std::min(bytes.size(), payload_left_);
            payload_left_ -= part;
            bytes.remove_prefix(part);
        } else {
            const std::size_t part = std::min(bytes.size(), sizeof head_ - head_bytes_);
            std::memcpy(head_ + head_bytes_, bytes.data(), part);
            head_bytes_ += part;
            bytes.remove_prefix(part);
            if (head_bytes_ < sizeof head_) break;
            head_bytes_ = 0;
            if (auto sound = begin(now); !sound) return sound;
        }
    }
    return {};
}

// A frame's head is whole.
Result<void> FrameGuard::begin(Clock::time_point now) {
    payload_left_ = std::size_t{head_[0]} << 16 | std::size_t{head_[1]} << 8 | head_[2];
    const unsigned char type = head_[3];
    const bool ends_block = (head_[4] & kEndHeaders) != 0;
    const std::uint32_t stream =
        (std::uint32_t{head_[5]} << 24 | std::uint32_t{head_[6]} << 16 | std::uint32_t{head_[7]} << 8 | head_[8]) &
        0x7fffffffu;
    if (payload_left_ > kFrameBytesMax)
        return Error::refused("a frame has at most ", kFrameBytesMax, " bytes, this one ", payload_left_);
    if (in_block_ != (type == kContinuation) || (in_block_ && stream != block_stream_))
        return Error::refused("a header block is one HEADERS and its CONTINUATION frames, nothing between");
    switch (type) {
        case kData:
        case kWindowUpdate: return {};  // flow control bounds them, or they cost nothing
        case kReset:
            if (resets_.spend(now)) return {};
            return Error::refused("more than ", limits_.resets_per_second_max, " calls were reset within a second");
        case kHeaders:
            if (!calls_.spend(now)) {
                return Error::refused("more than ", limits_.calls_per_second_max, " calls were opened within a second");
            }
            block_stream_ = stream;
            block_bytes_ = 0;
            continuations_ = 0;
            break;
        case kContinuation:
            if (++continuations_ <= limits_.continuations_max) break;
            return Error::refused("a header block has at most ", limits_.continuations_max, " CONTINUATION frames");
        default:
            if (controls_.spend(now)) return {};
            return Error::refused("more than ", limits_.controls_per_second_max,
                                  " control frames came within a second");
    }
    block_bytes_ += payload_left_;
    in_block_ = !ends_block;
    if (block_bytes_ <= limits_.header_block_bytes_max) return {};
    return Error::refused("a header block has at most ", limits_.header_block_bytes_max, " bytes, this one ",
                          block_bytes_, " or more");
}

}  // namespace howdah::grpc_transport
