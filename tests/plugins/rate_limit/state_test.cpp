// The file of quotas: what becomes of it when it cannot be read or written, or a write does not end.
#include <atomic>
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include "plugins/rate_limit/books.hpp"
#include "plugins/rate_limit/state_file.hpp"
#include "tests/plugins/rate_limit/stage.hpp"

using namespace howdah;
using namespace howdah::rate_limit;
using namespace howdah::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kSection = R"({"save_interval_ms":100,"tiers":{"default":{"principal":{"calls":{"day":9}}}}})";

class Folder {
public:
    Folder() : path_(LimitStage::fresh()) { std::filesystem::create_directories(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }
    std::string file() const { return path_ + "/used.json"; }
    std::ptrdiff_t entries() const {
        return std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator{});
    }

private:
    std::string path_;
};

std::vector<Ledger::Line> lines(std::size_t count) {
    return std::vector<Ledger::Line>(
        count, {Scope::principal, "acme", "ada", "", Measure::calls, Period::day, 20'000 * kDay_ns, 1});
}

// Asks until it is so.
template <typename Condition>
bool becomes(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < end) {
        if (condition()) return true;
        std::this_thread::yield();
    }
    return false;
}

// Workers that take work and never do it, and how often somebody waited for his time.
struct HungWorkers {
    static void prepare(ToolHost& host) {
        if (!real) {
            real = static_cast<const howdah_reactor_v1*>(host.raw()->get_interface(host.raw(), HOWDAH_REACTOR_1));
            reactor = *real;
            reactor.event_wait = [](howdah_ctx* ctx, std::uint64_t event, std::uint64_t deadline_ns) {
                ++waits;
                return real->event_wait(ctx, event, deadline_ns);
            };
            offload.start = [](const howdah_host*, std::uint64_t, std::uint32_t) -> howdah_status {
                ++handed_over;
                return HOWDAH_OK;
            };
        }
        host.interfaces[HOWDAH_REACTOR_1] = &reactor;
        host.interfaces[HOWDAH_OFFLOAD_1] = &offload;
    }
    static inline std::atomic<int> handed_over{0}, waits{0};
    static inline const howdah_reactor_v1* real = nullptr;
    static inline howdah_reactor_v1 reactor{};
    static inline howdah_offload_v1 offload{sizeof(howdah_offload_v1), 0, nullptr, nullptr};
};

}  // namespace

TEST_CASE("state file: it is for this user only, and nothing is left beside it, also when it cannot be written") {
    const Folder folder;
    REQUIRE(writeState(folder.file(), lines(3)));
    struct stat facts{};
    REQUIRE(stat(folder.file().c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    CHECK(folder.entries() == 1);
    std::filesystem::remove(folder.file());
    std::filesystem::create_directories(folder.file() + "/not empty");
    const auto written = writeState(folder.file(), lines(3));
    REQUIRE_FALSE(written);
    CHECK(written.error().code == Code::unavailable);
    CHECK(written.error().message.find(folder.file()) != std::string::npos);
    CHECK(folder.entries() == 1);
}

TEST_CASE("state file: two that write it at once do not meet beside it") {
    const Folder folder;
    std::atomic<int> failed{0};
    const auto write = [&](std::size_t count) {
        for (int i = 0; i < 50; ++i)
            if (!writeState(folder.file(), lines(count))) ++failed;
    };
    std::thread one(write, 2000), two(write, 1);
    one.join();
    two.join();
    CHECK(failed == 0);
    const auto read = readState(folder.file());
    REQUIRE_MESSAGE(read, read.error().message);
    CHECK((read->size() == 2000 || read->size() == 1));
    CHECK(folder.entries() == 1);
}

TEST_CASE("rate_limit: a file that cannot be read is not taken for a damaged one: it stays, and nothing starts") {
    const Folder folder;
    std::filesystem::create_directories(folder.file());  // as good as one without permission, for root too
    const auto read = readState(folder.file());
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Code::unavailable);
    CHECK(read.error().hint.find("make it readable and writable") == 0);
    ToolHost host;
    host.state_folder = folder.path();
    REQUIRE(host.load(&howdah_plugin_v1) == "");
    CHECK(host.start(kSection).find(concat("cannot read ", folder.file(), ": ")) == 0);
    host.stop();
    CHECK(std::filesystem::is_directory(folder.file()));
}

TEST_CASE("rate_limit: a write that failed is told to doctor, and made up for when it can be") {
    const Folder folder;
    LimitStage stage(kSection, folder.path());
    std::filesystem::remove_all(folder.path());
    REQUIRE(StagedCall(stage.host, 1, {}).admitted());
    Json told;
    const auto saysNow = [&](const char* status) {
        told = stage.report();
        return told["status"] == status;
    };
    REQUIRE(becomes([&] { return saysNow("warn"); }));
    const auto text = told["checks"][0]["text"].get<std::string>();
    CHECK_MESSAGE(text.find(folder.file()) != std::string::npos, text);
    CHECK(told["checks"][0].contains("remedy"));
    std::filesystem::create_directories(folder.path());
    // Nothing more is counted: what failed is what is written.
    REQUIRE(becomes([&] { return saysNow("ok"); }));
    const auto read = readState(folder.file());
    REQUIRE_MESSAGE(read, read.error().message);
    CHECK(read->size() == 1);
    int warnings = 0;
    for (const std::string& line : stage.host.logLines())
        warnings += line.find("forgotten at the next restart") != std::string::npos ? 1 : 0;
    CHECK(warnings == 1);
}

TEST_CASE("rate_limit: a write that does not end keeps one worker, whatever time passes and whoever takes over") {
    const Folder folder;
    LimitStage old(kSection, folder.path(), nullptr, &HungWorkers::prepare);
    REQUIRE(becomes([] { return HungWorkers::waits >= 4; }));
    CHECK(HungWorkers::handed_over == 1);
    LimitStage fresh(kSection, folder.path(), nullptr, &HungWorkers::prepare);
    REQUIRE(becomes([] { return HungWorkers::waits >= 12; }));
    CHECK(HungWorkers::handed_over == 1);
}
