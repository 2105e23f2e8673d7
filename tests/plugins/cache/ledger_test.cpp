// Epochs: what a write moves, and what is known of it after the process has gone.
#include "plugins/cache/ledger.hpp"

#include <fstream>
#include <functional>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/plugins/cache/folder.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNow = 1000 * kSecond;
constexpr std::uint64_t kUnsettled = 60 * kSecond;

std::unique_ptr<Ledger> openAt(const Folder& folder, std::uint64_t now = kNow) {
    auto ledger = Ledger::open({folder.path(), kUnsettled}, now);
    REQUIRE(ledger);
    return std::move(*ledger);
}

const std::uint32_t kOne = Ledger::slotOf(1, 1);
const std::uint32_t kTwo = Ledger::slotOf(1, 2);

// In a process of its own, which ends without a word.
void inAnother(const std::function<void()>& work) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        work();
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 0);
}

}  // namespace

TEST_CASE("ledger: relations, databases and everything have slots of their own") {
    CHECK(kOne != kTwo);
    CHECK(Ledger::slotOf(1, 1) != Ledger::slotOf(2, 1));
    CHECK(Ledger::slotOf(1, 0) != Ledger::slotOf(0, 0));
    CHECK(Ledger::slotOf(1, Ledger::kDefinitions) != Ledger::slotOf(1, 0));
    CHECK(Ledger::slotOf(1, Ledger::kDefinitions) != Ledger::slotOf(0, Ledger::kDefinitions));
}

TEST_CASE("ledger: a write moves what it reaches before and after, and nothing else") {
    const Folder folder;
    const auto ledger = openAt(folder);
    const std::vector<std::uint32_t> written{kOne};
    const std::vector<Footing> before{ledger->footing(kOne)}, beside{ledger->footing(kTwo)};
    CHECK(ledger->stands(before));
    ledger->beginWrite(written);
    CHECK_FALSE(ledger->stands(before));
    CHECK_FALSE(ledger->isQuiet(kOne, kNow));
    const std::vector<Footing> meanwhile{ledger->footing(kOne)};
    CHECK(ledger->stands(meanwhile));
    ledger->endWrite(written, true, kNow);
    CHECK_FALSE(ledger->stands(meanwhile));
    CHECK(ledger->isQuiet(kOne, kNow));
    CHECK(ledger->stands(beside));
    CHECK(ledger->isQuiet(kTwo, kNow));
}

TEST_CASE("ledger: of two writes at once the first to end does not make it quiet") {
    const Folder folder;
    const auto ledger = openAt(folder);
    const std::vector<std::uint32_t> written{kOne};
    ledger->beginWrite(written);
    ledger->beginWrite(written);
    ledger->endWrite(written, true, kNow);
    CHECK_FALSE(ledger->isQuiet(kOne, kNow));
    ledger->endWrite(written, true, kNow);
    CHECK(ledger->isQuiet(kOne, kNow));
}

TEST_CASE("ledger: a write that is not settled keeps its relations back until it can no longer come true") {
    const Folder folder;
    const auto ledger = openAt(folder);
    const std::vector<std::uint32_t> written{kOne};
    ledger->beginWrite(written);
    ledger->endWrite(written, false, kNow);
    CHECK_FALSE(ledger->isQuiet(kOne, kNow + kUnsettled));
    CHECK(ledger->isQuiet(kOne, kNow + kUnsettled + kSecond));
    CHECK(ledger->isQuiet(kTwo, kNow));
}

TEST_CASE("ledger: instances of one process share it, while one takes the other's place") {
    const Folder folder;
    auto old = openAt(folder);
    const auto fresh = openAt(folder);
    CHECK(fresh->isLasting());
    CHECK(fresh->id() == old->id());
    CHECK(fresh->seed() == old->seed());
    const std::vector<Footing> seen{fresh->footing(kOne)};
    const std::vector<std::uint32_t> written{kOne};
    old->beginWrite(written);
    CHECK_FALSE(fresh->stands(seen));
    CHECK_FALSE(fresh->isQuiet(kOne, kNow));
    old->endWrite(written, true, kNow);
    old.reset();
    CHECK(fresh->isQuiet(kOne, kNow));
}

TEST_CASE("ledger: after a time without an instance in this process nothing stands") {
    const Folder folder;
    std::vector<Footing> everything;
    {
        const auto ledger = openAt(folder);
        everything = {ledger->footing(Ledger::slotOf(0, 0))};
    }
    CHECK_FALSE(openAt(folder)->stands(everything));
}

