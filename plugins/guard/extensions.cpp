#include "plugins/guard/extensions.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace howdah::guard {
namespace {

// Not here, because a function of theirs that is not VOLATILE runs SQL given as text (tablefunc, xml2), reaches another
// server or a file (dblink, postgres_fdw, file_fdw, adminpack), or shows raw pages and other sessions (pageinspect,
// pg_buffercache, pgrowlocks, pg_walinspect, ...).
constexpr auto kReviewed = std::to_array<std::string_view>({
    "bloom",   "btree_gin", "btree_gist", "citext",    "cube",   "earthdistance", "fuzzystrmatch",
    "hstore",  "intagg",    "intarray",   "isn",       "ltree",  "pg_trgm",       "pgcrypto",
    "postgis", "seg",       "unaccent",   "uuid-ossp", "vector",
});

using Member = std::pair<std::string_view, std::string_view>;
constexpr auto kVolatile = std::to_array<Member>({
    {"pg_stat_statements", "pg_stat_statements"},
    {"pg_stat_statements", "pg_stat_statements_info"},
    {"pgcrypto", "gen_random_bytes"},
    {"pgcrypto", "gen_random_uuid"},
    {"pgcrypto", "gen_salt"},
    {"tablefunc", "normal_rand"},
    {"uuid-ossp", "uuid_generate_v1"},
    {"uuid-ossp", "uuid_generate_v1mc"},
    {"uuid-ossp", "uuid_generate_v4"},
});

// More than their declaration says: a switch of the session, a table made from bytes.
constexpr auto kUnsafe = std::to_array<Member>({
    {"isn", "isn_weak"},
    {"postgis", "st_fromflatgeobuftotable"},
});

static_assert(std::ranges::is_sorted(kReviewed));
static_assert(std::ranges::is_sorted(kVolatile));

}  // namespace

bool isReviewedExtension(std::string_view extension) {
    return std::ranges::binary_search(kReviewed, extension);
}

bool isReviewedVolatile(std::string_view extension, std::string_view function) {
    return std::ranges::binary_search(kVolatile, Member{extension, function});
}

bool isKnownUnsafe(std::string_view extension, std::string_view function) {
    return std::ranges::find(kUnsafe, Member{extension, function}) != kUnsafe.end();
}

}  // namespace howdah::guard
