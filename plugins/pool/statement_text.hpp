// The text that is really sent for a statement: bounded by the row limit where its facts allow, and the way back from
// a position in it to one in the caller's text.
//
// Bounding happens by `<body> limit n`, or `select * from (<body>) q limit n` where the body has a limit of its own
// (the subquery costs PostgreSQL some 20 us for each new text). A cursor would bound as well, but switches parallel
// plans off; a limit the planner sees makes it prefer plans that start fast. The order of an ORDER BY inside the
// subquery holds: PostgreSQL adds no sort of its own above a subquery scan under a plain LIMIT, and it never pulls up a
// subquery with an ORDER BY into a parent that could reorder it. Duplicate and empty column names pass through `*`.
//
// Threads: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/abi/statement.h>

namespace howdah::pool {

inline constexpr std::string_view kStableName = "howdah_stable";

class StatementText {
public:
    StatementText() = default;
    // facts may be null: then the text goes as it is, and rows_skip does nothing.
    StatementText(std::string_view sql, const howdah_facts* facts, std::uint64_t rows_max, std::uint64_t rows_skip = 0);

    // Opens a cursor, kStableName, over the statement; bounded by what is fetched.
    static StatementText ofCursor(std::string_view sql, const howdah_facts* facts);

    const std::string& text() const { return text_; }
    bool isBounded() const { return bounded_; }

    // From a 1-based character position in text() to one in the caller's text; 0 = none.
    std::uint32_t callersPosition(std::uint32_t sent) const;

private:
    void surround(std::string_view prefix, std::string_view sql, const howdah_facts& facts, std::string_view suffix);

    std::string text_;
    bool bounded_ = false;
    std::size_t prefix_bytes_ = 0;  // of text_, before the body
    std::size_t body_bytes_ = 0;
    std::uint32_t body_start_ = 0;  // characters of the caller's text before the body
};

}  // namespace howdah::pool
