// What one recorded query costs its shard: the four calls of its hooks, clocks included, on one thread and on two with
// a recorder each, as shards have them. Usage: bench_analytics [queries]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "plugins/analytics/recorder.hpp"

namespace {

using namespace howdah::analytics;
using Clock = std::chrono::steady_clock;

std::uint64_t nowNs() {
    return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
}

double threadNs() {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
}

const std::string kText(180, 'x');

NameViews names() {
    NameViews views;
    views[Name::plugin] = "query";
    views[Name::tool] = "query";
    views[Name::tenant] = "acme";
    views[Name::database] = "main";
    return views;
}

// Twenty texts of 180 bytes, five at a time under way.
void record(Recorder& recorder, std::uint64_t queries) {
    std::vector<std::string> texts;
    texts.reserve(20);
    for (int i = 0; i < 20; ++i)
        texts.push_back(kText + std::to_string(i));
    for (std::uint64_t i = 0; i < queries; i += 5) {
        for (std::uint64_t j = i; j < i + 5; ++j) {
            recorder.callBegins(j, "Visual Studio Code");
            recorder.queryBegins(0x7f0000001000 + j % 64 * 4096, nowNs(), texts[j % texts.size()], true, "acme");
        }
        for (std::uint64_t j = i; j < i + 5; ++j) {
            Sample sample;
            sample.rows = 10;
            sample.bytes = 400;
            sample.database_ns = 300'000 + j % 1000 * 1000;
            recorder.queryEnds(0x7f0000001000 + j % 64 * 4096, j, nowNs(), names(), sample, {});
            recorder.callEnds(j);
        }
    }
}

double costNs(unsigned threads, std::uint64_t queries) {
    const Config config;
    std::vector<std::unique_ptr<Recorder>> recorders;
    for (unsigned i = 0; i < threads; ++i) {
        recorders.push_back(std::make_unique<Recorder>(config));
        record(*recorders.back(), 100);
        for (const auto& waiting : recorders.back()->takeWaiting())
            recorders.back()->settle(waiting, statementPattern(waiting.text_hash, "select $1", 100), true);
    }
    std::vector<double> took(threads);
    std::vector<std::thread> shards;
    shards.reserve(threads);
    for (unsigned i = 0; i < threads; ++i) {
        shards.emplace_back([&, i] {
            const double began = threadNs();
            record(*recorders[i], queries);
            took[i] = threadNs() - began;
        });
    }
    for (std::thread& shard : shards)
        shard.join();
    return *std::max_element(took.begin(), took.end()) / static_cast<double>(queries);
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t queries = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000;
    for (const unsigned threads : {1U, 2U}) {
        double best = 1e9, worst = 0;
        for (int round = 0; round < 5; ++round) {
            const double cost = costNs(threads, queries);
            best = cost < best ? cost : best;
            worst = cost > worst ? cost : worst;
        }
        std::printf("analytics: a recorded call, %u thread%s: %.0f ns (worst of 5 rounds %.0f ns)\n", threads,
                    threads == 1 ? "" : "s", best, worst);
    }
    return 0;
}
