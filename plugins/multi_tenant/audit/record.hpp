// One line of a tenant's audit log.
//
//   {"seq":7,"at":"2026-11-30T10:15:00.000Z","prev":"<hex>","key":"k1","nonce":"<hex>","body":"<base64>","hash":"<hex>"}
//
// `hash` is the SHA-256 of the line's bytes before `,"hash"`, `prev` the hash of the record before it. The body is
// sealed with the tenant's key and bound to the tenant and to all that stands before it, so nobody without the key
// makes a record that opens, in whatever chain he puts it. There is one spelling for each record; any other is broken.
//
// Threads: values, any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "plugins/multi_tenant/audit/keys.hpp"

namespace howdah::multi_tenant {

// A line is never longer, with its line break: what a call leaves in its record is bounded (calls.hpp).
inline constexpr std::size_t kLineBytesMax = 4u << 20;
inline constexpr std::size_t kHashDigits = 64;  // of a SHA-256, in hex

// Where a chain stands: the last record and its hash.
struct Link {
    std::uint64_t seq = 0;
    std::string hash;
};

// Before the first record; another one for each tenant.
Link beginningOf(std::string_view tenant);

// A line without its line break, and its link.
struct Line {
    std::string text;
    Link link;
};
Result<Line> makeLine(const Link& before, std::string_view tenant, const TenantKey& key, std::string_view at,
                      std::string_view body);

// A line taken apart; views into it. Nothing is checked but the form.
struct Record {
    std::uint64_t seq = 0;
    std::string_view at, prev, key, nonce, body, hash;
    std::string_view hashed;  // what the hash is of
    std::string_view bound;   // what the body is bound to, beside the tenant

    static std::optional<Record> parse(std::string_view line);
};

// Why a record is not the one after `before`, "" if it is. `body` becomes what was sealed.
std::string objectionTo(const Record& record, const Link& before, std::string_view tenant, const TenantKeys& keys,
                        std::string& body);

}  // namespace howdah::multi_tenant
