// Framing: how bytes of JSON become a line, an event or a chunk.
//
// Threads: any.
// Source:  MCP, stdio, "messages MUST NOT contain embedded newlines"; WHATWG HTML, "Server-sent events"; RFC 9112, 7.1.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace howdah::kernel {

// Line breaks, which JSON allows only between tokens (a value of type json keeps those it was stored with), become
// spaces: the frame is whole whatever a plugin wrote.
inline void appendOnOneLine(std::string& out, std::string_view json) {
    const std::size_t begin = out.size();
    out += json;
    if (std::memchr(json.data(), '\n', json.size()) || std::memchr(json.data(), '\r', json.size())) {
        std::replace_if(
            out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), [](char c) { return c == '\n' || c == '\r'; },
            ' ');
    }
}

inline constexpr std::string_view kEventBegin = "event: message\ndata: ";
inline constexpr std::string_view kEventEnd = "\n\n";
inline constexpr std::string_view kEventComment = ":\n\n";  // keeps a quiet stream open
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// The line that gives the next event its id.
inline void appendEventId(std::string& out, std::string_view stream, std::uint64_t number) {
    char digits[24];
    out.append("id: ").append(stream).append("-");
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    out += '\n';
}
inline constexpr std::string_view kEmptyEvent = "data: \n\n";

inline void appendEvent(std::string& out, std::string_view json) {
    out += kEventBegin;
    appendOnOneLine(out, json);
    out += kEventEnd;
}

// What stands before the bytes of a chunk; CR LF follows them.
inline void appendChunkSize(std::string& out, std::size_t size) {
    char digits[16];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, size, 16).ptr);
    out += "\r\n";
}

}  // namespace howdah::kernel
