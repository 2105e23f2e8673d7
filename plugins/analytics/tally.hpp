// How one query ended, and what many of them sum up to.
//
// Threads: plain values.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "plugins/analytics/histogram.hpp"

namespace howdah::analytics {

enum class Outcome : std::uint8_t {
    rows,
    cached,   // rows that a cache had
    refused,  // by a rule
    timeout,
    cancelled,  // nobody waited for it any longer
    failed      // all else that is an error
};

struct Sample {
    Outcome outcome = Outcome::rows;
    std::array<char, 5> sqlstate{};  // of a failure of the database
    std::uint64_t rows = 0;          // given, or changed by a write
    std::uint64_t bytes = 0;
    std::uint64_t latency_ns = 0;   // from the first hook to the outcome
    std::uint64_t database_ns = 0;  // from sending to the last row
};

struct Tally {
    std::uint64_t calls = 0;
    std::uint64_t cached = 0;
    std::uint64_t refused = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t failed = 0;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    std::uint64_t latency_ns = 0;
    std::uint64_t database_ns = 0;
    std::uint64_t slowest_ns = 0;
    std::array<char, 5> last_sqlstate{};
    LatencyHistogram latency;

    void add(const Sample& sample);
    void merge(const Tally& other);

    std::uint64_t errors() const { return refused + timeouts + failed; }
    // What is given up last when room is short: where the time went.
    std::uint64_t weight() const { return latency_ns; }
};

// What adds up, for whoever sums or writes each of them.
inline constexpr std::array kSums{&Tally::calls,      &Tally::cached,     &Tally::refused, &Tally::timeouts,
                                  &Tally::cancelled,  &Tally::failed,     &Tally::rows,    &Tally::bytes,
                                  &Tally::latency_ns, &Tally::database_ns};

}  // namespace howdah::analytics
