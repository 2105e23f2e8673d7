// What queries are grouped by: a statement without its constants, a plugin's own text, or the rule that refused it.
//
// Threads: immutable; shared by every cell that counts it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace howdah::analytics {

enum class PatternKind : std::uint8_t {
    statement,  // of a client, without constants
    plugin,     // registered by a plugin, as it is written
    refused,    // by a rule: its name, never the text
    unread,     // nobody offers patterns, the text does not parse, or more were new than could be looked at
    others      // what had no room of its own
};

struct Pattern {
    std::uint64_t fingerprint = 0;
    PatternKind kind = PatternKind::statement;
    std::string text;
};
using PatternPtr = std::shared_ptr<const Pattern>;

// `normalized` still holds what a parser does not call a constant: comments, and literals of utility statements.
PatternPtr statementPattern(std::uint64_t fingerprint, std::string_view normalized, std::size_t bytes_max);
PatternPtr pluginPattern(std::string_view text, std::size_t bytes_max);
PatternPtr refusedPattern(std::string_view rule);
const PatternPtr& unreadPattern();
const PatternPtr& othersPattern();

// On one line, without comments, with ? for every literal that is left.
std::string withoutConstants(std::string_view sql);

const char* nameOf(PatternKind kind);

}  // namespace howdah::analytics
