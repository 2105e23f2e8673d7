// The words of a text of SQL with their places, by PostgreSQL's own scanner: what is needed to put other text in place
// of some of them. Whether the text is valid is for the server to say.
//
// Threads: any; the scanner does not recurse.
// Errors:  invalid_argument for what cannot be scanned: a string or comment without an end, a NUL character; and for
//          what is written with U&, of which libpg_query tells no places.
// Source:  libpg_query 15, pg_query_scan(); PostgreSQL manual, "Lexical Structure".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

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

// Comments and blanks are left out.
Result<std::vector<Token>> scanned(std::string_view sql);
// The same; none of a text that cannot be scanned, of which nothing can be said.
std::vector<Token> tokensOf(std::string_view sql);
// With '' and 0 in place of each constant, which the grammar takes wherever it takes any, and without comments: what is
// left of the text when nobody's data shall be. "" for what cannot be scanned.
std::string withoutConstants(std::string_view sql);

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
