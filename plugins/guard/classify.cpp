#include "plugins/guard/classify.hpp"

#include <pg_query.h>

#include "plugins/guard/tree.hpp"

namespace howdah::guard {
namespace {

Result<Facts> judge(const std::string& sql, const Policy& policy, Path path, const Resolver* resolver) {
    auto scan = scanText(sql, policy.limits());
    if (!scan) return scan.error();
    return judgeTree(sql, *scan, policy, path, resolver);
}

}  // namespace

Result<Facts> classify(const std::string& sql, const Policy& policy, const Resolver* resolver) {
    return judge(sql, policy, Path::read, resolver);
}

Result<Facts> classifyWrite(const std::string& sql, const Policy& policy) {
    return judge(sql, policy, Path::write, nullptr);
}

std::uint64_t fingerprint(const std::string& sql) {
    PgQueryFingerprintResult result = pg_query_fingerprint(sql.c_str());
    const std::uint64_t value = result.error ? 0 : result.fingerprint;
    pg_query_free_fingerprint_result(result);
    return value;
}

}  // namespace howdah::guard
