// Digests, keys and sealed texts, over OpenSSL's libcrypto.
//
// Threads: pure functions, any.
// Errors:  internal where libcrypto refuses; nullopt where a text was not sealed with this key.
// Source:  NIST FIPS 180-4, SP 800-38D; RFC 2104, RFC 5869.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::multi_tenant {

// Wiped when it is no longer needed.
class Key {
public:
    static constexpr std::size_t kBytes = 32;
    Key() = default;
    Key(const Key&) = default;
    Key& operator=(const Key&) = default;
    ~Key();

    unsigned char* data() { return bytes_.data(); }
    const unsigned char* data() const { return bytes_.data(); }

private:
    std::array<unsigned char, kBytes> bytes_{};
};

std::optional<std::string> fromHex(std::string_view text);     // lower case only: one spelling for each value
std::optional<std::string> fromBase64(std::string_view text);  // padded, as toBase64 of content.hpp makes it

std::string sha256Hex(std::string_view bytes);
std::string hmacHex(const Key& key, std::string_view bytes);
bool sameText(std::string_view a, std::string_view b);  // in a time that does not tell where they differ

// HKDF-SHA256.
Result<Key> derivedKey(const Key& from, std::string_view salt, std::string_view purpose);
Result<std::string> randomBytes(std::size_t count);

// AES-256-GCM; what comes out is the cipher text and its tag. `beside` is bound to it but not in it.
inline constexpr std::size_t kNonceBytes = 12;
Result<std::string> seal(const Key& key, std::string_view nonce, std::string_view text, std::string_view beside);
std::optional<std::string> unseal(const Key& key, std::string_view nonce, std::string_view sealed,
                                  std::string_view beside);

}  // namespace howdah::multi_tenant
