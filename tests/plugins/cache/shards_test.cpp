// Two shards read and write at once, against a model: no answer is older than the last write that had ended before it
// was asked for.
#include <array>
#include <atomic>
#include <random>
#include <thread>

#include "tests/plugins/cache/cache_host.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

namespace {

constexpr std::uint32_t kRelations = 4;
constexpr int kOperations = 3000;

// A table as a number: what a read sees is what the last commit made it.
struct Model {
    std::array<std::atomic<std::uint64_t>, kRelations> committed{};     // as the database has it
    std::array<std::atomic<std::uint64_t>, kRelations> acknowledged{};  // as clients know
};

void acknowledge(std::atomic<std::uint64_t>& known, std::uint64_t value) {
    std::uint64_t before = known.load();
    while (before < value && !known.compare_exchange_weak(before, value)) {
    }
}

void work(CacheHost& host, Model& model, std::uint32_t shard, std::atomic<int>& wrong, std::atomic<int>& hits) {
    std::mt19937 random(shard + 1);
    for (int i = 0; i < kOperations; ++i) {
        const auto relation = static_cast<std::uint32_t>(random() % kRelations);
        if (random() % 10 == 0) {
            auto write = FakeQuery::writes("update", {relation + 1});
            if (host.before(*write, shard) != HOWDAH_PROCEED) ++wrong;
            const std::uint64_t value = ++model.committed[relation];
            host.after(*write, {}, shard);
            acknowledge(model.acknowledged[relation], value);
            continue;
        }
        auto query = FakeQuery::reads("select " + std::to_string(relation), {relation + 1});
        const std::uint64_t least = model.acknowledged[relation].load();
        const std::uint32_t verdict = host.before(*query, shard);
        std::uint64_t seen = 0;
        if (verdict == HOWDAH_REPLY) {
            ++hits;
            seen = std::stoull(query->replied.at(0));
        } else {
            seen = model.committed[relation].load();
            host.after(*query, {std::to_string(seen)}, shard);
        }
        if (seen < least) ++wrong;
    }
}

}  // namespace

TEST_CASE("cache: with two shards at work no answer is older than what was acknowledged before it was asked for") {
    const Folder folder;
    CacheHost host(folder.path());
    host.begin(R"({"l3":{"enabled":true},"l2":{"entries_max":16}})");
    Model model;
    std::atomic<int> wrong{0}, hits{0};
    std::thread other([&] { work(host, model, 1, wrong, hits); });
    work(host, model, 0, wrong, hits);
    other.join();
    CHECK(wrong == 0);
    CHECK(hits > kOperations / 10);
    host.stop();
}
