// What a running request may tell its client, and that a plugin in a loop cannot flood it.
#include "kernel/protocol/notices.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace howdah;
using namespace howdah::kernel;
using namespace std::chrono_literals;

namespace {

class Kept final : public ReplySink {
public:
    void status(int) override {}
    void header(std::string_view, std::string_view) override {}
    Result<void> notify(std::string_view json) override {
        sent.emplace_back(json);
        return {};
    }
    Result<void> write(std::string_view) override { return {}; }
    Result<void> finish() override { return {}; }
    std::vector<std::string> sent;
};

const std::chrono::steady_clock::time_point kStart{};

}  // namespace

TEST_CASE("notices: log messages beyond the burst are dropped and counted, and come again at the rate") {
    Kept sink;
    Notices notices(sink, {.revision = Revision::v2026_07_28, .log_level = 0});
    for (int i = 0; i < 100; ++i)
        CHECK(notices.log(1, "loop", "1", kStart));
    CHECK(sink.sent.size() == 100);
    for (int i = 0; i < 100'000; ++i)
        CHECK(notices.log(1, "loop", "1", kStart + 99ms));  // the next one fits after 100 ms
    REQUIRE(sink.sent.size() == 101);
    CHECK(sink.sent.back().find(
              R"("level":"warning","logger":"howdah","data":"log messages of this request come too fast)") !=
          std::string::npos);
    CHECK(notices.log(1, "loop", "2", kStart + 100ms));
    REQUIRE(sink.sent.size() == 103);
    CHECK(sink.sent[101].find(R"("data":"100000 log messages of this request were left out")") != std::string::npos);
    CHECK(sink.sent[102].find(R"("logger":"loop","data":2)") != std::string::npos);
    CHECK(notices.log(1, "loop", "3", kStart + 101ms));
    CHECK(sink.sent.size() == 104);  // it begins again
}

TEST_CASE("notices: messages below the level that was asked for cost nothing of the rate") {
    Kept sink;
    Notices notices(sink, {.revision = Revision::v2026_07_28, .log_level = 4, .log_burst = 1});
    for (int i = 0; i < 1000; ++i)
        CHECK(notices.log(3, "quiet", "1", kStart));
    CHECK(notices.log(4, "loud", "1", kStart));
    CHECK(sink.sent.size() == 1);
    CHECK_FALSE(notices.log(8, "loud", "1", kStart));
}
