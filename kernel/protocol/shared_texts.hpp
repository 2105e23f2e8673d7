// SharedTexts: texts that instances leave for each other in a kv that is not to be trusted. Each is sealed with the
// keys that the instances have in common and bound to its own key, so what is read is what an instance has written
// there, or nothing. One that is too long for a value is kept in pieces.
//
// Threads: a fiber.
// Errors:  those of kv; unavailable when what stands there cannot be opened or is not whole; invalid_argument for a
//          text over kTextMax.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/base/sealer.hpp"
#include "kernel/host/shared_kv.hpp"

namespace howdah::kernel {

class SharedTexts {
public:
    static constexpr std::size_t kPieceBytes = 46u << 10;  // sealed, it fits into a value
    static constexpr std::size_t kPiecesMax = 96;          // a message of limits.message_bytes_max by default, and more
    static constexpr std::size_t kTextMax = kPieceBytes * kPiecesMax;

    SharedTexts(const SharedKv& kv, const Sealer& sealer) : kv_(kv), sealer_(sealer) {}

    Result<void> put(const std::string& key, std::string_view text, std::chrono::milliseconds ttl) const;
    Result<std::optional<std::string>> get(const std::string& key) const;
    // Of one piece; false when there is one already.
    Result<bool> putIfAbsent(const std::string& key, std::string_view text, std::chrono::milliseconds ttl) const;

    // Of one piece: for what is compared and set.
    Result<std::string> seal(std::string_view key, std::string_view text, std::chrono::milliseconds life) const;
    Result<std::string> open(std::string_view key, std::string_view sealed) const;

private:
    const SharedKv& kv_;
    const Sealer& sealer_;
};

}  // namespace howdah::kernel
