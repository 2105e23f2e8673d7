#include "addresses.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace howdah::auth {
namespace {

struct Range4 {
    std::uint32_t first;
    int bits;
};

constexpr std::uint32_t at(std::uint32_t a, std::uint32_t b, std::uint32_t c = 0) {
    return a << 24 | b << 16 | c << 8;
}

constexpr Range4 kNotPublic[] = {
    {at(0, 0), 8},     {at(10, 0), 8},         {at(100, 64), 10},     {at(127, 0), 8},       {at(169, 254), 16},
    {at(172, 16), 12}, {at(192, 0, 0), 24},    {at(192, 0, 2), 24},   {at(192, 88, 99), 24}, {at(192, 168), 16},
    {at(198, 18), 15}, {at(198, 51, 100), 24}, {at(203, 0, 113), 24}, {at(224, 0), 4},       {at(240, 0), 4},
};

bool isPublic4(std::uint32_t address) {
    return std::ranges::none_of(kNotPublic,
                                [&](const Range4& range) { return (address ^ range.first) >> (32 - range.bits) == 0; });
}

std::optional<std::uint32_t> version4Of(const sockaddr& address) {
    if (address.sa_family == AF_INET) {
        sockaddr_in four;
        std::memcpy(&four, &address, sizeof four);
        return ntohl(four.sin_addr.s_addr);
    }
    if (address.sa_family != AF_INET6) return std::nullopt;
    sockaddr_in6 six;
    std::memcpy(&six, &address, sizeof six);
    if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) return std::nullopt;
    std::uint32_t last = 0;
    std::memcpy(&last, six.sin6_addr.s6_addr + 12, sizeof last);
    return ntohl(last);
}

// Only 2000::/3 is given out for the open Internet; inside it are ranges that stand for something else.
bool isPublic6(const std::uint8_t* bytes) {
    if ((bytes[0] & 0xE0) != 0x20) return false;
    const unsigned first = static_cast<unsigned>(bytes[0]) << 8 | bytes[1];
    const unsigned second = static_cast<unsigned>(bytes[2]) << 8 | bytes[3];
    if (first == 0x2001 && (second < 0x0200 || second == 0x0db8)) return false;  // Teredo and such, documentation
    if (first == 0x2002) return false;                                           // 6to4: any IPv4 inside
    return (first & 0xFFF0) != 0x3FF0;                                           // documentation
}

}  // namespace

bool isLoopback(const sockaddr& address) {
    if (auto four = version4Of(address)) return *four >> 24 == 127;
    if (address.sa_family != AF_INET6) return false;
    sockaddr_in6 six;
    std::memcpy(&six, &address, sizeof six);
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

bool isPublic(const sockaddr& address) {
    if (auto four = version4Of(address)) return isPublic4(*four);
    if (address.sa_family != AF_INET6) return false;
    sockaddr_in6 six;
    std::memcpy(&six, &address, sizeof six);
    return isPublic6(six.sin6_addr.s6_addr);
}

std::string printed(const sockaddr& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.sa_family == AF_INET) {
        sockaddr_in four;
        std::memcpy(&four, &address, sizeof four);
        ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
    } else if (address.sa_family == AF_INET6) {
        sockaddr_in6 six;
        std::memcpy(&six, &address, sizeof six);
        ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
    }
    return text;
}

}  // namespace howdah::auth
