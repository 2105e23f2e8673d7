// Numbers as JSON spells them, and whether a reader that keeps only doubles still sees the same value.
//
// Source: RFC 8259 section 6 (grammar, interoperable range); DBL_DIG and shortest round-trip form of IEEE 754.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>

namespace howdah {

// A JSON number taken apart just far enough to compare values.
struct JsonNumber {
    std::size_t size = 0;    // characters it takes up; 0 = this is not a number
    std::size_t digits = 0;  // from the first digit that is not 0 to the last one; 0 = the value is zero
    int exponent = 0;        // power of ten of the first of them
    bool integer = true;     // no fraction and no exponent
};

namespace detail {
constexpr bool isDigit(char c) {
    return static_cast<unsigned char>(c - '0') < 10;
}
}  // namespace detail

// The longest JSON number `text` starts with.
inline JsonNumber scanJsonNumber(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    constexpr int kExponentMax = 99999;  // beyond, it only matters that it is far beyond
    JsonNumber number;
    std::size_t seen = 0;  // digits from the first that is not 0
    auto take = [&](char digit) {
        seen += digit != '0' || seen != 0;
        if (digit != '0') number.digits = seen;
    };
    if (at != end && *at == '-') ++at;
    if (at == end || !detail::isDigit(*at)) return {};
    if (*at == '0') {
        ++at;
    } else {
        for (; at != end && detail::isDigit(*at); ++at)
            take(*at);
    }
    long long exponent = static_cast<long long>(seen) - 1;
    if (at != end && *at == '.') {
        number.integer = false;
        ++at;
        if (at == end || !detail::isDigit(*at)) return {};
        for (; at != end && detail::isDigit(*at); ++at) {
            take(*at);
            if (seen == 0) --exponent;
        }
    }
    if (at != end && (*at == 'e' || *at == 'E')) {
        number.integer = false;
        ++at;
        const bool negative = at != end && *at == '-';
        if (at != end && (*at == '-' || *at == '+')) ++at;
        if (at == end || !detail::isDigit(*at)) return {};
        long long power = 0;
        for (; at != end && detail::isDigit(*at); ++at)
            power = std::min<long long>(power * 10 + (*at - '0'), 10'000'000);
        exponent += negative ? -power : power;
    }
    number.size = static_cast<std::size_t>(at - text.data());
    number.exponent = static_cast<int>(std::clamp<long long>(exponent, -kExponentMax, kExponentMax));
    return number;
}

namespace detail {
// The digits counted by JsonNumber::digits; there are at most `room`.
inline std::string_view significantDigits(std::string_view text, const JsonNumber& number, char* room) {
    std::size_t count = 0;
    for (char c : text) {
        if (count == number.digits || c == 'e' || c == 'E') break;
        if (isDigit(c) && (c != '0' || count != 0)) room[count++] = c;
    }
    return {room, count};
}
}  // namespace detail

// True for an optional minus and digits without leading zeros, within +-(2^53 - 1).
inline bool isSafeInteger(std::string_view text) {
    std::string_view digits = text.substr(!text.empty() && text.front() == '-');
    if (digits.empty() || digits.size() > 16 || (digits.front() == '0' && digits.size() > 1)) return false;
    for (char c : digits) {
        if (!detail::isDigit(c)) return false;
    }
    return digits.size() < 16 || digits <= "9007199254740991";
}

// True when reading `text` (a whole JSON number) as a double and printing that gives the same value. Integers must
// keep within +-(2^53 - 1), the rule int8 follows: beyond, many readers fail or round even where a double would fit.
inline bool survivesDouble(std::string_view text, const JsonNumber& number) {
    if (number.integer) return isSafeInteger(text);
    if (number.digits == 0) return true;
    if (number.digits <= 15 && number.exponent >= -300 && number.exponent <= 300) return true;  // DBL_DIG
    if (number.digits > 17) return false;  // the shortest form never needs more
    double value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) return false;
    char shortest[40];
    auto end = std::to_chars(shortest, shortest + sizeof shortest, value, std::chars_format::scientific).ptr;
    std::string_view again(shortest, static_cast<std::size_t>(end - shortest));
    JsonNumber read_back = scanJsonNumber(again);
    if (read_back.digits != number.digits || read_back.exponent != number.exponent) return false;
    char left[20];
    char right[20];
    return detail::significantDigits(text, number, left) == detail::significantDigits(again, read_back, right);
}

// True for a whole JSON number that is finite as a double.
inline bool isFiniteNumber(std::string_view text) {
    JsonNumber number = scanJsonNumber(text);
    if (number.size == 0 || number.size != text.size()) return false;
    if (number.exponent < 308) return true;
    double value = 0;
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{};
}

}  // namespace howdah
