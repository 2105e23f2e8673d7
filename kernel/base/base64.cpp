#include "kernel/base/base64.hpp"

#include <cstdint>

namespace howdah::kernel {
namespace {

constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::optional<std::string> decoded(std::string_view text, std::string_view alphabet) {
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t held = 0;
    unsigned bits = 0;
    for (char c : text) {
        const auto value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        held = (held << 6) | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out += static_cast<char>((held >> bits) & 255);
    }
    const std::uint32_t left_over = held & ((1u << bits) - 1);
    if (bits >= 6 || left_over != 0) return std::nullopt;
    return out;
}

std::string encoded(std::string_view bytes, std::string_view alphabet) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    std::uint32_t held = 0;
    unsigned bits = 0;
    for (char byte : bytes) {
        held = (held << 8) | static_cast<unsigned char>(byte);
        for (bits += 8; bits >= 6; bits -= 6)
            out += alphabet[(held >> (bits - 6)) & 63];
    }
    if (bits > 0) out += alphabet[(held << (6 - bits)) & 63];
    return out;
}

}  // namespace

std::string toBase64(std::string_view bytes) {
    std::string out = encoded(bytes, kPlain);
    out.resize((out.size() + 3) / 4 * 4, '=');
    return out;
}

std::optional<std::string> fromBase64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    return decoded(text.substr(0, text.size() - padding), kPlain);
}

std::string toBase64Url(std::string_view bytes) {
    return encoded(bytes, kUrl);
}

std::optional<std::string> fromBase64Url(std::string_view text) {
    return decoded(text, kUrl);
}

}  // namespace howdah::kernel
