// A 64-bit hash whose collisions nobody can aim at: keyed by a secret drawn when the process starts. For tables in
// memory only; what is written down is named by stableHash().
//
// Threads: any.
// Source:  the folded multiplication of wyhash (Wang Yi); FNV-1a (Fowler, Noll, Vo).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

namespace howdah::analytics {

class SecretHash {
public:
    static const SecretHash& ofProcess() {
        static const SecretHash hash;
        return hash;
    }

    std::uint64_t operator()(std::string_view text, std::uint64_t before = 0) const {
        std::uint64_t hash = before ^ secret_[0] ^ text.size();
        const char* at = text.data();
        std::size_t left = text.size();
        for (; left > 16; left -= 16, at += 16)
            hash = folded(word<8>(at) ^ secret_[1], word<8>(at + 8) ^ hash);
        // The rest by two looks that may overlap: no copy of a size that is not known beforehand.
        std::uint64_t low = 0, high = 0;
        if (left >= 8) {
            low = word<8>(at);
            high = word<8>(at + left - 8);
        } else if (left >= 4) {
            low = word<4>(at);
            high = word<4>(at + left - 4);
        } else if (left > 0) {
            low = word<1>(at) << 8 | word<1>(at + left / 2);
            high = word<1>(at + left - 1);
        }
        return folded(low ^ secret_[1] ^ hash, high ^ secret_[2] ^ hash >> 32);
    }

private:
    SecretHash() {
        std::random_device device;
        for (std::uint64_t& part : secret_)
            part = std::uint64_t{device()} << 32 | device() | 1;
    }
    template <std::size_t kBytes>
    static std::uint64_t word(const char* at) {
        std::uint64_t value = 0;
        std::memcpy(&value, at, kBytes);
        return value;
    }
    static std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    std::uint64_t secret_[3];
};

// The same in every process.
constexpr std::uint64_t stableHash(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char byte : text)
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    return hash;
}

}  // namespace howdah::analytics
