#include "plugins/analytics/answer.hpp"

#include <algorithm>
#include <sstream>

#include <doctest/doctest.h>

#include "plugins/analytics/export.hpp"
#include "tests/plugins/analytics/support.hpp"

namespace howdah::analytics {
namespace {

using namespace std::chrono_literals;

constexpr Hour kNow = 490000;
const WallTime kNowTime{490000h + 30min};

class Stage {
public:
    void count(Hour hour, std::uint64_t fingerprint, const NameViews& names, std::uint64_t ms, int times = 1,
               Outcome outcome = Outcome::rows) {
        Cells cells({20000, 1024});
        Sample sample = tookMs(ms);
        sample.outcome = outcome;
        for (int i = 0; i < times; ++i)
            cells.add(patternNamed(fingerprint, concat("select a", fingerprint)), names, sample);
        history.merge(hour, cells);
    }
    Document answer(const std::vector<std::string>& sections, const Filter& filter = {}, std::size_t limit = 5,
                    const std::string& order = "time") const {
        return answerOf(Window(history, kNowTime, filter), {sections, order, limit});
    }
    Export exported(ExportFormat format, std::uint64_t skip = 0, std::uint64_t rows_max = 1000) const {
        return exportOf(history, kNowTime, {}, format, skip, rows_max);
    }

