// Writing JSON text: strings escaped, raw JSON kept on one line.
//
// Threads: values, any.
// Source:  RFC 8259, sections 7 and 8.1.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace howdah::kernel {

// Escapes one string that arrives in pieces, without the quotes around it. Bytes that are not UTF-8 become U+FFFD; a
// character cut in two by a piece's end is put together again.
class JsonEscaper {
public:
    void append(std::string& out, std::string_view piece);
    void finish(std::string& out);  // a character cut short at the very end becomes U+FFFD

private:
    void appendSlow(std::string& out, std::string_view piece);

    char held_[4] = {};
    std::size_t held_count_ = 0;
};

// A whole string, with quotes.
void appendJsonString(std::string& out, std::string_view text);

// Raw JSON on one line: a line break between tokens becomes a space (inside a string JSON has none). Both stdio and
// event streams end a message at a line break.
void appendJsonLine(std::string& out, std::string_view json);

}  // namespace howdah::kernel
