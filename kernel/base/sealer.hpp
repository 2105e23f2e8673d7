// Sealer: makes a text safe to leave with somebody who may keep, show or alter it: encrypted, authenticated, bound to
// whoever may bring it back, and with an end.
//
// Threads: any.
// Owns:    its keys: a random one, for as long as the process, or those that several instances share.
// Errors:  not_found for whatever cannot be opened, without saying why; invalid_argument for a text too long.
// Source:  NIST SP 800-38D (AES-256-GCM, random 96-bit nonces); RFC 4648 section 5 (base64url, no padding).
#pragma once

#include <array>
#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

namespace howdah::kernel {

class Sealer {
public:
    using Clock = std::chrono::system_clock;
    static constexpr std::size_t kTextMax = 64 * 1024;

    Sealer();
    ~Sealer();
    Sealer(const Sealer&) = delete;
    Sealer& operator=(const Sealer&) = delete;

    // [start] From texts of at least kKeyTextMin bytes that nobody can guess. The first seals; each opens, so that a
    // new one can take over.
    void useKeys(const std::vector<std::string>& texts);
    static constexpr std::size_t kKeyTextMin = 32;

    // What a sealed text is bound to, from parts that cannot run into each other.
    static std::string bindingOf(std::initializer_list<std::string_view> parts);

    Result<std::string> seal(std::string_view text, std::string_view bound_to, Clock::time_point expires) const;
    Result<std::string> open(std::string_view sealed, std::string_view bound_to, Clock::time_point now) const;

private:
    using Key = std::array<unsigned char, 32>;
    static Result<std::string> openWith(const Key& key, const std::string& bytes, std::string_view bound_to);
    void forgetKeys();

    std::vector<Key> keys_;  // at least one
};

}  // namespace howdah::kernel
