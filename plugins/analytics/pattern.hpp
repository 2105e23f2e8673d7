// What queries are grouped by: a statement without its constants, a plugin's own text, or the rule that refused it.
//
// A fingerprint is the same for statements that name their columns otherwise, so a pattern's text may hold names that
// only one tenant knows. Each tenant therefore has patterns of its own, with texts that were asked for it.
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
    std::uint64_t id = 0;  // which it is, in this process: of kind, fingerprint and tenant
    std::uint64_t fingerprint = 0;
    PatternKind kind = PatternKind::statement;
    std::string text;
    std::string tenant;  // whose statement it is; empty: nobody's, or no statement
};
using PatternPtr = std::shared_ptr<const Pattern>;

// `normalized` still holds what a parser does not call a constant: comments, and literals of utility statements.
// `tenant` is a bounded name.
PatternPtr statementPattern(std::uint64_t fingerprint, std::string_view normalized, std::size_t bytes_max,
                            std::string_view tenant = {});
PatternPtr pluginPattern(std::string_view text, std::size_t bytes_max);
PatternPtr refusedPattern(std::string_view rule);
const PatternPtr& unreadPattern();
const PatternPtr& othersPattern();
// As it was written down, without its id.
PatternPtr readPattern(Pattern pattern);

// On one line, without comments, with ? for every literal that is left.
std::string withoutConstants(std::string_view sql);

const char* nameOf(PatternKind kind);

}  // namespace howdah::analytics
