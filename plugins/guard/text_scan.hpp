// The look at a text before any parser sees it: encoding, size, token count, nesting, and where its statement lies.
//
// Neither PostgreSQL's scanner nor its grammar recurses, so a text of any shape and length takes 20 KiB of stack
// (libpg_query 15-4.0.0, 22 shapes); the bound on growth recurses 250 deep, and the fingerprint as deep as the text.
// The limits are those of a parser that recursed.
//
// Threads: pure functions; next to nothing for a short text, some microseconds where the scanner must look.
// Errors:  refused with the rule and the character where the text breaks it.
// Source:  PostgreSQL source, parser/scan.l; pg_query.proto of libpg_query for the layout of ScanResult.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "plugins/guard/policy.hpp"

namespace howdah::guard {

// Up to here classify() may run where 512 KiB of stack are free. Beyond it needs kLargeStack.
constexpr std::size_t kInlineBytes = 4 * 1024;
constexpr std::size_t kLargeStack = 64 * 1024 * 1024;

inline bool needsLargeStack(std::string_view sql) {
    return sql.size() > kInlineBytes;
}

struct TextScan {
    std::uint32_t body_begin = 0;  // bytes, first token of the statement
    std::uint32_t body_end = 0;    // bytes, behind its last token; semicolons, blanks and comments are outside
    std::uint32_t tokens = 0;      // at most
    std::uint32_t nesting = 0;     // the deepest, at most
};

// `sql` must be followed by a NUL, which std::string gives.
Result<TextScan> scanText(const std::string& sql, const Limits& limits);

// Whether the scanner that was loaded numbers its tokens as this code expects; another libpg_query might not.
Result<void> checkScanner();

// The 1-based character of a byte offset.
std::uint32_t characterAt(std::string_view sql, std::size_t byte_offset);

}  // namespace howdah::guard
