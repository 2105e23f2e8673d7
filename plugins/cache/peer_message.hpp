// What instances tell one another of writes: numbers in text, strictly read.
//
//     b <number> <instance> <database> <flags> <slot>,<slot>,...   a write is about to be sent; in the log the same
//     e <number> <settled>                                         it has ended; in the log "b ..." with kEnded
//     a <number> <member>                                          to its writer: nothing older is given out here
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace howdah::cache {

struct WriteMessage {
    static constexpr std::uint32_t kWhole = 1;      // of a database
    static constexpr std::uint32_t kDefines = 2;    // definitions, perhaps
    static constexpr std::uint32_t kEnded = 4;      // and settled, or
    static constexpr std::uint32_t kUnsettled = 8;  // ended, and may still come true
    static constexpr std::size_t kSlotsMax = 4'096;

    std::string instance;
    std::uint32_t database = 0;  // oid; 0: not known which
    std::uint32_t flags = 0;
    std::vector<std::uint32_t> slots;

    bool operator==(const WriteMessage&) const = default;
};

struct PeerMessage {
    char kind = 0;
    std::uint64_t number = 0;
    WriteMessage write;    // of b
    bool settled = false;  // of e
    std::string member;    // of a
};

// A name in messages and keys: 1 to 64 letters, digits and -.
bool isPeerName(std::string_view name);

// The list of members: names with a space in between. Nothing for a list of more than that many, or of what is no name.
inline constexpr std::size_t kMembersMax = 64;
std::string membersText(const std::vector<std::string>& members);
std::optional<std::vector<std::string>> membersIn(std::string_view text);

std::string begunText(std::uint64_t number, const WriteMessage& write);
std::string endedText(std::uint64_t number, bool settled);
std::string heardText(std::uint64_t number, std::string_view member);
// Nothing for what is none of these to the last byte.
std::optional<PeerMessage> peerMessage(std::string_view text);

}  // namespace howdah::cache
