// The subset of ECMA-262 regular expressions that can be matched in linear time, for `pattern` and patternProperties.
//
// Understood: literals, . [..] [^..] with ranges, \d \D \w \W \s \S, \t \n \r \f \v \0 \xHH \uHHHH \u{H..} \cX, escaped
// punctuation, ( ) and (?: ), |, * + ? {n} {n,} {n,m} (also lazy, which accepts the same texts), ^ and $. Unanchored,
// as JSON Schema wants it; works on code points. Refused by compile(): look-around, back references, named groups,
// \b \B \p, and patterns that need more than kStatesMax states.
//
// Threads: compile() any; a Pattern is immutable, search() runs on any number of threads and allocates nothing.
// Errors:  compile() says what is not understood and at which byte.
// Source:  ECMA-262 section 22.2 (grammar); K. Thompson, "Regular Expression Search Algorithm", CACM 11(6), 1968.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

namespace howdah::kernel {

class Pattern {
public:
    static constexpr std::size_t kStatesMax = 1024;

    static Result<Pattern> compile(std::string_view source);

    // Cost: text.size() times the states alive at once, so a caller bounds the text.
    bool search(std::string_view text) const;
    const std::string& source() const { return source_; }

    struct Range {
        char32_t first, last;
    };
    struct State {
        enum class Kind : std::uint8_t { set, split, begin, end, accept };
        Kind kind = Kind::accept;
        std::uint32_t next = 0;
        std::uint32_t other = 0;              // split only
        std::uint32_t ranges = 0, count = 0;  // set only: ranges_[ranges, ranges + count), sorted
    };

private:
    friend class PatternCompiler;
    class Run;

    std::string source_;
    std::vector<State> states_;
    std::vector<Range> ranges_;
    std::uint32_t start_ = 0;
};

}  // namespace howdah::kernel
