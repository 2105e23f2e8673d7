// The ledger with its file: restarts, two at once, damage, a folder that cannot be written to.
#include "plugins/analytics/ledger.hpp"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include <howdah/test/fake_host.hpp>

#include "tests/plugins/analytics/support.hpp"

namespace howdah::analytics {
namespace {

using namespace std::chrono_literals;

// One instance of the plugin, as far as it keeps something.
class Stage {
public:
    explicit Stage(const std::string& folder, const Config& config = {}) : config_(config) {
        recorders_.push_back(std::make_unique<Recorder>(config_));
        ledger_ = std::make_unique<Ledger>(host_, config_, folder, recorders_, [this] { return now; });
        ledger_->load();
    }
    void count(std::uint64_t times) {
        for (std::uint64_t i = 0; i < times; ++i)
            recorders_[0]->queryEnds(1, 1, 0, namesOf("ide"), tookMs(1), "rule");
    }
    void save() {
        ledger_->collect();
        ledger_->save();
    }
    std::uint64_t calls() {
        std::uint64_t calls = 0;
        ledger_->read([&](const History& history, auto) { calls = sumOf(history).calls; });
        return calls;
    }
    Ledger& ledger() { return *ledger_; }
    std::vector<std::string> log() { return fake_.logLines(); }

    std::chrono::system_clock::time_point now{490000h};

private:
    test::FakeHost fake_;
    Host host_{fake_.raw()};
    Config config_;
    std::vector<std::unique_ptr<Recorder>> recorders_;
    std::unique_ptr<Ledger> ledger_;
};

}  // namespace

TEST_CASE("analytics: how much is kept can be told while a worker is busy with it") {
    const Folder folder;
    Stage stage(folder.path());
    stage.count(3);
    stage.save();
    stage.ledger().read([&](const History&, auto) { CHECK(stage.ledger().state().hours == 1); });
}

TEST_CASE("analytics: what was saved is there after a restart, what was not is lost") {
    const Folder folder;
    {
        Stage before(folder.path());
        before.count(3);
        before.save();
        before.count(5);
        before.ledger().collect();
        CHECK(before.calls() == 8);
    }
    Stage after(folder.path());
    CHECK(after.calls() == 3);
    CHECK(after.log().empty());
}

TEST_CASE("analytics: instances beside one another add up in one file, whoever writes first") {
    const Folder folder;
    Stage old(folder.path());
    old.count(3);
    old.save();
    Stage fresh(folder.path());
    CHECK(fresh.calls() == 3);
    old.count(10);  // after the new one has read the file
    fresh.count(100);
    fresh.save();
    old.save();
    fresh.ledger().collect();
    CHECK(fresh.calls() == 113);
    CHECK(old.calls() == 113);
    fresh.count(1000);
    fresh.save();
    old.save();  // has nothing new, and overwrites nothing
    Stage last(folder.path());
    CHECK(last.calls() == 1113);
}

TEST_CASE("analytics: a damaged file is told, kept beside, and counting goes on") {
    const Folder folder;
    std::ofstream(folder.file()) << "{\"format\":2}\nnothing of ours\n";
    Stage stage(folder.path());
    REQUIRE(stage.log().size() == 1);
    CHECK(stage.log()[0].find("is damaged at line 2") != std::string::npos);
    CHECK(stage.log()[0].find("it is kept as " + folder.file() + ".damaged") != std::string::npos);
    CHECK(std::filesystem::exists(folder.file() + ".damaged"));
    CHECK_FALSE(stage.ledger().state().trouble.empty());
    stage.count(2);
    stage.save();
    CHECK(stage.ledger().state().trouble.empty());
    CHECK(Stage(folder.path()).calls() == 2);
}

TEST_CASE("analytics: damage while it runs costs nothing that is in memory") {
    const Folder folder;
    Stage stage(folder.path());
    stage.count(2);
    stage.save();
    std::ofstream(folder.file()) << "overwritten by somebody";
    stage.count(3);
    stage.save();
    CHECK(stage.calls() == 5);
    CHECK(Stage(folder.path()).calls() == 5);
}

TEST_CASE("analytics: a folder that cannot be written to is told once, and tried again") {
    const Folder folder;
    const std::string inner = folder.path() + "/inner";
    std::filesystem::create_directory(inner);
    Stage stage(inner);
    std::filesystem::remove(inner);
    for (int i = 0; i < 3; ++i) {
        stage.count(1);
        stage.save();
    }
    CHECK(stage.log().size() == 1);
    CHECK(stage.ledger().state().trouble.find(inner) != std::string::npos);
    std::filesystem::create_directory(inner);
    stage.save();
    CHECK(stage.ledger().state().trouble.empty());
    CHECK(Stage(inner).calls() == 3);
}

TEST_CASE("analytics: another process that holds the folder delays a save, and loses nothing") {
    const Folder folder;
    Stage stage(folder.path());
    stage.count(4);
    {
        auto held = FolderLock::take(folder.path());
        REQUIRE(held);
        stage.save();
        CHECK(stage.ledger().state().trouble.find("keeps") != std::string::npos);
    }
    stage.save();
    CHECK(Stage(folder.path()).calls() == 4);
}

TEST_CASE("analytics: without a folder nothing is written, and each hour is counted for itself") {
    Stage stage({});
    stage.count(1);
    stage.save();
    stage.now += 1h;
    stage.count(2);
    stage.save();
    std::vector<std::uint64_t> calls;
    stage.ledger().read([&](const History& history, auto) {
        for (const auto& [hour, cells] : history.hours())
            calls.push_back(sumOf(cells).calls);
    });
    CHECK(calls == std::vector<std::uint64_t>{1, 2});
    CHECK(stage.ledger().state().file.empty());
}

}  // namespace howdah::analytics
