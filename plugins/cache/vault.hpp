// Seals what goes to the disk or to a shared store: AES-256-GCM with a key for each scope, derived from one that a file
// holds; and names it so that who lacks that file learns nothing from the name.
//
// Threads: any.
// Owns:    the key, wiped at the end.
// Errors:  open(): unavailable where the file cannot be read or made, invalid_argument where it holds no key.
// Source:  NIST SP 800-38D (GCM, random 96-bit nonces); RFC 5869 (HKDF); RFC 2104 (HMAC).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

struct evp_mac_ctx_st;

namespace howdah::cache {

class Vault {
public:
    static constexpr std::size_t kKeyBytes = 32;

    // Makes the file, for its owner alone, if `may_make` and there is none; then nobody else may do so at once.
    static Result<Vault> open(const std::string& path, bool may_make);
    Vault(Vault&&) = default;
    Vault& operator=(Vault&&) = default;
    ~Vault();

    // HMAC-SHA256 of the parts, 32 bytes; no two lists of parts run into the same bytes. Empty: it could not be done.
    std::string digest(std::initializer_list<std::string_view> parts) const;

    // `scope` chooses the key, `about` must be the same when it is opened. Empty: it could not be done.
    std::string seal(std::string_view scope, std::string_view about, std::string_view text) const;
    // Nothing for what was altered, or sealed for another scope, about something else, or with another key.
    std::optional<std::string> open(std::string_view scope, std::string_view about, std::string_view sealed) const;

private:
    using Key = std::array<unsigned char, kKeyBytes>;
    struct FreeMac {
        void operator()(evp_mac_ctx_st* mac) const;
    };
    explicit Vault(const Key& key);
    std::optional<Key> keyOf(std::string_view scope) const;

    Key key_;
    std::unique_ptr<evp_mac_ctx_st, FreeMac> digests_;  // keyed; copied for each digest. Null: it could not be made
};

}  // namespace howdah::cache
