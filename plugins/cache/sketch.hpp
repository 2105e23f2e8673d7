// How often keys were asked for of late, in four bits each: an estimate that is never too low until it is halved.
//
// Threads: one, or under its owner's lock.
// Source:  Einziger, Friedman, Manes: "TinyLFU: A Highly Efficient Cache Admission Policy", ACM TOS 13(4), 2017.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace howdah::cache {

class Sketch {
public:
    // For so many keys at a time.
    explicit Sketch(std::size_t keys)
        : words_(std::bit_ceil(std::max<std::size_t>(keys, 16))),
          mask_(words_.size() - 1),
          halve_after_(words_.size() * 10) {}

    void add(std::uint64_t hash) {
        bool grew = false;
        for (unsigned row = 0; row < kRows; ++row) {
            std::uint64_t& word = words_[place(hash, row)];
            const unsigned shift = counter(hash, row);
            if (((word >> shift) & kMost) < kMost) {
                word += std::uint64_t{1} << shift;
                grew = true;
            }
        }
        if (grew && ++added_ >= halve_after_) halve();
    }

    unsigned estimate(std::uint64_t hash) const {
        std::uint64_t least = kMost;
        for (unsigned row = 0; row < kRows; ++row)
            least = std::min(least, (words_[place(hash, row)] >> counter(hash, row)) & kMost);
        return static_cast<unsigned>(least);
    }

private:
    static constexpr unsigned kRows = 4;
    static constexpr std::uint64_t kMost = 15;
    static constexpr std::uint64_t kHalfMask = 0x7777777777777777ULL;
    static constexpr std::array<std::uint64_t, kRows> kSeeds{0xc3a5c85c97cb3127ULL, 0xb492b66fbe98f273ULL,
                                                             0x9ae16a3b2f90404fULL, 0xcbf29ce484222325ULL};

    std::size_t place(std::uint64_t hash, unsigned row) const {
        const std::uint64_t mixed = (hash + kSeeds[row]) * kSeeds[row];
        return (mixed ^ (mixed >> 32)) & mask_;
    }
    // Each row has its own four of a word's sixteen counters.
    static unsigned counter(std::uint64_t hash, unsigned row) {
        return static_cast<unsigned>((row << 2 | (hash >> (2 * row) & 3)) * 4);
    }
    // What was popular once makes room.
    void halve() {
        for (std::uint64_t& word : words_)
            word = (word >> 1) & kHalfMask;
        added_ /= 2;
    }

    std::vector<std::uint64_t> words_;
    std::size_t mask_;
    std::size_t halve_after_;
    std::size_t added_ = 0;
};

}  // namespace howdah::cache
