// What a limit is: so many calls, rows, bytes or units of planner cost in a second, an hour or a day, and so many calls
// at once. A tier is a set of them for each of the four things that are counted apart.
//
// Threads: immutable after configure().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace howdah::rate_limit {

enum class Measure : std::uint8_t { calls, rows, bytes, cost };
inline constexpr std::size_t kMeasures = 4;
inline constexpr std::array<std::string_view, kMeasures> kMeasureNames{"calls", "rows", "bytes", "cost"};

enum class Period : std::uint8_t { second, hour, day };
inline constexpr std::size_t kPeriods = 3;
inline constexpr std::array<std::string_view, kPeriods> kPeriodNames{"second", "hour", "day"};

// Who shares a count. Tools and clients are counted within one principal: what a client says it is can therefore only
// take from what its principal has, never add to it.
enum class Scope : std::uint8_t { principal, tenant, tool, client };
inline constexpr std::array<std::string_view, 4> kScopeNames{"principal", "tenant", "tool", "client"};

inline std::string_view nameOf(Measure measure) {
    return kMeasureNames[static_cast<std::size_t>(measure)];
}
inline std::string_view nameOf(Period period) {
    return kPeriodNames[static_cast<std::size_t>(period)];
}
inline std::string_view nameOf(Scope scope) {
    return kScopeNames[static_cast<std::size_t>(scope)];
}

struct Rate {
    Measure measure = Measure::calls;
    Period period = Period::second;
    double amount = 0;  // of a second: comes back in each; of an hour or a day: may be used in each
    double burst = 0;   // of a second: may be used at once; else as amount
};

struct Limits {
    std::vector<Rate> rates;
    std::uint32_t concurrency = 0;  // calls at once, 0 = no limit

    bool empty() const { return rates.empty() && concurrency == 0; }
    bool counts(Measure measure) const {
        for (const Rate& rate : rates)
            if (rate.measure == measure) return true;
        return false;
    }
};

// By name; "*" stands for all others together.
using LimitsByName = std::map<std::string, Limits, std::less<>>;

struct Tier {
    Limits principal;
    Limits tenant;
    LimitsByName tools;
    LimitsByName clients;
};

}  // namespace howdah::rate_limit
