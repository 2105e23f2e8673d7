// JSON that arrives in pieces: text to be escaped, raw JSON to be kept on one line.
//
// Threads: values, any.
// Source:  RFC 8259, sections 2 and 7; RFC 3629.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace howdah::kernel {

// The inside of one JSON string from pieces that may cut a character in two. Bytes that are no UTF-8 become U+FFFD.
class PieceEscaper {
public:
    void append(std::string& out, std::string_view piece);
    void finish(std::string& out);  // a character cut short at the very end becomes U+FFFD

private:
    char held_[4] = {};
    std::size_t held_count_ = 0;
};

// Raw JSON on one line: a line break between tokens becomes a space (inside a string JSON has none). Both stdio and
// event streams end a message at a line break.
void appendJsonLine(std::string& out, std::string_view json);

}  // namespace howdah::kernel
