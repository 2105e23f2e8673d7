// Reload while requests run: none is lost, and old instances end once, in order.
#include <algorithm>
#include <atomic>
#include <map>

#include <doctest/doctest.h>

#include "kernel/base/log.hpp"
#include "kernel/host/host_fixture.hpp"

namespace howdah::kernel {

TEST_CASE("reload: 200 generations under load lose no call, and every instance ends exactly once") {
    HostFixture host;
    const std::string log = (host.folder.path / "log").string();
    // What changes with each round: on or off, the section, the run mode, the order.
    auto configOf = [&](int round) {
        auto config = host.config({entryOf("hookprobe", {{"log", log}, {"number", round / 3}})});
        if (round % 2 == 0) config.plugins.insert(config.plugins.begin(), entryOf("hookextra", {{"log", log}}));
        if (round % 5 == 0) config.plugins.push_back(entryOf("hooknoop"));
        if (round % 7 == 0) config.plugins.back().run = PluginEntry::Run::worker;
        return config;
    };
    REQUIRE(host.apply(configOf(0)));

    constexpr int kFibers = 8;
    std::atomic<bool> over{false};
    std::atomic<int> calls{0}, lost{0}, running{kFibers};
    std::promise<void> ended;
    std::string example;
    for (int i = 0; i < kFibers; ++i) {
        Shard& shard = host.runtime->shard(static_cast<unsigned>(i) % 2);
        shard.post([&, &home = shard] {
            home.spawn([&] {
                while (!over) {
                    std::string said = host.call();
                    ++calls;
                    if (said.find("rows db") == std::string::npos && lost++ == 0) example = said;
                    Event turn;  // others on this shard have theirs
                    home.post([&turn] { turn.set(); });
                    (void)turn.wait(nullptr, hang());
                }
                if (--running == 0) ended.set_value();
            });
        });
    }
    int refused = 0;
    for (int round = 1; round <= 200; ++round)
        refused += host.apply(configOf(round)) ? 0 : 1;
    over = true;
    await(ended.get_future());
    CHECK(refused == 0);
    CHECK(lost == 0);
    CHECK(example == "");
    CHECK(calls > 200);
    host.end();

    std::map<std::string, int> started, stopped, destroyed;
    for (const std::string& line : host.folder.lines("log")) {
        std::string name = line.substr(line.find(' ') + 1);
        if (line.starts_with("start")) ++started[name];
        if (line.starts_with("stop")) ++stopped[name];
        if (line.starts_with("destroy")) ++destroyed[name];
    }
    CHECK(started.size() > 60);
    CHECK(stopped == started);
    CHECK(destroyed == started);
}

TEST_CASE("reload: the last generation stops users before their providers, whatever the configured order") {
    HostFixture host;
    const std::string log = (host.folder.path / "log").string();
    REQUIRE(host.apply(host.config({entryOf("hookextra", {{"log", log}}), entryOf("hookprobe", {{"log", log}})})));
    host.end();
    const auto lines = host.folder.lines("log");
    REQUIRE(lines.size() >= 4);
    CHECK(lines[0] == "start hookprobe#0");
    CHECK(lines[1] == "start hookextra#0");
    CHECK(lines[2] == "stop hookextra#0");
    auto stop_provider = std::find(lines.begin(), lines.end(), "stop hookprobe#0");
    CHECK(stop_provider > lines.begin() + 2);
}

TEST_CASE("reload: an old instance stays while a request is inside, and what is left at the limit is cancelled") {
    HostFixture host;
    const std::string log = (host.folder.path / "log").string();
    auto config = host.config({entryOf("hookprobe", {{"log", log}, {"number", 1}})});
    config.limits.reload_timeout = std::chrono::milliseconds(20);
    REQUIRE(host.apply(config));

    Shard& shard = host.runtime->shard(1);
    auto cancellation = Cancellation::create(shard);
    std::promise<void> inside, done;
    std::string said;
    shard.post([&] {
        shard.spawn([&] {
            inside.set_value();
            said = host.call("probe", R"({"wait":true})", cancellation.get());
            done.set_value();
        });
    });
    await(inside.get_future());
    onLoop(shard, [] {});  // it waits inside the tool now
    config.plugins[0].section["number"] = 2;
    REQUIRE(host.apply(config));
    // Nobody ends this request but the limit.
    await(done.get_future());
    CHECK(said == "! the plugins were reloaded and the request did not end in time; send it again");
    CHECK(cancellation->reason() == CancelReason::reload);
    host.end();
    const auto lines = host.folder.lines("log");
    CHECK(std::count(lines.begin(), lines.end(), "stop hookprobe#1") == 1);
    CHECK(std::count(lines.begin(), lines.end(), "stop hookprobe#2") == 1);
}

}  // namespace howdah::kernel
