// What is learned from round to round: latency, trends, changes, readiness. Time is passed in.
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "plugins/health/history.hpp"
#include "plugins/health/readiness.hpp"
#include "plugins/health/state_file.hpp"

using namespace howdah::health;

namespace {

Judgement judgement(Status status, double value = 0, double limit = 0) {
    Judgement made;
    made.status = status;
    if (limit > 0) made.measures.push_back({"m", value, limit, "bytes of it"});
    return made;
}

}  // namespace

TEST_CASE("baseline: nothing is usual before enough was measured") {
    Baseline baseline;
    for (std::size_t i = 1; i < Baseline::kSamplesMin; ++i)
        baseline.add(static_cast<double>(i), 10);
    CHECK_FALSE(baseline.usual({}));
    baseline.add(100, 10);
    REQUIRE(baseline.usual({}));
    CHECK(baseline.usual({})->median_ms == 10);
    CHECK(baseline.usual({})->max_ms == 40);  // four times
}

TEST_CASE("baseline: a fast server is given the floor, an unsteady one its spread") {
    Baseline fast, unsteady;
    for (int i = 0; i < 40; ++i) {
        fast.add(i, 0.2);
        unsteady.add(i, i % 2 == 0 ? 10 : 30);
    }
    CHECK(fast.usual({})->max_ms == 20);
    CHECK(unsteady.usual({})->max_ms > 100);
}

TEST_CASE("baseline: slow answers in the minority do not change what is usual") {
    Baseline baseline;
    for (int i = 0; i < 60; ++i)
        baseline.add(i, i < 31 ? 10 : 900);
    CHECK(baseline.usual({})->median_ms == 10);
}

TEST_CASE("baseline: samples are bounded and thin out in time") {
    Baseline baseline;
    for (int i = 0; i < 1000; ++i)
        baseline.add(i, 1);
    CHECK(baseline.sampleCount() == Baseline::kDense + (1000 - Baseline::kDense) / 30);
    for (int i = 0; i < 100000; ++i)
        baseline.add(1000 + i * 30, 1);
    CHECK(baseline.sampleCount() == Baseline::kSamplesMax);
}

TEST_CASE("trend: a straight line is met where it leads") {
    Series series;
    for (int i = 0; i < 5; ++i)
        series.add(i * 60, 500 + i);
    CHECK_FALSE(series.perSecond());
    series.add(300, 505);
    CHECK(*series.perSecond() == doctest::Approx(1.0 / 60));
    CHECK(*series.untilLimit(600) == doctest::Approx(95 * 60));
    CHECK_FALSE(series.untilLimit(606));  // 101 minutes, and five were seen
}

TEST_CASE("trend: a jump does not bend it, what stands still or falls meets nothing") {
    Series series;
    for (int i = 0; i < 10; ++i)
        series.add(i, i == 4 ? 900 : 500);
    CHECK_FALSE(series.untilLimit(1000));
    Series falls;
    for (int i = 0; i < 10; ++i)
        falls.add(i, 1000 - i);
    CHECK_FALSE(falls.untilLimit(1200));
}

TEST_CASE("trend: what is far below its limit is not foretold") {
    Series series;
    for (int i = 0; i < 10; ++i)
        series.add(i, 100 + i * 100);  // at most 1000
    CHECK_FALSE(series.untilLimit(4001));
    CHECK(series.untilLimit(4000));
}

TEST_CASE("trend: a figure that was set back begins anew, points are bounded") {
    Series series;
    for (int i = 0; i < 10; ++i)
        series.add(i, 1000 + i);
    series.add(10, 500);
    CHECK(series.pointCount() == 1);
    for (int i = 0; i < 10000; ++i)
        series.add(11 + i, 500 + i);
    CHECK(series.pointCount() <= Series::kPointsMax);
    CHECK(*series.perSecond() == doctest::Approx(1));
}