TEST_CASE("ledger: after a restart what was not written stands, what was written does not") {
    const Folder folder;
    std::uint64_t epoch_one = 0, epoch_two = 0;
    int told[2];
    REQUIRE(pipe(told) == 0);
    inAnother([&] {
        auto ledger = *Ledger::open({folder.path(), kUnsettled}, kNow);
        const std::uint64_t epochs[] = {ledger->footing(kOne).epoch, ledger->footing(kTwo).epoch};
        const std::vector<std::uint32_t> written{kOne};
        ledger->beginWrite(written);
        ledger->endWrite(written, true, kNow);
        if (write(told[1], epochs, sizeof epochs) != sizeof epochs) _exit(1);
        (void)ledger.release();  // as kill -9 would
    });
    std::uint64_t epochs[2]{};
    REQUIRE(read(told[0], epochs, sizeof epochs) == sizeof epochs);
    epoch_one = epochs[0], epoch_two = epochs[1];
    close(told[0]);
    close(told[1]);
    const auto ledger = openAt(folder);
    CHECK_FALSE(ledger->stands(std::vector<Footing>{{kOne, epoch_one}}));
    CHECK(ledger->stands(std::vector<Footing>{{kTwo, epoch_two}}));
    CHECK(ledger->isQuiet(kOne, kNow));
}

TEST_CASE("ledger: a write under way when the process was killed may still come true") {
    const Folder folder;
    inAnother([&] {
        auto ledger = *Ledger::open({folder.path(), kUnsettled}, kNow);
        ledger->beginWrite(std::vector<std::uint32_t>{kOne});
        (void)ledger.release();
    });
    const auto ledger = openAt(folder, kNow + kSecond);
    CHECK_FALSE(ledger->isQuiet(kOne, kNow + kSecond));
    CHECK_FALSE(ledger->isQuiet(kOne, kNow + kSecond + kUnsettled));
    CHECK(ledger->isQuiet(kOne, kNow + 2 * kSecond + kUnsettled));
    CHECK(ledger->isQuiet(kTwo, kNow + kSecond));
}

TEST_CASE(
    "ledger: a write that a definition crossed before the kill may come true anywhere, one that none did may not") {
    const std::vector<std::uint32_t> all{Ledger::slotOf(1, 0)};
    for (const bool crossed : {true, false}) {
        CAPTURE(crossed);
        const Folder folder;
        inAnother([&] {
            auto ledger = *Ledger::open({folder.path(), kUnsettled}, kNow);
            if (crossed) ledger->beginWrite(std::vector<std::uint32_t>{kOne});
            ledger->beginWrite(all, Ledger::Reach::database);
            ledger->endWrite(all, true, kNow, Ledger::Reach::database);
            if (!crossed) ledger->beginWrite(std::vector<std::uint32_t>{kOne});
            (void)ledger.release();
        });
        const std::uint32_t everything = Ledger::slotOf(0, 0);
        const auto ledger = openAt(folder, kNow + kSecond);
        CHECK(ledger->isQuiet(everything, kNow + kUnsettled) != crossed);
        CHECK(ledger->isQuiet(everything, kNow + kUnsettled + kSecond));
        CHECK(ledger->stands(std::vector<Footing>{{everything, 0}}) != crossed);
        CHECK_FALSE(ledger->isQuiet(kOne, kNow + kUnsettled));
    }
}

TEST_CASE("ledger: while another process has it, this one's epochs are its own and do not last") {
    const Folder folder;
    const auto ledger = openAt(folder);
    const std::vector<Footing> seen{ledger->footing(kOne)};
    inAnother([&] {
        auto other = *Ledger::open({folder.path(), kUnsettled}, kNow);
        if (other->isLasting() || other->id() == ledger->id()) _exit(1);
        other->beginWrite(std::vector<std::uint32_t>{kOne});
        (void)other.release();
    });
    CHECK(ledger->stands(seen));
    CHECK(ledger->isQuiet(kOne, kNow));
    const auto files = [&] {
        return std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator());
    };
    CHECK(files() == 2);
    // What the other one left behind goes with the next that opens the folder, be it one that does not last either.
    inAnother([&] {
        auto other = *Ledger::open({folder.path(), kUnsettled}, kNow);
        if (other->isLasting() || files() != 2) _exit(1);
        (void)other.release();
    });
    CHECK(files() == 2);
    const auto again = openAt(folder);
    CHECK(files() == 1);
}

TEST_CASE("ledger: a file that is none, or was cut, is begun anew") {
    for (const std::string& bytes : {std::string("not epochs"), std::string(2'000'000, '\xff')}) {
        const Folder folder;
        std::ofstream(folder.path() + "/epochs", std::ios::binary) << bytes;
        const auto ledger = openAt(folder);
        CHECK(ledger->isLasting());
        CHECK(ledger->id() != 0);
        CHECK(ledger->isQuiet(kOne, kNow));
        CHECK(ledger->stands(std::vector{ledger->footing(kOne)}));
    }
}

TEST_CASE("ledger: a folder that cannot be written to is told with the reason") {
    const auto ledger = Ledger::open({"/proc/nowhere", kUnsettled}, kNow);
    REQUIRE_FALSE(ledger);
    CHECK(ledger.error().code == Code::unavailable);
    CHECK(ledger.error().message.find("/proc/nowhere/epochs") != std::string::npos);
}
