// Cost of a judgement: median and 99th percentile of classify() at first sight, by the text alone and by a catalog, and
// of a cache hit; then of the catalog itself. Usage: bench_guard [rounds]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "plugins/guard/classify.hpp"
#include "plugins/guard/facts_cache.hpp"
#include "plugins/guard/snapshot_builder.hpp"

namespace {

using namespace howdah::guard;
using Clock = std::chrono::steady_clock;
using Part = Snapshot::Builder::Part;

double nanosecondsSince(Clock::time_point start) {
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

std::string longStatement(std::size_t bytes) {
    std::string sql = "select a.id";
    for (int i = 0; sql.size() < bytes - 60; ++i)
        sql += ", coalesce(lower(a.column_" + std::to_string(i) + "), 'none') as c" + std::to_string(i);
    return sql + " from shop.orders a where a.id = $1";
}

// What an analyst writes: joins, WITH queries, windows, aggregates, up to the same size.
std::string report(std::size_t bytes) {
    std::string sql = "with t0 as (select id, total, status, placed_at from shop.orders where id = $1)";
    for (int i = 1; sql.size() < bytes - 400; ++i) {
        const std::string n = std::to_string(i), before = std::to_string(i - 1);
        sql += howdah::concat(
            ", t", n,
            " as (select o.status, count(*) as n, sum(o.total) as total, max(t.placed_at) as last, rank() "
            "over (partition by o.status order by sum(o.total) desc) as r from shop.orders o join t",
            before,
            " t using (status) where o.placed_at between now() - interval '30 days' and now() and o.status in ('new', "
            "'paid') group by o.status having count(*) > 3)");
    }
    return sql + " select * from t1 order by total desc limit 20";
}

// 5,000 tables, 1,000 views, 5,000 functions.
std::string many(int count, const char* format) {
    std::string json = "[";
    for (int i = 0; i < count; ++i) {
        char row[256];
        std::snprintf(row, sizeof row, format, 20000 + i, i, 40000 + i);
        json += (i == 0 ? "" : ",") + std::string(row);
    }
    return json + "]";
}

std::shared_ptr<const Snapshot> catalog(const Policy& policy) {
    Snapshot::Builder builder;
    const auto add = [&](Part part, const std::string& json) {
        if (!builder.add(part, json)) std::abort();
    };
    add(Part::own_functions, "[[870,\"lower\"]]");
    add(Part::schemas, "[[11,\"pg_catalog\",true],[100,\"public\",true],[200,\"shop\",false]]");
    add(Part::schemas, "[[0,\"reader\",false]]");
    add(Part::functions, many(5000, "[%d,200,\"f%d\",2,1,false,\"f\",\"i\",0,null,false,null,false,false]"));
    add(Part::relations, many(5000, "[%d,200,\"t%d\",\"r\",false,false,%d]"));
    add(Part::types, many(5000, "[%d,200,\"t%d\",0,%d,null]"));
    add(Part::relations, "[[99998,200,\"orders\",\"r\",false,false,0],[99999,200,\"customers\",\"r\",false,false,0]]");
    add(Part::code, many(1000, "[\"r\",%d,[870],[20001,20002],false]"));
    auto built = builder.build(policy);
    if (!built) std::abort();
    return *built;
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::max(std::stoi(argv[1]), 10) : 5000;
    const std::vector<std::pair<const char*, std::string>> statements{
        {"select 1", "select 1"},
        {"lookup", "select id, total, status from shop.orders where id = $1"},
        {"268-byte CTE",
         "WITH t AS (SELECT customer_id, sum(total) AS s, count(*) AS n FROM shop.orders WHERE placed_at > now() - "
         "interval '30 "
         "days' GROUP BY 1) SELECT c.name, t.s, t.n FROM t JOIN shop.customers c ON c.id = t.customer_id WHERE t.s > "
         "$1 ORDER BY "
         "t.s DESC, c.name LIMIT 20"},
        {"1 KiB report", report(1024)},
        {"4 KiB report", report(4096)},
        {"4 KiB select", longStatement(4096)},
        {"grows", "select author, repeat('#', count(*)::int), lpad(id::text, 8, '0') from shop.books group by author"},
        {"refused", "select id, pg_sleep(10) from shop.orders where id = $1"},
    };
    const Policy policy;
    auto start = Clock::now();
    const auto snapshot = catalog(policy);
    const double build_ms = nanosecondsSince(start) / 1e6;
    const SchemaSet path = SchemaSet::ofSession(*snapshot);
    const Resolver resolver(*snapshot, path);

    std::printf("%-16s %8s %12s %12s %12s %14s\n", "statement", "bytes", "text us", "catalog us", "p99 us",
                "cache hit ns");
    FactsCache cache({});
    for (const auto& [name, sql] : statements) {
        const auto timed = [&](const Resolver* by) {
            std::vector<double> times;
            for (int i = 0; i < rounds; ++i) {
                const auto began = Clock::now();
                auto judged = classify(sql, policy, by);
                times.push_back(nanosecondsSince(began));
            }
            std::ranges::sort(times);
            return times;
        };
        const auto by_text = timed(nullptr), by_catalog = timed(&resolver);
        cache.insert(sql, Path::read, 0, classify(sql, policy));
        constexpr int kHits = 200'000;
        start = Clock::now();
        for (int i = 0; i < kHits; ++i)
            cache.find(sql, Path::read, 0);
        const double hit = nanosecondsSince(start) / kHits;
        std::printf("%-16s %8zu %12.1f %12.1f %12.1f %14.0f\n", name, sql.size(), by_text[by_text.size() / 2] / 1000,
                    by_catalog[by_catalog.size() / 2] / 1000, by_catalog[by_catalog.size() * 99 / 100] / 1000, hit);
    }
    std::printf("\ncatalog of %zu objects: put together in %.1f ms, %.1f MiB\n", snapshot->objectCount(), build_ms,
                static_cast<double>(snapshot->bytes()) / 1024 / 1024);
}
