// Reads a pattern (see pattern.hpp for what is understood) into a tree.
//
// Threads: any.
// Errors:  invalid_argument: what is not understood and at which byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/schema/pattern.hpp"

namespace howdah::kernel {

struct PatternNode {
    enum class Kind : std::uint8_t { set, sequence, choice, repeat, begin, end };
    Kind kind = Kind::sequence;
    std::vector<Pattern::Range> ranges;  // set: sorted, disjoint
    std::vector<PatternNode> parts;      // sequence, choice (at least one), repeat (exactly one)
    std::uint32_t min = 0;               // repeat
    std::optional<std::uint32_t> max;    // repeat; none = without end
};

Result<PatternNode> parsePattern(std::string_view source);

}  // namespace howdah::kernel