    History history{Config{}};
};

std::vector<std::string> patternsOf(const Document& section) {
    std::vector<std::string> patterns;
    for (const auto& entry : section)
        patterns.push_back(entry["pattern"]);
    return patterns;
}
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("analytics: top is by what was asked for, slow by p95, failing by errors") {
    Stage stage;
    stage.count(kNow, 1, namesOf("ide"), 10, 100);                 // 1000 ms in all
    stage.count(kNow, 2, namesOf("ide"), 700);                     // the slowest
    stage.count(kNow, 3, namesOf("ide"), 1, 300);                  // the most often
    stage.count(kNow, 4, namesOf("ide"), 2, 5, Outcome::timeout);  // the most errors
    stage.count(kNow, 5, namesOf("ide"), 2, 2, Outcome::failed);
    stage.count(kNow, 6, namesOf("ide"), 2, 9, Outcome::cached);
    const Document answer = stage.answer({"top", "slow", "failing"}, {}, 2);
    CHECK(patternsOf(answer["top"]) == Texts{"select a1", "select a2"});
    CHECK(patternsOf(answer["slow"]) == Texts{"select a2", "select a1"});
    CHECK(patternsOf(answer["failing"]) == Texts{"select a4", "select a5"});
    CHECK(patternsOf(stage.answer({"top"}, {}, 1, "calls")["top"]) == Texts{"select a3"});
    CHECK(patternsOf(stage.answer({"top"}, {}, 9, "errors")["top"]) == Texts{"select a4", "select a5"});
    CHECK(answer["totals"]["calls"] == 417);
    CHECK(answer["totals"]["errors"] == 7);
    CHECK(answer["totals"]["error_percent"] == 1.7);
    CHECK(answer["totals"]["cached_percent"] == 2.2);
    CHECK(answer["totals"]["patterns"] == 6);
    CHECK(answer["slow"][0]["max_ms"] == 700);
    CHECK(answer["slow"][0]["p99_ms"] <= 700);
    CHECK_FALSE(answer["slow"][0].contains("errors"));
}

TEST_CASE("analytics: growing compares the later half of the hours with the earlier one") {
    Stage stage;
    for (Hour ago = 0; ago < 8; ++ago) {
        stage.count(kNow - ago, 1, namesOf("ide"), 10, 10);                 // as ever
        stage.count(kNow - ago, 2, namesOf("ide"), 10, ago < 4 ? 50 : 10);  // five times as often
        stage.count(kNow - ago, 3, namesOf("ide"), ago < 4 ? 1 : 100, 10);  // has become faster
        if (ago < 4) stage.count(kNow - ago, 4, namesOf("ide"), 20, 10);    // new
    }
    Filter filter;
    filter.hours = 8;
    const Document growing = stage.answer({"growing"}, filter)["growing"];
    REQUIRE(growing.size() >= 2);
    CHECK(growing[0]["pattern"] == "select a2");
    CHECK(growing[0]["earlier"]["calls_per_hour"] == 10);
    CHECK(growing[0]["later"]["calls_per_hour"] ==
          57.1);  // 200 in three and a half hours: the present one is half over
    CHECK(growing[1]["pattern"] == "select a4");
    CHECK(growing[1]["earlier"]["calls_per_hour"] == 0);
    const auto patterns = patternsOf(growing);
    CHECK(std::find(patterns.begin(), patterns.end(), "select a3") == patterns.end());
    filter.hours = 1;
    CHECK(stage.answer({"growing"}, filter)["growing"].empty());
}

TEST_CASE("analytics: what was recorded for a part of the window only is compared within that part") {
    Stage stage;
    stage.count(kNow - 1, 1, namesOf("ide"), 10, 10);
    stage.count(kNow, 1, namesOf("ide"), 10, 5);
    Filter filter;
    filter.hours = 168;
    const Document answer = stage.answer({"growing"}, filter);
    CHECK(answer["window"]["hours"] == 2);
    CHECK(answer["growing"].empty());  // 10 an hour, before and now
}

TEST_CASE("analytics: filters leave out what others asked, from every sum") {
    Stage stage;
    stage.count(kNow, 1, namesOf("ide", "acme", "query"), 10, 3);
    stage.count(kNow, 1, namesOf("chat", "acme", "query"), 10, 4);
    stage.count(kNow, 2, namesOf("chat", "bolt", "execute"), 10, 5);
    stage.count(kNow - 30, 2, namesOf("chat", "bolt", "execute"), 10, 50);
    const auto calls = [&](Name which, const char* wanted, std::uint32_t hours = 24) {
        Filter filter;
        filter.hours = hours;
        filter.want(which, wanted);
        const Document answer = stage.answer({"hours"}, filter);
        std::uint64_t by_hour = 0;
        for (const auto& hour : answer["hours"])
            by_hour += hour["calls"].get<std::uint64_t>();
        CHECK(by_hour == answer["totals"]["calls"]);
        return by_hour;
    };
    CHECK(calls(Name::tenant, "acme") == 7);
    CHECK(calls(Name::client, "chat") == 9);
    CHECK(calls(Name::tool, "execute") == 5);
    CHECK(calls(Name::tool, "execute", 31) == 55);
    CHECK(calls(Name::database, "main") == 12);
    CHECK(calls(Name::tenant, "nobody") == 0);
    const Document names = stage.answer({"clients", "tenants", "tools"}, {}, 1, "calls");
    CHECK(names["clients"].size() == 1);
    CHECK(names["clients"][0]["name"] == "chat");
    CHECK(names["tenants"][0]["calls"] == 7);
    CHECK(names["tools"][0]["name"] == "query");
}

TEST_CASE("analytics: an empty history is answered with zeros") {
    const Stage stage;
    const Document answer = stage.answer({"top", "growing", "hours", "clients"});
    CHECK(answer["totals"]["calls"] == 0);
    CHECK(answer["window"]["hours"] == 1);
    CHECK(answer["window"]["to"] == "2025-11-24T17:00:00Z");
    CHECK(answer["top"].empty());
}

TEST_CASE("analytics: pages of an export are the whole, in one order, without a line twice") {
    Stage stage;
    for (std::uint64_t i = 0; i < 25; ++i)
        stage.count(kNow - static_cast<Hour>(i % 3), i, namesOf("ide"), i + 1);
    const Export whole = stage.exported(ExportFormat::ndjson);
    CHECK(whole.rows == 25);
    CHECK_FALSE(whole.more);
    std::string paged;
    for (std::uint64_t skip = 0; skip < 25; skip += 10) {
        const Export page = stage.exported(ExportFormat::ndjson, skip, 10);
        CHECK(page.more == (skip < 20));
        paged += page.text;
    }
    CHECK(paged == whole.text);
    CHECK(stage.exported(ExportFormat::ndjson, 1000).text.empty());
    std::istringstream lines(whole.text);
    std::string line;
    std::getline(lines, line);
    const Document first = Document::parse(line);
    CHECK(first["hour"] == timeText(kNow - 2));
    CHECK(first["calls"] == 1);
    CHECK(first["latency_us"][0][1] == 1);
}

TEST_CASE("analytics: csv is quoted, and a client's name is no formula in a spreadsheet") {
    Stage stage;
    stage.count(kNow, 1, namesOf("=HYPERLINK(\"http://x\")"), 1);
    const Export made = stage.exported(ExportFormat::csv);
    std::istringstream lines(made.text);
    std::string header, row;
    std::getline(lines, header);
    std::getline(lines, row);
    CHECK(row.find("\"'=HYPERLINK(\"\"http://x\"\")\"") != std::string::npos);
    CHECK(std::count(header.begin(), header.end(), ',') == 24);
    CHECK(header.starts_with("hour,fingerprint,kind,pattern,"));
    CHECK(row.starts_with("\"2025-11-24T16:00:00Z\",\"0000000000000001\",\"statement\",\"select a1\","));
}

}  // namespace howdah::analytics
