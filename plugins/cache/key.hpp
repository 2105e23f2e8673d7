// What an answer depends on, as bytes: two queries with equal keys would be given the same rows.
//
// The principal stands in it by scope_hash alone, which the kernel computes from database, subject, tenant and
// settings.
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
    std::string_view database;
};
KeyParts partsOf(std::string_view key);

// Seeded, so that nobody outside can make keys meet; whole keys are compared besides.
std::uint64_t hashOf(std::string_view bytes, std::uint64_t seed);

// A text parameter with "now", "today", "tomorrow" or "yesterday" in it, which PostgreSQL may read as a moment. Texts
// that only look so are not cached either.
bool namesAMoment(const howdah_value* parameters, std::uint64_t count);

}  // namespace howdah::cache
