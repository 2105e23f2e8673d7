#include "plugins/health/judge.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace howdah::health {
namespace {

// Three digits at most, none of them a zero behind the point.
std::string digits(double value) {
    std::array<char, 32> text{};
    const int places = value < 10 && value != std::floor(value) ? 1 : 0;
    std::snprintf(text.data(), text.size(), "%.*f", places, value);
    return text.data();
}

}  // namespace

std::string bytesText(double bytes) {
    constexpr std::array<const char*, 5> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < kUnits.size()) {
        bytes /= 1024;
        ++unit;
    }
    return digits(bytes) + " " + kUnits[unit];
}

std::string durationText(double seconds) {
    if (seconds < 1) return digits(seconds * 1000) + " ms";
    if (seconds < 120) return digits(seconds) + " s";
    if (seconds < 7200) return digits(seconds / 60) + " min";
    if (seconds < 172800) return digits(seconds / 3600) + " h";
    return digits(seconds / 86400) + " days";
}

std::string percentText(double percent) {
    return digits(percent) + " %";
}

std::string countText(double count) {
    std::string text = digits(std::floor(count));
    for (std::size_t at = text.size(); at > 3; at -= 3)
        text.insert(at - 3, ",");
    return text;
}

std::string countText(double count, std::string_view one, std::string_view many) {
    return countText(count) + " " + std::string(count == 1 ? one : many);
}

std::string shortened(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return std::string(text);
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
        --end;
    return std::string(text.substr(0, end)) + "…";
}

double rounded(double value) {
    if (!std::isfinite(value)) return 0;
    if (std::fabs(value) >= 1000) return std::round(value);
    return std::round(value * 100) / 100;
}

}  // namespace howdah::health
