// Static bearer tokens, one a line: the token, or sha256: and the hex digest of one, then key=value fields.
//
//     howdah_9Z...                                    # name "default", scope howdah:write
//     sha256:5e88...42d8  name=ci  scopes=howdah:read  tenant=acme  tier=gold  expires=2027-01-01T00:00:00Z
//
// Threads: Tokens is immutable; TokenFile's functions block, a worker thread or the control thread.
// Errors:  invalid_argument naming the file and the line, never the token; unavailable when it cannot be read; refused
//          when others than its owner may write it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sys/stat.h>

#include <howdah/result.hpp>

#include "encoding.hpp"
#include "identity.hpp"

namespace howdah::auth {

inline constexpr std::size_t kTokenFileMax = 1 << 20;  // bytes
inline constexpr std::size_t kStaticTokenLeast = 20;   // characters of one that stands there in clear
inline constexpr std::string_view kDefaultScope = "howdah:write";

class Tokens {
public:
    static Result<Tokens> parse(std::string_view text, const std::string& file);

    // Null for a token that is not there; one that has expired is found, so that its owner can be told.
    std::shared_ptr<const Identity> find(const Digest& token) const;
    std::size_t size() const { return all_.size(); }
    std::size_t expiredCount(std::chrono::system_clock::time_point now) const;

private:
    std::unordered_map<Digest, std::shared_ptr<const Identity>, DigestHash> all_;
};

// The file behind them. `changed()` looks whether it is another one than was read last.
class TokenFile {
public:
    explicit TokenFile(std::string path) : path_(std::move(path)) {}

    const std::string& path() const { return path_; }
    bool changed() const;
    Result<Tokens> read();
    // The file with one new token, mode 0600, unless there is a file; true when it was made.
    Result<bool> createIfAbsent();
    // Every user of the machine can read it.
    bool exposed() const { return (seen_.mode & S_IROTH) != 0; }

private:
    struct Stamp {
        std::uint64_t inode = 0, size = 0;
        std::int64_t modified_ns = 0, changed_ns = 0;
        std::uint32_t mode = 0;
        bool operator==(const Stamp&) const = default;
    };
    static Stamp stampOf(const struct stat& about);

    std::string path_;
    Stamp seen_;
};

}  // namespace howdah::auth
