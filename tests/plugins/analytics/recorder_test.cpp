#include "plugins/analytics/recorder.hpp"

#include <atomic>
#include <functional>
#include <thread>

#include <doctest/doctest.h>

#include "plugins/analytics/history.hpp"
#include "tests/plugins/analytics/support.hpp"

namespace howdah::analytics {
namespace {

constexpr std::uint64_t kQuery = 0x1000, kRequest = 7;

// One query from its first hook to its last, of a client.
void ask(Recorder& recorder, std::string_view sql, std::string_view rule = {}, std::uint64_t query = kQuery) {
    recorder.queryBegins(query, 100, sql, true);
    recorder.queryEnds(query, kRequest, 100 + 5 * kMs, namesOf(""), {}, rule);
}
void settleAll(Recorder& recorder, const PatternPtr& pattern) {
    for (const auto& waiting : recorder.takeWaiting())
        recorder.settle(waiting, pattern, true);
}

}  // namespace

TEST_CASE("analytics: a text is read once, and counted then and ever after") {
    const Config config;
    Recorder recorder(config);
    ask(recorder, "select 1");
    CHECK_FALSE(recorder.hasCells());
    auto waiting = recorder.takeWaiting();
    REQUIRE(waiting.size() == 1);
    CHECK(waiting[0].sql == "select 1");
    recorder.settle(waiting[0], patternNamed(9), true);
    ask(recorder, "select 1");
    ask(recorder, "select 1");
    CHECK_FALSE(recorder.hasWaiting());
    const Cells cells = recorder.takeCells();
    REQUIRE(cells.size() == 1);
    CHECK(cells.table().begin()->first.pattern->fingerprint == 9);
    const Tally& tally = cells.table().begin()->second;
    CHECK(tally.calls == 3);
    CHECK(tally.latency_ns == 15 * kMs);
    CHECK_FALSE(recorder.hasCells());
}

TEST_CASE("analytics: what was refused is counted by its rule, and its text is kept nowhere") {
    const Config config;
    Recorder recorder(config);
    ask(recorder, "drop table ada", "read_only");
    CHECK_FALSE(recorder.hasWaiting());
    const Cells cells = recorder.takeCells();
    REQUIRE(cells.size() == 1);
    CHECK(cells.table().begin()->first.pattern->text == "read_only");
    CHECK(cells.table().begin()->first.pattern->kind == PatternKind::refused);
}

TEST_CASE("analytics: a plugin's own text is its own pattern and waits for nobody") {
    const Config config;
    Recorder recorder(config);
    recorder.queryBegins(kQuery, 0, "select 'constant of the plugin'", false);
    recorder.queryEnds(kQuery, kRequest, kMs, namesOf(""), {}, {});
    CHECK_FALSE(recorder.hasWaiting());
    CHECK(recorder.takeCells().table().begin()->first.pattern->text == "select 'constant of the plugin'");
    // The same text from a client is another thing.
    ask(recorder, "select 'constant of the plugin'");
    CHECK(recorder.hasWaiting());
    settleAll(recorder, unreadPattern());
}

TEST_CASE("analytics: the client of a call is that of its queries, until the call ends") {
    const Config config;
    Recorder recorder(config);
    const std::string liar(5000, 'x');
    recorder.callBegins(kRequest, liar);
    ask(recorder, "drop", "rule");
    recorder.callEnds(kRequest);
    const Cells during = recorder.takeCells();
    CHECK(during.table().begin()->first.names[Name::client] == bounded(liar));
    ask(recorder, "drop", "rule");
    CHECK(recorder.takeCells().table().begin()->first.names[Name::client].empty());
}

TEST_CASE("analytics: interleaved queries do not mix") {
    const Config config;
    Recorder recorder(config);
    recorder.queryBegins(1, 0, "select a", false);
    recorder.queryBegins(2, kMs, "select b", false);
    Sample one, other;
    one.bytes = 200;
    other.bytes = 7;
    recorder.queryEnds(1, kRequest, 10 * kMs, namesOf(""), one, {});
    recorder.queryEnds(2, kRequest, 3 * kMs, namesOf(""), other, {});
    const Cells cells = recorder.takeCells();
    REQUIRE(cells.size() == 2);
    for (const auto& [key, tally] : cells.table()) {
        CHECK(tally.bytes == (key.pattern->text == "select a" ? 200 : 7));
        CHECK(tally.latency_ns == (key.pattern->text == "select a" ? 10 : 2) * kMs);
    }
}

TEST_CASE("analytics: a query whose beginning is not known is counted all the same") {
    const Config config;
    Recorder recorder(config);
    Sample sample;
    sample.database_ns = 4 * kMs;
    recorder.queryEnds(kQuery, kRequest, kMs, namesOf(""), sample, {});
    const Cells cells = recorder.takeCells();
    CHECK(cells.table().begin()->first.pattern->kind == PatternKind::unread);
    CHECK(sumOf(cells).latency_ns == 4 * kMs);
    // As many under way as there is room for, and one more.
    for (std::uint64_t query = 1; query <= Recorder::kUnderWayMax + 1; ++query)
        recorder.queryBegins(query * 64, 0, "select own", false);
    for (std::uint64_t query = 1; query <= Recorder::kUnderWayMax + 1; ++query)
        recorder.queryEnds(query * 64, kRequest, kMs, namesOf(""), {}, {});
    std::uint64_t unread = 0, known = 0;
    const Cells many = recorder.takeCells();
    for (const auto& [key, tally] : many.table())
        (key.pattern->kind == PatternKind::unread ? unread : known) += tally.calls;
    CHECK(unread == 1);
    CHECK(known == Recorder::kUnderWayMax);
}

TEST_CASE("analytics: new texts wait in bounded room; what comes beyond is counted as unread at once") {
    Config config;
    config.waiting_bytes_max = 65536;
    Recorder recorder(config);
    const std::string text(1000, 'x');
    for (int i = 0; i < 1000; ++i)
        ask(recorder, text + std::to_string(i));
    const auto waiting = recorder.takeWaiting();
    CHECK(waiting.size() > 40);
    CHECK(waiting.size() * (1000 + sizeof(Recorder::Waiting)) <= 65536);
    const Cells cells = recorder.takeCells();
    CHECK(sumOf(cells).calls == 1000 - waiting.size());
    // Those taken still count until they are settled; then there is room again.
    ask(recorder, text + "more");
    CHECK(sumOf(recorder.takeCells()).calls == 1);
    for (const auto& one : waiting)
        recorder.settle(one, patternNamed(1), false);
    ask(recorder, "another one");
    CHECK(recorder.hasWaiting());
    settleAll(recorder, unreadPattern());
}

TEST_CASE("analytics: what comes after one that was refused for its length finds the room it gave back") {
    Config config;
    config.waiting_bytes_max = 65536;
    Recorder recorder(config);
    for (int i = 0; i < 1000; ++i)
        ask(recorder, std::string(60000, 'x') + std::to_string(i), "too_long");
    ask(recorder, std::string(60000, 'y'));
    CHECK(recorder.hasWaiting());
}

TEST_CASE("analytics: two shards count while others take, and nothing is lost or counted twice") {
    constexpr int kQueries = 20000;
    const Config config;
    Recorder first(config), second(config);
    std::atomic<bool> over{false};
    const auto shard = [](Recorder& recorder, std::uint64_t base) {
        for (std::uint64_t i = 0; i < kQueries; ++i) {
            recorder.callBegins(base + i, i % 2 == 0 ? "ide" : "chat");
            recorder.queryBegins(base + i * 64, i, concat("select ", i % 50), true);
            recorder.queryEnds(base + i * 64, base + i, i + kMs, namesOf("", "acme"), {},
                               i % 10 == 0 ? std::string_view("rule") : std::string_view{});
            recorder.callEnds(base + i);
        }
    };
    History history(config);
    std::thread one(shard, std::ref(first), 1'000'000), two(shard, std::ref(second), 9'000'000);
    std::thread taker([&] {
        bool last = false;
        while (!last) {
            last = over;
            for (Recorder* recorder : {&first, &second}) {
                for (const auto& waiting : recorder->takeWaiting())
                    recorder->settle(waiting, patternNamed(std::hash<std::string>()(waiting.sql)), true);
                history.merge(1, recorder->takeCells());
            }
        }
    });
    one.join();
    two.join();
    over = true;
    taker.join();
    const Tally sum = sumOf(history);
    CHECK(sum.calls == 2 * kQueries);
    CHECK(sum.latency_ns == 2 * kQueries * kMs);
}

}  // namespace howdah::analytics
