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

}  // namespace

StatementText::StatementText(std::string_view sql, const howdah_facts* facts, std::uint64_t rows_max,
                             std::uint64_t rows_skip) {
    bool fits = facts && (facts->flags & HOWDAH_FACT_WRAPPABLE) && facts->body_begin < facts->body_end &&
                facts->body_end <= sql.size();
    if (!fits) {
        text_ = sql;
        return;
    }
    const bool wrap = rows_skip > 0 || !(facts->flags & HOWDAH_FACT_UNLIMITED);  // it may have an OFFSET of its own
    std::string_view body = sql.substr(facts->body_begin, facts->body_end - facts->body_begin);
    std::string_view prefix = wrap ? kPrefix : "";
    // On a line of its own: a comment at the body's end ends there.
    std::string_view suffix = wrap ? "\n) q limit " : "\nlimit ";
    text_ = concat(prefix, body, suffix, rows_max + 1);  // one more tells "exactly at the limit" from "cut"
    if (rows_skip > 0) text_ += concat(" offset ", rows_skip);
    bounded_ = true;
    prefix_bytes_ = prefix.size();
    body_bytes_ = body.size();
    body_start_ = characters(sql.substr(0, facts->body_begin));
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
