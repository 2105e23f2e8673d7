// What an answer depends on, as bytes: two queries with equal keys would be given the same rows.
//
// Subject and tenant stand in it as they are. The settings of the scope, which the kernel shows nobody, stand in it by
// scope_hash: 64 bits that no secret is in, so what two of them may have in common is never more than one principal's.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/abi/query.h>

namespace howdah::cache {

// Overwrites `key`, so that one buffer serves many queries.
void writeKey(const howdah_query& query, std::string& key);

// What stands in a key.
struct KeyParts {
    std::uint64_t scope_hash = 0;
    std::string_view database, subject, tenant;
};
KeyParts partsOf(std::string_view key);

// Seeded, so that nobody outside can make keys meet; whole keys are compared besides.
std::uint64_t hashOf(std::string_view bytes, std::uint64_t seed);

// A text parameter with "now", "today", "tomorrow" or "yesterday" in it, which PostgreSQL may read as a moment. Texts
// that only look so are not cached either.
bool namesAMoment(const howdah_value* parameters, std::uint64_t count);

}  // namespace howdah::cache
