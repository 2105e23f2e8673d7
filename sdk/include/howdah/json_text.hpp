// Text into JSON, fast: rows and messages are escaped once, on their way out.
//
// Threads: any. Owns: nothing; appends to the caller's string.
// Errors:  none. A byte that is not part of valid UTF-8 becomes U+FFFD, so the result is always valid JSON.
// Source:  RFC 8259 section 7 (what must be escaped), RFC 3629 section 4 (well-formed UTF-8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace howdah {

namespace detail {

// How many bytes at the start of [at, end) stand for themselves in a JSON string: printable ASCII without " and \.
inline std::size_t plainPrefix(const char* at, const char* end) {
    const char* start = at;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i last_control = _mm_set1_epi8(0x1f);
    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        // Signed comparison: bytes from 0x80 on are negative, so they count as "not above 0x1f" and stop the scan too.
        __m128i above = _mm_cmpgt_epi8(block, last_control);
        __m128i special = _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash));
        unsigned stop = static_cast<unsigned>(_mm_movemask_epi8(_mm_andnot_si128(special, above))) ^ 0xffffu;
        if (stop != 0) return static_cast<std::size_t>(at - start) + static_cast<unsigned>(__builtin_ctz(stop));
    }
#else
    constexpr std::uint64_t kOnes = 0x0101010101010101u;
    constexpr std::uint64_t kHigh = 0x8080808080808080u;
    auto has_zero = [](std::uint64_t word) { return (word - kOnes) & ~word & kHigh; };
    for (; end - at >= 8; at += 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        std::uint64_t control = (word - kOnes * 0x20) & ~word & kHigh;
        if ((word & kHigh) | control | has_zero(word ^ (kOnes * '"')) | has_zero(word ^ (kOnes * '\\'))) break;
    }
#endif
    while (at != end && static_cast<unsigned char>(*at) >= 0x20 && static_cast<unsigned char>(*at) < 0x80 &&
           *at != '"' && *at != '\\') {
        ++at;
    }
    return static_cast<std::size_t>(at - start);
}

// Length of the well-formed UTF-8 sequence (2..4 bytes) at the start of [at, end); 0 if there is none.
inline std::size_t utf8Sequence(const char* at, const char* end) {
    auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
    auto continues = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const auto left = static_cast<std::size_t>(end - at);
    const unsigned lead = byte(0);
    if (lead >= 0xc2 && lead <= 0xdf) return left >= 2 && continues(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (left < 3 || !continues(1) || !continues(2)) return 0;
        if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
        if (lead == 0xed && byte(1) > 0x9f) return 0;  // surrogate
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (left < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
        if (lead == 0xf0 && byte(1) < 0x90) return 0;  // overlong
        if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
        return 4;
    }
    return 0;
}

inline void appendControl(std::string& out, unsigned char control) {
    static constexpr char kHex[] = "0123456789abcdef";
    switch (control) {
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        case '\b': out += "\\b"; return;
        case '\f': out += "\\f"; return;
        default: break;
    }
    const char escape[] = {'\\', 'u', '0', '0', kHex[control >> 4], kHex[control & 15]};
    out.append(escape, sizeof escape);
}

}  // namespace detail

// The inside of a JSON string: no quotes around it.
inline void appendEscaped(std::string& out, std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    const char* copied = at;  // everything before it is in `out`
    auto flush = [&] { out.append(copied, static_cast<std::size_t>(at - copied)); };
    while (true) {
        at += detail::plainPrefix(at, end);
        if (at == end) break;
        const auto byte = static_cast<unsigned char>(*at);
        if (byte >= 0x80) {
            const char* start = at;
            while (at != end && static_cast<unsigned char>(*at) >= 0x80) {
                const std::size_t length = detail::utf8Sequence(at, end);
                if (length == 0) break;
                at += length;
            }
            if (at != start) continue;  // copied with its neighbours
            flush();
            out += "\xef\xbf\xbd";
        } else {
            flush();
            if (byte == '"' || byte == '\\') {
                out += '\\';
                out += static_cast<char>(byte);
            } else {
                detail::appendControl(out, byte);
            }
        }
        copied = ++at;
    }
    flush();
}

// A whole JSON string, with quotes.
inline void appendJsonString(std::string& out, std::string_view text) {
    out += '"';
    appendEscaped(out, text);
    out += '"';
}

}  // namespace howdah
