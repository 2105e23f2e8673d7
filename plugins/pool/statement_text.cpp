#include "statement_text.hpp"

#include <algorithm>

#include <howdah/result.hpp>

namespace howdah::pool {
namespace {

constexpr std::string_view kPrefix = "select * from (\n";  // ASCII: bytes are characters

std::uint32_t characters(std::string_view utf8) {
    auto starts = std::count_if(utf8.begin(), utf8.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
    return static_cast<std::uint32_t>(starts);
}

bool mayStandInside(std::string_view sql, const howdah_facts* facts) {
    return facts && (facts->flags & HOWDAH_FACT_WRAPPABLE) && facts->body_begin < facts->body_end &&
           facts->body_end <= sql.size();
}

}  // namespace

StatementText::StatementText(std::string_view sql, const howdah_facts* facts, std::uint64_t rows_max,
                             std::uint64_t rows_skip) {
    if (!mayStandInside(sql, facts)) {
        text_ = sql;
        return;
    }
    const bool wrap = rows_skip > 0 || !(facts->flags & HOWDAH_FACT_UNLIMITED);  // it may have an OFFSET of its own
    // On a line of its own: a comment at the body's end ends there.
    // One row more tells "exactly at the limit" from "cut".
    std::string suffix = concat(wrap ? "\n) q limit " : "\nlimit ", rows_max + 1);
    if (rows_skip > 0) suffix += concat(" offset ", rows_skip);
    surround(wrap ? kPrefix : "", sql, *facts, suffix);
}

StatementText StatementText::ofCursor(std::string_view sql, const howdah_facts* facts) {
    StatementText made;
    made.text_ = sql;
    if (!mayStandInside(sql, facts)) return made;
    made.surround(concat("declare ", kStableName, " no scroll cursor for\n"), sql, *facts, "");
    return made;
}

void StatementText::surround(std::string_view prefix, std::string_view sql, const howdah_facts& facts,
                             std::string_view suffix) {
    std::string_view body = sql.substr(facts.body_begin, facts.body_end - facts.body_begin);
    text_ = concat(prefix, body, suffix);
    bounded_ = true;
    prefix_bytes_ = prefix.size();
    body_bytes_ = body.size();
    body_start_ = characters(sql.substr(0, facts.body_begin));
}

std::uint32_t StatementText::callersPosition(std::uint32_t sent) const {
    if (!bounded_ || sent == 0) return sent;
    if (sent <= prefix_bytes_) return 0;
    auto in_body = sent - static_cast<std::uint32_t>(prefix_bytes_);
    std::uint32_t body_characters = characters(std::string_view(text_).substr(prefix_bytes_, body_bytes_));
    // Behind the body stands our own text: the server missed something at the body's end.
    return body_start_ + std::min(in_body, body_characters + 1);
}

}  // namespace howdah::pool
