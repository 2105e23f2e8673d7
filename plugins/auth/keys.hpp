// Keys an authorization server signs with, as it publishes them (a JWK Set), and the check of one signature.
//
// Threads: KeySet is immutable; verifies() any.
// Owns:    the OpenSSL keys.
// Errors:  parse(): invalid_argument when it is no JWK Set; keys that cannot sign a token here are left out.
// Source:  RFC 7517 (JWK), RFC 7518, sections 3 and 6, RFC 8037 (Ed25519).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>

#include <howdah/result.hpp>

namespace howdah::auth {

// Signatures only: `none` has no place here, nor have the HS* algorithms, with which whoever checks could sign as well.
enum class Algorithm : std::uint8_t { rs256, rs384, rs512, ps256, ps384, ps512, es256, es384, eddsa };
std::optional<Algorithm> algorithmNamed(std::string_view name);
std::string_view nameOf(Algorithm algorithm);
std::vector<Algorithm> allAlgorithms();

enum class KeyKind : std::uint8_t { rsa, p256, p384, ed25519 };
KeyKind kindFor(Algorithm algorithm);

struct Key {
    struct Free {
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    };
    std::string id;                 // kid, "" = none
    std::optional<Algorithm> only;  // alg, when the server says what the key is for
    KeyKind kind = KeyKind::rsa;
    std::unique_ptr<EVP_PKEY, Free> key;

    bool fits(Algorithm algorithm) const { return kindFor(algorithm) == kind && only.value_or(algorithm) == algorithm; }
    bool verifies(Algorithm algorithm, std::string_view text, std::string_view signature) const;
};

class KeySet {
public:
    static constexpr std::size_t kKeysMax = 100;
    static constexpr int kRsaBitsMin = 2048;
    static constexpr int kRsaBitsMax = 8192;  // a larger one makes each check dear

    static Result<KeySet> parse(std::string_view json);

    // Keys that may have made a signature: of that id, or any when the token names none. Only those that fit.
    std::vector<const Key*> candidates(const std::optional<std::string>& id, Algorithm algorithm) const;
    bool knows(std::string_view id) const;
    std::size_t size() const { return keys_.size(); }

private:
    std::vector<Key> keys_;
};

}  // namespace howdah::auth
