#include "plugins/analytics/history.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/analytics/state_file.hpp"
#include "tests/plugins/analytics/support.hpp"

namespace howdah::analytics {
namespace {

constexpr Hour kNow = 490000;

void count(History& history, Hour hour, std::uint64_t fingerprint, std::string_view client, std::uint64_t ms) {
    Cells cells({20000, 1024});
    cells.add(patternNamed(fingerprint, concat("select a", fingerprint)), namesOf(client), tookMs(ms));
    history.merge(hour, cells);
}

History sample(const Config& config) {
    History history(config);
    for (std::uint64_t i = 0; i < 20; ++i)
        count(history, kNow - static_cast<Hour>(i % 3), i, i % 2 == 0 ? "ide" : "\xc3\xa4 \"quoted\" \\", i + 1);
    Cells cells({100, 10});
    Sample failed;
    failed.outcome = Outcome::failed;
    failed.sqlstate = {'4', '2', 'P', '0', '1'};
    NameViews names = namesOf("ide", "acme");
    names[Name::principal] = "ada";
    cells.add(refusedPattern("rule"), names, failed);
    cells.shrinkTo(1);
    cells.add(patternNamed(3), names, failed);
    history.merge(kNow, cells);
    return history;
}

std::vector<std::string> linesOf(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}
void putLines(const std::string& path, const std::vector<std::string>& lines) {
    std::ofstream file(path);
    for (const std::string& line : lines)
        file << line << '\n';
}

// Everything a history holds, in one order.
std::map<std::string, std::string> contentOf(const History& history) {
    std::map<std::string, std::string> content;
    for (const auto& [hour, cells] : history.hours()) {
        for (const auto& [key, tally] : cells.table()) {
            std::string name =
                concat(hour, '|', key.pattern->fingerprint, '|', key.pattern->text, '|', nameOf(key.pattern->kind));
            for (const std::string& part : key.names.texts)
                name += '|' + part;
            std::string value = concat(tally.slowest_ns, '|', std::string(tally.last_sqlstate.data(), 5));
            for (const auto sum : kSums)
                value += concat('|', tally.*sum);
            for (const auto& bucket : tally.latency.buckets())
                value += concat('|', std::uint64_t{bucket.index}, ':', std::uint64_t{bucket.count});
            content[name] = value;
        }
    }
    return content;
}

}  // namespace

TEST_CASE("analytics: an hour is kept for as long as it is to be, and no longer") {
    Config config;
    config.retention_hours = 3;
    History history(config);
    for (Hour ago = 0; ago < 6; ++ago)
        count(history, kNow - ago, 1, "ide", 1);
    history.keepWithin(kNow);
    REQUIRE(history.hours().size() == 3);
    CHECK(history.hours().begin()->first == kNow - 2);
    history.keepWithin(kNow + 1);
    CHECK(history.hours().size() == 2);
    count(history, kNow + 5, 1, "ide", 1);  // of a clock that was wrong
    history.keepWithin(kNow + 1);
    CHECK_FALSE(history.hours().contains(kNow + 5));
    history.keepWithin(kNow + 10);
    CHECK(history.empty());
    CHECK(history.patternCount() == 0);
}

TEST_CASE("analytics: where memory is short the oldest hours lose detail, and no sum changes") {
    Config config;
    config.cells_per_hour_max = 1000;
    config.memory_bytes_max = 262144;
    History history(config);
    for (Hour ago = 0; ago < 4; ++ago) {
        for (std::uint64_t i = 0; i < 300; ++i)
            count(history, kNow - ago, i * 10 + ago, "a client whose name is not short", i);
    }
    REQUIRE(history.bytes() > 262144);
    const Tally before = sumOf(history);
    history.keepWithin(kNow);
    CHECK(history.bytes() <= 262144);
    const Tally after = sumOf(history);
    CHECK(after.calls == before.calls);
    CHECK(after.latency_ns == before.latency_ns);
    CHECK(history.hours().at(kNow - 3).size() < 300);
    CHECK(history.hours().at(kNow).size() == 300);
    CHECK(history.patternCount() < 1200);
}

TEST_CASE("analytics: a history comes back from its file as it went in") {
    const Folder folder;
    Config config;
    config.principals = true;
    const History written = sample(config);
    REQUIRE(writeHistory(folder.file(), written));
    History read(config);
    REQUIRE(readHistory(folder.file(), true, read));
    CHECK(contentOf(read) == contentOf(written));
    CHECK(contentOf(read).size() == 22);
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
    CHECK((std::filesystem::status(folder.file()).permissions() & std::filesystem::perms(077)) ==
          std::filesystem::perms::none);
    History absent(config);
    CHECK(readHistory(folder.path() + "/none", true, absent));
    CHECK(absent.empty());
}

TEST_CASE("analytics: principals that were kept once are not kept on where they are not to be") {
    const Folder folder;
    const Config config;
    REQUIRE(writeHistory(folder.file(), sample(config)));
    History read(config);
    REQUIRE(readHistory(folder.file(), false, read));
    for (const auto& [name, value] : contentOf(read))
        CHECK(name.find("ada") == std::string::npos);
    CHECK(sumOf(read).calls == sumOf(sample(config)).calls);
}

TEST_CASE("analytics: a file that is damaged anywhere is refused with its line, never read as something else") {
    const Folder folder;
    const Config config;
    REQUIRE(writeHistory(folder.file(), sample(config)));
    const std::vector<std::string> whole = linesOf(folder.file());
    const auto refused = [&](const std::vector<std::string>& lines) {
        putLines(folder.file(), lines);
        History read(config);
        auto done = readHistory(folder.file(), true, read);
        REQUIRE_FALSE(done);
        CHECK(done.error().code == Code::invalid_argument);
        return done.error().message;
    };
    for (std::size_t kept = 0; kept < whole.size(); ++kept)
        refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept)});
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto lines = whole;
        lines[i].resize(lines[i].size() / 2);
        CHECK(refused(lines).find(concat("damaged at line ", i + 1)) != std::string::npos);
        lines = whole;
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
        refused(lines);
    }
    auto more = whole;
    more.push_back(whole[1]);
    CHECK(refused(more).find("there is more behind the end") != std::string::npos);
    CHECK(refused({R"({"format":1})"}).find("it has another format") != std::string::npos);
    const std::string pattern = R"({"pattern":0,"fingerprint":"01","kind":0,"tenant":"","text":"select a"})";
    const std::string cell = R"({"of":0,"names":["","","","","",""],"sums":[1,0,0,0,0,0,0,0,1,1],)";
    for (const char* rest : {R"("slowest":-1,"state":"","latency":[]})", R"("slowest":1.5,"state":"","latency":[]})",
                             R"("slowest":1,"state":"","latency":[464,1]})", R"("slowest":1,"state":7,"latency":[]})",
                             R"("slowest":1,"state":""})", R"("slowest":1,"state":"","latency":["x",1]})"}) {
        CAPTURE(rest);
        CHECK(refused({R"({"format":2})", R"({"hour":1})", pattern, cell + rest, R"({"lines":4})"})
                  .find("damaged at line 4") != std::string::npos);
    }
    // The same, sound.
    putLines(folder.file(), {R"({"format":2})", R"({"hour":1})", pattern,
                             cell + R"("slowest":1,"state":"","latency":[463,1]})", R"({"lines":4})"});
    History read(config);
    CHECK(readHistory(folder.file(), true, read));
    CHECK(sumOf(read).calls == 1);
}

}  // namespace howdah::analytics
