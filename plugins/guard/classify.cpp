#include "plugins/guard/classify.hpp"

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

Result<Facts> classifyWrite(const std::string& sql, const Policy& policy, const Resolver* catalog) {
    return judge(sql, policy, Path::write, catalog);
}

}  // namespace howdah::guard
