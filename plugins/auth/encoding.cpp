#include "encoding.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <howdah/hex.hpp>

namespace howdah::auth {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int valueOf(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int hexValueOf(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

std::optional<std::string> fromBase64Url(std::string_view text) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    unsigned held = 0;
    int bits = 0;
    for (char c : text) {
        const int value = valueOf(c);
        if (value < 0) return std::nullopt;
        held = (held << 6 | static_cast<unsigned>(value)) & 0xFFFF;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(held >> bits & 0xFF);
    }
    if ((held & ((1u << bits) - 1)) != 0) return std::nullopt;
    return bytes;
}

std::string toBase64Url(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size() / 3 * 4 + 4);
    unsigned held = 0;
    int bits = 0;
    for (unsigned char byte : bytes) {
        held = (held << 8 | byte) & 0xFFFF;
        for (bits += 8; bits >= 6; bits -= 6)
            text += kAlphabet[held >> (bits - 6) & 63];
    }
    if (bits > 0) text += kAlphabet[held << (6 - bits) & 63];
    return text;
}

Digest sha256(std::string_view bytes) {
    Digest digest;
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    return digest;
}

std::optional<Digest> digestFromHex(std::string_view hex) {
    Digest digest;
    if (hex.size() != digest.size() * 2) return std::nullopt;
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const int high = hexValueOf(hex[2 * i]);
        const int low = hexValueOf(hex[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        digest[i] = static_cast<unsigned char>(high << 4 | low);
    }
    return digest;
}

bool sameDigest(const Digest& a, const Digest& b) {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string shortName(const Digest& digest) {
    return toHex({reinterpret_cast<const char*>(digest.data()), 4});
}

}  // namespace howdah::auth
