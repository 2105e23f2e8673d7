// FrameGuard: looks at what a client sends before gRPC does, at the level of HTTP/2 frames, and says when a connection
// is no client's: header blocks without an end, calls opened without end, or reset as fast as they are opened, floods
// of pings and settings. The gRPC of Debian 12 buffers and parses these without a bound. Nothing is decoded; what
// passes is left to gRPC.
//
// Threads: one at a time.
// Errors:  refused, with what was met and the limit; the connection is then to be closed.
// Source:  RFC 9113, sections 3.4, 4.1, 6; CVE-2023-33953 (header blocks), CVE-2023-44487 (rapid reset), CVE-2025-8671
//          (calls the server is made to reset), CVE-2024-27316 and its kin (CONTINUATION).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::grpc_transport {

class FrameGuard {
public:
    using Clock = std::chrono::steady_clock;
    struct Limits {
        std::size_t header_block_bytes_max = 16384;  // as sent, of one call
        unsigned continuations_max = 8;              // frames of one block
        unsigned calls_per_second_max = 100;         // HEADERS; a call costs gRPC the same when it is broken at once
        unsigned resets_per_second_max = 100;        // RST_STREAM
        unsigned controls_per_second_max = 200;      // PING, SETTINGS, PRIORITY and unknown ones together
    };

    FrameGuard(const Limits& limits, Clock::time_point now)
        : limits_(limits),
          calls_(limits.calls_per_second_max, now),
          resets_(limits.resets_per_second_max, now),
          controls_(limits.controls_per_second_max, now) {}

    Result<void> take(std::string_view bytes, Clock::time_point now);
    bool greeted() const { return preface_ == kPrefaceBytes; }  // the preface is whole

private:
    static constexpr std::size_t kPrefaceBytes = 24;

    // As many as fit in a second, and never more saved up.
    class Budget {
    public:
        Budget(unsigned per_second, Clock::time_point now) : per_second_(per_second), left_(per_second), since_(now) {}
        bool spend(Clock::time_point now) {
            if (now - since_ >= std::chrono::seconds(1)) {
                left_ = per_second_;
                since_ = now;
            }
            if (left_ == 0) return false;
            --left_;
            return true;
        }

    private:
        unsigned per_second_;
        unsigned left_;
        Clock::time_point since_;
    };

    Result<void> begin(Clock::time_point now);

    const Limits limits_;
    Budget calls_;
    Budget resets_;
    Budget controls_;
    std::size_t preface_ = 0;     // bytes of it seen
    unsigned char head_[9] = {};  // of the frame that begins
    std::size_t head_bytes_ = 0;
    std::size_t payload_left_ = 0;  // of the frame that was begun
    bool in_block_ = false;         // a header block has begun and not ended
    std::uint32_t block_stream_ = 0;
    std::size_t block_bytes_ = 0;
    unsigned continuations_ = 0;
};

}  // namespace howdah::grpc_transport
