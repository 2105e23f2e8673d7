// Cost of a hit in the kernel: beforeQuery of a remembered answer with the copy of its rows, as setReply() makes it; of
// a read that is not looked up; of a miss with its store. Usage: bench_cache [rounds]
#define DOCTEST_CONFIG_IMPLEMENT
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/plugins/cache/cache_host.hpp"

namespace {

using namespace howdah;
using namespace howdah::cache::test;
using Clock = std::chrono::steady_clock;

// Where the kernel copies a reply to: an arena, and the vectors of a held result.
struct Held {
    std::vector<howdah_column> columns;
    std::vector<howdah_batch> batches;
};
std::vector<char> arena(1 << 20);

howdah_status copyReply(howdah_ctx*, howdah_query*, const howdah_result* result) {
    Held held;
    char* next = arena.data();
    for (std::uint64_t i = 0; i < result->column_count; ++i) {
        const howdah_column& column = result->columns[i];
        std::memcpy(next, column.name.data, column.name.size);
        held.columns.push_back({{next, column.name.size}, column.type_oid, column.type_modifier});
        next += column.name.size;
    }
    for (std::uint64_t i = 0; i < result->batch_count; ++i) {
        const howdah_batch& batch = result->batches[i];
        std::memcpy(next, batch.bytes, batch.size);
        held.batches.push_back({reinterpret_cast<const std::uint8_t*>(next), batch.size, batch.row_count});
        next += batch.size;
    }
    return HOWDAH_OK;
}

class BenchHost : public CacheHost {
public:
    explicit BenchHost(const std::string& folder) : CacheHost(folder) {
        quick_ = *static_cast<const howdah_query_v1*>(interfaces.at(HOWDAH_QUERY_1));
        quick_.reply = &copyReply;
        interfaces[HOWDAH_QUERY_1] = &quick_;
    }

private:
    howdah_query_v1 quick_{};
};

template <typename Work>
void measure(const char* what, int rounds, Work work) {
    constexpr int kTogether = 100;
    std::vector<double> ns;
    for (int round = 0; round < rounds; ++round) {
        const auto begun = Clock::now();
        for (int i = 0; i < kTogether; ++i)
            work(round * kTogether + i);
        ns.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begun).count() / kTogether);
    }
    std::sort(ns.begin(), ns.end());
    std::printf("%-44s median %7.0f ns   p99 %7.0f ns\n", what, ns[ns.size() / 2], ns[ns.size() * 99 / 100]);
}

}  // namespace

int main(int argc, char** argv) {
    doctest::Context context;
    context.setAsDefaultForAssertsOutOfTestCases();
    context.setAssertHandler([](const doctest::AssertData&) { std::abort(); });
    const int rounds = argc > 1 ? std::stoi(argv[1]) : 2000;
    const Folder folder;
    BenchHost host(folder.path());
    host.begin(R"({"ttl_ms":86400000})");
    const auto* hooks = host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
    howdah::test::FakeCall call(host, std::chrono::hours(1));
    const auto before = [&](FakeQuery& query) { return hooks->before_query(host.self(), call.ctx(), &query); };

    for (const std::size_t bytes : {std::size_t{30}, std::size_t{4096}, std::size_t{65536}}) {
        const std::string text =
            "select id, name, total from shop.orders where customer = $1 and status = $2 -- " + std::to_string(bytes);
        auto query = FakeQuery::reads(text, {1, 2});
        query->with({Value(42).raw(), textValue("paid")});
        (void)host.read(std::move(query), std::string(bytes, 'x'));
        auto again = FakeQuery::reads(text, {1, 2});
        again->with({Value(42).raw(), textValue("paid")});
        if (before(*again) != HOWDAH_REPLY) std::abort();
        measure(concat("hit of ", bytes, " bytes").c_str(), rounds, [&](int) { before(*again); });
    }
    auto other = FakeQuery::reads("select now()", {1});
    other->judged.flags = HOWDAH_FACT_READ_ONLY;
    measure("a read that is not cacheable", rounds, [&](int) { before(*other); });
    const FakeRows rows({"a row of thirty bytes, or so."});
    measure("a miss and its store", rounds, [&](int i) {
        auto fresh = FakeQuery::reads("select " + std::to_string(i), {1, 2});
        before(*fresh);
        hooks->after_query(host.self(), call.ctx(), fresh.get(), &rows.result());
    });
    auto write = FakeQuery::writes("update", {3});
    measure("a write of one relation", rounds, [&](int) {
        before(*write);
        hooks->after_query(host.self(), call.ctx(), write.get(), &rows.result());
    });
    host.stop();
    return 0;
}
