// Whether a name is certainly not among many: one look, where a search through them takes a dozen.
//
// Threads: immutable once filled.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace howdah::guard {

class NameFilter {
public:
    // Sixteen bits a name: one in sixteen strangers is taken for one of them.
    explicit NameFilter(std::size_t names = 0) : bits_(std::bit_ceil(names / 4 + 1)) {}

    void add(std::string_view name) {
        const std::size_t hash = std::hash<std::string_view>{}(name);
        bits_[wordOf(hash)] |= bitOf(hash);
    }
    bool mayHave(std::string_view name) const {
        const std::size_t hash = std::hash<std::string_view>{}(name);
        return (bits_[wordOf(hash)] & bitOf(hash)) != 0;
    }
    std::size_t bytes() const { return bits_.size() * sizeof bits_[0]; }

private:
    std::size_t wordOf(std::size_t hash) const { return (hash >> 6) & (bits_.size() - 1); }
    static std::uint64_t bitOf(std::size_t hash) { return std::uint64_t{1} << (hash & 63); }

    std::vector<std::uint64_t> bits_;
};

}  // namespace howdah::guard
