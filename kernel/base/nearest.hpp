// "did you mean": the known name nearest to a mistyped one.
//
// Threads: any.
// Source:  Damerau-Levenshtein distance in its optimal-string-alignment form: insert, delete, replace, swap neighbours.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace howdah::kernel {

// How many single edits turn one word into the other; anything above `limit` is reported as limit + 1.
std::size_t editDistance(std::string_view a, std::string_view b, std::size_t limit);

// The nearest known name within a third of the word's length (at least one edit); the first of equals.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);

// `, did you mean "limit"?` or, when nothing is near, "". Appended to a message about an unknown name.
std::string didYouMean(std::string_view word, std::span<const std::string_view> known);

}  // namespace howdah::kernel
