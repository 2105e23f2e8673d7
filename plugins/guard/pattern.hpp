// A text without its constants: what all statements that differ in nothing else have in common.
//
// Threads: any, at once. Needs stack as classify() does.
// Errors:  invalid_argument where the text is not in the grammar.
// Source:  libpg_query, pg_query_fingerprint and pg_query_normalize.
#pragma once

#include <cstdint>
#include <string>

#include <howdah/result.hpp>

namespace howdah::guard {

struct Pattern {
    std::uint64_t fingerprint = 0;
    std::string text;  // $n in place of each constant
};

Result<Pattern> patternOf(const std::string& sql);

// Its first half, at the same price; 0 if the text does not parse.
std::uint64_t fingerprint(const std::string& sql);

}  // namespace howdah::guard