TEST_CASE("history: a change is told once, and what was skipped changes nothing") {
    History history;
    const Config config;
    CHECK_FALSE(history.record("locks", judgement(Status::ok), 1, config));
    const auto change = history.record("locks", judgement(Status::warning), 2, config);
    REQUIRE(change);
    CHECK(change->from == Status::ok);
    CHECK(change->to == Status::warning);
    CHECK_FALSE(history.record("locks", judgement(Status::warning), 3, config));
    CHECK_FALSE(history.record("locks", judgement(Status::skipped), 4, config));
    CHECK_FALSE(history.record("locks", judgement(Status::warning), 5, config));
    CHECK(history.of("locks")->since_s == 2);
    CHECK(history.record("locks", judgement(Status::ok), 6, config));
    CHECK(history.record("slots", judgement(Status::notice), 1, config));  // found so at the start
}

TEST_CASE("history: changes are bounded by history_max, figures by a number of their own") {
    History history;
    Config config;
    config.history_max = 8;
    for (int i = 0; i < 100; ++i)
        history.record("locks", judgement(i % 2 == 0 ? Status::warning : Status::ok), i, config);
    CHECK(history.of("locks")->changes.size() == 8);
    for (int i = 0; i < 500; ++i) {
        Judgement many = judgement(Status::ok);
        many.measures.push_back({std::to_string(i), 1, 2, "of it"});
        history.record("sequences", many, i, config);
    }
    CHECK(history.toJson()["series"].size() == 128);
    CHECK(history.toJson()["series"].contains("sequences/499"));
}

TEST_CASE("history: a limit that will be met soon is warned of early, sooner is critical") {
    const Config config;
    const auto after = [&](double per_hour) {
        History history;
        for (int hour = 0; hour < 10; ++hour)
            history.record("disk", judgement(Status::ok, 500 + per_hour * hour, 1000), hour * 3600, config);
        Judgement now = judgement(Status::ok, 500 + per_hour * 10, 1000);
        history.foresee("disk", now, 36000, config);
        return now;
    };
    CHECK(after(2).status == Status::ok);  // 240 hours: further than was looked back twenty times
    const Judgement warned = after(4);     // 115 hours
    CHECK(warned.status == Status::warning);
    CHECK(warned.findings[0].text == "at the present rate the bytes of it meet their limit in 4.8 days");
    CHECK(warned.figures["per_hour"]["m"] == 4);
    CHECK(after(17).status == Status::critical);  // 19 hours
}

TEST_CASE("history: survives the way through its file, a damaged file is begun anew") {
    History history;
    const Config config;
    Judgement counted = judgement(Status::warning, 5, 10);
    counted.counters = {{"hit", 7}};
    history.record("cache", counted, 100, config);
    for (int i = 0; i < 30; ++i)
        history.baseline.add(i, 3);
    const auto folder = std::filesystem::temp_directory_path() / ("health-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    const std::string file = folder / "history.json";
    CHECK(readState(file).empty());
    REQUIRE(writeState(file, stateText({{"main", history.toJson()}})));
    auto read = readState(file);
    REQUIRE(read.contains("main"));
    CHECK(read["main"].toJson() == history.toJson());
    CHECK(read["main"].of("cache")->counters.at("hit") == 7);
    for (const char* damaged :
         {"", "{", "[]", R"({"format":2,"databases":{}})", R"({"format":1,"databases":{"main":{"checks":3}}})"}) {
        std::ofstream(file) << damaged;
        CHECK(readState(file).empty());
    }
    CHECK_FALSE(writeState((folder / "no" / "such").string(), "x"));
    CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);  // nothing half written is left
    std::filesystem::remove_all(folder);
}

TEST_CASE("readiness: at once when it answers, no longer after several failures in a row") {
    Readiness readiness(2);
    CHECK_FALSE(readiness.ready());
    CHECK_FALSE(readiness.settled());
    CHECK(readiness.note(true));
    CHECK(readiness.ready());
    CHECK_FALSE(readiness.note(false));
    CHECK(readiness.ready());
    CHECK_FALSE(readiness.note(true));
    CHECK_FALSE(readiness.note(false));
    CHECK(readiness.note(false));
    CHECK_FALSE(readiness.ready());
    CHECK(readiness.note(true));
}

TEST_CASE("readiness: what takes over from a ready one begins ready; what never answers is known after a while") {
    CHECK(Readiness(2, true).ready());
    Readiness never(2);
    CHECK_FALSE(never.note(false));
    CHECK(never.note(false));
    CHECK(never.settled());
    CHECK_FALSE(never.ready());
    CHECK_FALSE(never.note(false));
}
