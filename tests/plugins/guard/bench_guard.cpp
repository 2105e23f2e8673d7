// Cost of a judgement: median and 99th percentile of classify(), and of a cache hit. Usage: bench_guard [rounds]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "plugins/guard/classify.hpp"
#include "plugins/guard/facts_cache.hpp"

namespace {

using namespace howdah::guard;
using Clock = std::chrono::steady_clock;

double nanosecondsSince(Clock::time_point start) {
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

std::string longStatement(std::size_t bytes) {
    std::string sql = "select a.id";
    for (int i = 0; sql.size() < bytes - 60; ++i)
        sql += ", coalesce(lower(a.column_" + std::to_string(i) + "), 'none') as c" + std::to_string(i);
    return sql + " from shop.orders a where a.id = $1";
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::max(std::atoi(argv[1]), 10) : 5000;
    const std::vector<std::pair<const char*, std::string>> statements{
        {"select 1", "select 1"},
        {"lookup", "select id, total, status from shop.orders where id = $1"},
        {"268-byte CTE",
         "WITH t AS (SELECT customer_id, sum(total) AS s, count(*) AS n FROM shop.orders WHERE placed_at > now() - "
         "interval '30 "
         "days' GROUP BY 1) SELECT c.name, t.s, t.n FROM t JOIN shop.customers c ON c.id = t.customer_id WHERE t.s > "
         "$1 ORDER BY "
         "t.s DESC, c.name LIMIT 20"},
        {"4 KiB select", longStatement(4096)},
        {"refused", "select id, pg_sleep(10) from shop.orders where id = $1"},
    };
    std::printf("%-16s %8s %12s %12s %14s\n", "statement", "bytes", "median us", "p99 us", "cache hit ns");
    FactsCache cache({});
    const Policy policy;
    for (const auto& [name, sql] : statements) {
        std::vector<double> times;
        for (int i = 0; i < rounds; ++i) {
            const auto start = Clock::now();
            auto judged = classify(sql, policy);
            times.push_back(nanosecondsSince(start));
        }
        std::ranges::sort(times);
        cache.insert(sql, Path::read, 0, classify(sql, policy));
        constexpr int kHits = 200'000;
        const auto start = Clock::now();
        for (int i = 0; i < kHits; ++i)
            cache.find(sql, Path::read, 0);
        const double hit = nanosecondsSince(start) / kHits;
        std::printf("%-16s %8zu %12.1f %12.1f %14.0f\n", name, sql.size(), times[times.size() / 2] / 1000,
                    times[times.size() * 99 / 100] / 1000, hit);
    }
}
