// Bytes as text and digests: base64url without padding (RFC 4648, section 5; RFC 7515, appendix C), hex, SHA-256.
//
// Threads: pure functions, any.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace howdah::auth {

// Nothing when it is not the one spelling an encoder makes: other characters, padding, a length no encoder makes,
// bits behind the last byte.
std::optional<std::string> fromBase64Url(std::string_view text);
std::string toBase64Url(std::string_view bytes);

using Digest = std::array<unsigned char, 32>;
Digest sha256(std::string_view bytes);
std::optional<Digest> digestFromHex(std::string_view hex);  // 64 digits

// In a time that does not depend on where they differ.
bool sameDigest(const Digest& a, const Digest& b);

// What a log may show of a token: the first 8 hex digits of its digest.
std::string shortName(const Digest& digest);

// A digest is as good as random already.
struct DigestHash {
    std::size_t operator()(const Digest& digest) const {
        std::size_t first;
        std::memcpy(&first, digest.data(), sizeof first);
        return first;
    }
};

}  // namespace howdah::auth
