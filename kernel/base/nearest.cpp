#include "kernel/base/nearest.hpp"

#include <algorithm>
#include <array>

#include <howdah/result.hpp>

namespace howdah::kernel {

namespace {
constexpr std::size_t kWordMax = 64;  // names are short; a longer one is nobody's typing mistake
}  // namespace

std::size_t editDistance(std::string_view a, std::string_view b, std::size_t limit) {
    if (a.size() > kWordMax || b.size() > kWordMax) return a == b ? 0 : limit + 1;
    using Row = std::array<std::size_t, kWordMax + 1>;
    Row before_last{}, last{}, row{};
    for (std::size_t j = 0; j <= b.size(); ++j)
        last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last = last;
        last = row;
    }
    return std::min(last[b.size()], limit + 1);
}

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known) {
    const std::size_t limit = std::max<std::size_t>(1, word.size() / 3);
    std::size_t best = limit + 1;
    std::optional<std::string_view> found;
    for (std::string_view candidate : known) {
        if (std::size_t distance = editDistance(word, candidate, limit); distance < best) {
            best = distance;
            found = candidate;
        }
    }
    return found;
}

std::string didYouMean(std::string_view word, std::span<const std::string_view> known) {
    auto near = nearest(word, known);
    return near ? concat(", did you mean \"", *near, "\"?") : std::string();
}

}  // namespace howdah::kernel
