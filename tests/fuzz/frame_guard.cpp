// What a gRPC client sends, as the guard before gRPC sees it. The first byte is how much time passes with each 64
// bytes, the rest is the connection. Properties: however the bytes are cut, the same verdict at the same byte; what
// passes keeps what the guard promises, checked frame by frame on the whole text; a guard owns no memory beyond itself.
#include "plugins/grpc/frame_guard.hpp"

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "fuzz/input.hpp"

using namespace howdah::grpc_transport;
using howdah::fuzz::must;

namespace {

constexpr FrameGuard::Limits kLimits{.header_block_bytes_max = 100,
                                     .continuations_max = 2,
                                     .calls_per_second_max = 5,
                                     .resets_per_second_max = 3,
                                     .controls_per_second_max = 4};
constexpr std::size_t kBlockBytes = 64;  // in which no time passes
constexpr std::size_t kPrefaceBytes = 24;
constexpr std::size_t kHeadBytes = 9;
constexpr std::size_t kFrameBytesMax = 16384;
const FrameGuard::Clock::time_point kStart{};

static_assert(std::is_trivially_destructible_v<FrameGuard> && sizeof(FrameGuard) <= 256,
              "a guard has no memory to grow");

struct Verdict {
    std::size_t passed = 0;  // bytes, to the end of the part in which it was refused
    std::string refused;
};

Verdict read(std::string_view bytes, std::size_t step, std::chrono::milliseconds pace) {
    FrameGuard guard(kLimits, kStart);
    Verdict verdict;
    while (verdict.passed < bytes.size()) {
        const std::size_t at = verdict.passed;
        const std::size_t size = std::min({step, kBlockBytes - at % kBlockBytes, bytes.size() - at});
        const std::vector<char> part(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
        auto sound = guard.take({part.data(), size}, kStart + pace * (at / kBlockBytes));
        verdict.passed += size;
        if (!sound) {
            verdict.refused = sound.error().message;
            must(!verdict.refused.empty(), "a refusal says why");
            return verdict;
        }
        must(guard.greeted() == (verdict.passed >= kPrefaceBytes), "greeted is when the preface is whole");
    }
    return verdict;
}

// At most twice the budget of a second within any second: what is left of one, and all of the next.
void bounded(const std::vector<std::size_t>& ends, std::size_t budget, std::chrono::milliseconds pace) {
    auto timeOf = [&](std::size_t end) { return pace * ((end - 1) / kBlockBytes); };
    for (std::size_t i = 0; i + 2 * budget < ends.size(); ++i)
        must(timeOf(ends[i + 2 * budget]) - timeOf(ends[i]) >= std::chrono::seconds(1), "frames have a rate");
}

// All of it has passed.
void keepsPromises(std::string_view bytes, std::chrono::milliseconds pace) {
    if (bytes.size() <= kPrefaceBytes) return;
    must(bytes.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "it speaks HTTP/2");
    std::vector<std::size_t> calls, resets, controls;  // where their heads end
    std::size_t block = 0, continuations = 0;
    bool in_block = false;
    std::uint32_t stream_of_block = 0;
    for (std::size_t at = kPrefaceBytes; at + kHeadBytes <= bytes.size();) {
        auto byte = [&](std::size_t i) {
            return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i]));
        };
        const std::size_t length = byte(0) * 65536 + byte(1) * 256 + byte(2);
        const std::uint32_t type = byte(3);
        const std::uint32_t stream = (byte(5) % 128) * 16777216 + byte(6) * 65536 + byte(7) * 256 + byte(8);
        must(length <= kFrameBytesMax, "a frame has its size");
        must(!in_block || (type == 9 && stream == stream_of_block), "nothing stands in a header block");
        must(in_block || type != 9, "a CONTINUATION continues something");
        if (type == 1 || type == 9) {
            block = (type == 1 ? 0 : block) + length;
            continuations = type == 1 ? 0 : continuations + 1;
            stream_of_block = stream;
            in_block = (byte(4) & 4) == 0;
            if (type == 1) calls.push_back(at + kHeadBytes);
            must(block <= kLimits.header_block_bytes_max, "a header block has its size");
            must(continuations <= kLimits.continuations_max, "a header block has few frames");
        } else if (type == 3) {
            resets.push_back(at + kHeadBytes);
        } else if (type != 0 && type != 8) {
            controls.push_back(at + kHeadBytes);
        }
        at += kHeadBytes + length;
    }
    bounded(calls, kLimits.calls_per_second_max, pace);
    bounded(resets, kLimits.resets_per_second_max, pace);
    bounded(controls, kLimits.controls_per_second_max, pace);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::chrono::milliseconds pace(data[0] * 8);
    const std::string_view bytes = howdah::fuzz::textOf(data, size).substr(1);
    const Verdict exact = read(bytes, 1, pace);
    for (std::size_t step : {std::size_t{7}, kBlockBytes}) {
        const Verdict parts = read(bytes, step, pace);
        must(parts.refused == exact.refused, "the same verdict, however the bytes are cut");
        must(parts.passed >= exact.passed && parts.passed < exact.passed + step, "at the same byte");
    }
    // The byte of a refusal is the last one of the head it is about.
    keepsPromises(bytes.substr(0, exact.passed - (exact.refused.empty() ? 0 : 1)), pace);
    return 0;
}
