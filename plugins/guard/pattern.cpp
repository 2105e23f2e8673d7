#include "plugins/guard/pattern.hpp"

#include <memory>

#include <pg_query.h>

namespace howdah::guard {

std::uint64_t fingerprint(const std::string& sql) {
    PgQueryFingerprintResult result = pg_query_fingerprint(sql.c_str());
    const std::uint64_t value = result.error ? 0 : result.fingerprint;
    pg_query_free_fingerprint_result(result);
    return value;
}

Result<Pattern> patternOf(const std::string& sql) {
    Pattern pattern{fingerprint(sql), {}};
    PgQueryNormalizeResult result = pg_query_normalize(sql.c_str());
    const auto free = [](PgQueryNormalizeResult* made) { pg_query_free_normalize_result(*made); };
    const std::unique_ptr<PgQueryNormalizeResult, decltype(free)> owner(&result, free);
    if (result.error) return Error::invalidArgument("the statement does not parse: ", result.error->message);
    pattern.text = result.normalized_query;
    return pattern;
}

}  // namespace howdah::guard
