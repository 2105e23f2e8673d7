// The words of a text of SQL with their places: what is needed to put other text in place of some of them. Whether the
// text is valid is for the server to say.
//
// Threads: pure.
// Source:  PostgreSQL manual, "Lexical Structure".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace howdah::optimizer {

struct Token {
    enum class Kind { word, quoted_name, string, number, parameter, symbol };
    Kind kind;
    std::size_t begin;
    std::size_t end;
    std::string text;  // words in lower case, quoted names without their quotes

    bool is(std::string_view other) const { return (kind == Kind::word || kind == Kind::symbol) && text == other; }
    bool isName() const { return kind == Kind::word || kind == Kind::quoted_name; }
};

// Comments and blanks are left out. What has no end (a string, a comment) ends with the text.
std::vector<Token> tokensOf(std::string_view sql);

// A text with other text in place of some of its bytes.
struct Edit {
    std::size_t begin;
    std::size_t end;
    std::string text;
};
std::string edited(std::string_view sql, std::vector<Edit> edits);

// As SQL takes them.
std::string quoteName(std::string_view name);
std::string quoteText(std::string_view text);

}  // namespace howdah::optimizer
