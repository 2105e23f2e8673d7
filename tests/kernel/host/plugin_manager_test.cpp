#include <doctest/doctest.h>

#include "kernel/host/host_fixture.hpp"

namespace howdah::kernel {
namespace {

bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string manifestText(const std::string& id, const std::string& more = {}) {
    return R"({"schema":1,"id":")" + id + R"(","version":"1.0.0","summary":"s","abi":{"needs":0})" + more + "}";
}

}  // namespace

TEST_CASE("plugins: a configuration becomes a generation, and a tool of it can be called") {
    HostFixture host;
    auto changes = host.apply(host.config({entryOf("hookprobe")}));
    REQUIRE(changes);
    CHECK(*changes == std::vector<std::string>{"+ hookprobe"});
    CHECK(host.callOnFiber() == "Cba rows db");
    CHECK(says(host.manager.list().dump(), R"("state":"running")"));
    CHECK(host.manager.hookOrder().size() == 1);
}

TEST_CASE("plugins: what did not change keeps its instance, what did gets a new one") {
    HostFixture host;
    auto config = host.config({entryOf("hookprobe", {{"number", 1}}), entryOf("hooknoop")});
    REQUIRE(host.apply(config));
    auto noop = host.manager.plugins().at(1).instance;
    CHECK(host.apply(config)->empty());
    config.plugins[0].section["number"] = 2;
    CHECK(*host.apply(config) == std::vector<std::string>{"~ hookprobe"});
    CHECK(host.manager.plugins().at(1).instance == noop);
    config.plugins[1].mode = PluginEntry::Mode::audit;
    CHECK(*host.apply(config) == std::vector<std::string>{"~ hooknoop"});
    CHECK(host.manager.plugins().at(1).instance == noop);
    config.plugins.pop_back();
    CHECK(*host.apply(config) == std::vector<std::string>{"- hooknoop"});
}

TEST_CASE("plugins: a strict apply fails as a whole and the old generation serves on") {
    HostFixture host;
    auto sound = host.config({entryOf("hookprobe")});
    REQUIRE(host.apply(sound));
    const std::uint64_t number = host.generations.pin()->number;

    auto failing = host.config({entryOf("hookprobe", {{"start", "fail"}})});
    CHECK(says(host.refusal(failing), "could not be started: told to fail"));
    CHECK(says(host.refusal(host.config({entryOf("hookprobe"), entryOf("absent")})), "\"absent\" is not installed"));
    CHECK(says(host.refusal(host.config({entryOf("hookprobe", {{"before", "jump"}})})), "before"));
    CHECK(says(host.refusal(host.config({entryOf("hookextra")})), "needs the service howdah.sql/1"));
    CHECK(host.generations.pin()->number == number);
    CHECK(host.callOnFiber() == "Cba rows db");
}

TEST_CASE("plugins: a start that fails half way stops what it had started, users before providers") {
    HostFixture host;
    const std::string log = (host.folder.path / "log").string();
    // Configured before its provider, so that start order and configured order differ; the last one fails.
    host.folder.write("late/plugin.json", manifestText("late"));
    auto config =
        host.config({entryOf("hookextra", {{"log", log}}), entryOf("hookprobe", {{"log", log}}), entryOf("late")});
    CHECK(says(host.refusal(config), "late.so cannot be opened"));
    CHECK(host.folder.lines("log") == std::vector<std::string>{"start hookprobe#0", "start hookextra#0",
                                                               "stop hookextra#0", "stop hookprobe#0",
                                                               "destroy hookextra#0", "destroy hookprobe#0"});
}

TEST_CASE("plugins: at start one that would guard queries and does not run closes them; one that observes does not") {
    HostFixture host;
    host.folder.write("judge/plugin.json",
                      manifestText("judge", R"(,"hooks":{"stage":"guard","events":["beforeQuery"]})"));
    host.folder.write("watch/plugin.json",
                      manifestText("watch", R"(,"hooks":{"stage":"observe","events":["beforeQuery"]})"));
    REQUIRE(host.apply(host.config({entryOf("hookprobe"), entryOf("watch")}), false));
    CHECK(host.callOnFiber() == "Cba rows db");
    CHECK(says(host.manager.list().dump(), R"("state":"blocked")"));

    auto config = host.config({entryOf("hookprobe"), entryOf("judge")});
    REQUIRE(host.apply(config, false));
    CHECK(says(host.callOnFiber(), "queries are refused: plugin \"judge\" is configured and does not run"));

    config.plugins[1].on_failure = PluginEntry::OnFailure::ignore;
    REQUIRE(host.apply(config, false));
    CHECK(host.callOnFiber() == "Cba rows db");
}

TEST_CASE("plugins: without a guard that enforces, a database is closed to text of clients and says so") {
    HostFixture host;
    auto guarded = host.config({entryOf("hookprobe"), entryOf("hookextra")});  // hookextra is of stage guard
    guarded.databases[0].allow_unguarded = false;
    REQUIRE(host.apply(guarded));
    CHECK(host.callOnFiber() == "Cba rows db");

    auto audited = guarded;
    audited.plugins[1].mode = PluginEntry::Mode::audit;
    auto dropped = guarded;
    dropped.plugins.pop_back();
    for (const Config& unguarded : {audited, dropped}) {
        const std::string refused = "queries to database \"main\" are refused: no plugin of stage guard";
        auto changes = host.apply(unguarded);
        REQUIRE(changes);
        CHECK_MESSAGE(says(changes->back(), "! " + refused), changes->back());
        CHECK(says(host.callOnFiber(), refused));
        CHECK(host.apply(guarded)->back() == "! queries to database \"main\" are let in again");
        CHECK(host.callOnFiber() == "Cba rows db");
    }
    dropped.databases[0].allow_unguarded = true;
    CHECK(*host.apply(dropped) == std::vector<std::string>{"- hookextra"});
    CHECK(host.callOnFiber() == "Cba rows db");
}

TEST_CASE("plugins: a guard that fails with on_failure: quarantine closes the database") {
    HostFixture host;
    auto config = host.config({entryOf("hookprobe"), entryOf("hookextra", {{"before", "throw"}})});
    config.databases[0].allow_unguarded = false;
    config.plugins[1].on_failure = PluginEntry::OnFailure::quarantine;
    REQUIRE(host.apply(config));
    CHECK(says(host.callOnFiber(), "plugin \"hookextra\" failed in beforeQuery"));
    host.control.call([] {});  // the job that builds the next generation is over
    CHECK(says(host.callOnFiber(), "queries to database \"main\" are refused: no plugin of stage guard"));
}

TEST_CASE("plugins: one that is to scope queries and does not, in audit or in quarantine, closes the server to them") {
    HostFixture host;
    host.scopeWith("hookextra");
    const auto sound = host.config({entryOf("hookprobe"), entryOf("hookextra")});
    REQUIRE(host.apply(sound));
    CHECK(host.callOnFiber() == "Cba rows db");

    auto audited = sound;
    audited.plugins[1].mode = PluginEntry::Mode::audit;
    const std::string nothing = "refused: plugin \"hookextra\" scopes nothing in mode: audit";
    auto changes = host.apply(audited);
    REQUIRE(changes);
    CHECK(changes->back() == "! queries are " + nothing);
    CHECK(host.callOnFiber() == "! calls are " + nothing);  // also a tool that asks no database
    changes = host.apply(sound);
    REQUIRE(changes);
    CHECK(changes->back() == "! queries are let in again");
    audited.plugins[1].on_failure = PluginEntry::OnFailure::ignore;
    REQUIRE(host.apply(audited));
    CHECK(host.callOnFiber() == "Cba rows db");

    auto failing = host.config({entryOf("hookprobe"), entryOf("hookextra", {{"before", "throw"}})});
    failing.plugins[1].on_failure = PluginEntry::OnFailure::quarantine;
    REQUIRE(host.apply(failing));
    CHECK(says(host.callOnFiber(), "plugin \"hookextra\" failed in beforeQuery"));  // not let through this once either
    host.control.call([] {});  // the job that builds the next generation is over
    const std::string failed = "! calls are refused: plugin \"hookextra\" has failed and is in quarantine";
    CHECK(says(host.callOnFiber(), failed));
    failing.plugins[1].on_failure = PluginEntry::OnFailure::ignore;  // of a failure, not of its absence ever after
    REQUIRE(host.apply(failing));
    CHECK(says(host.callOnFiber(), failed));
    failing.plugins[1].section.erase("before");
    REQUIRE(host.apply(failing));
    CHECK(host.callOnFiber() == "Cba rows db");
}

TEST_CASE("plugins: a check warns of tenants' scoping in audit") {
    HostFixture host;
    host.scopeWith("hookextra");
    auto config = host.config({entryOf("hookprobe"), entryOf("hookextra")});
    const auto warnings = [&] {
        auto checked = PluginManager::check(config, {host.folder.path, HOWDAH_TEST_PLUGINS});
        REQUIRE_MESSAGE(checked.has_value(), (checked ? "" : checked.error().message));
        return checked->empty() ? std::string() : checked->back();
    };
    CHECK_FALSE(says(warnings(), "scopes nothing"));
    config.plugins[1].mode = PluginEntry::Mode::audit;
    CHECK(says(warnings(), "it scopes nothing in mode: audit, so queries and calls will be refused"));
    config.plugins[1].on_failure = PluginEntry::OnFailure::ignore;
    CHECK(says(warnings(), "lets queries and calls through: nobody keeps tenants apart"));
}

TEST_CASE("plugins: a check warns of a database that will be closed, and of one that is let unguarded") {
    HostFixture host;
    auto warnings = [&](const Config& config) {
        auto checked = PluginManager::check(config, {HOWDAH_TEST_PLUGINS});
        REQUIRE_MESSAGE(checked.has_value(), (checked ? "" : checked.error().message));
        return checked->empty() ? std::string() : checked->back();
    };
    auto config = host.config({entryOf("hookprobe"), entryOf("hookextra")});
    config.databases[0].allow_unguarded = false;
    CHECK(warnings(config) == "");
    config.plugins[1].mode = PluginEntry::Mode::audit;
    CHECK(says(warnings(config), "databases.main: queries of clients will be refused: no plugin of stage guard"));
    config.databases[0].allow_unguarded = true;
    CHECK(says(warnings(config), "databases.main: queries of clients pass unjudged"));
}

TEST_CASE("plugins: what names a plugin or a tool that is not there is refused by a check, a start and a reload") {
    HostFixture host;
    const auto sound = host.config({entryOf("hookprobe"), entryOf("hooknoop")});
    auto refused = [&](const Config& config, std::string_view why) {
        auto checked = PluginManager::check(config, {HOWDAH_TEST_PLUGINS});
        auto started = host.apply(config, false);
        auto reloaded = host.apply(config, true);
        for (const std::string& said :
             {checked ? "valid" : checked.error().message, started ? "started" : started.error().message,
              reloaded ? "reloaded" : reloaded.error().message}) {
            CHECK_MESSAGE(says(said, why), said);
        }
    };
    auto config = sound;
    config.tools.include = {"probe", "nop"};
    refused(config, "tools.include.1: no plugin has a tool \"nop\", did you mean \"noop\"?");
    config = sound;
    config.tools.exclude = {"prob"};
    refused(config, "tools.exclude.0: no plugin has a tool \"prob\", did you mean \"probe\"?");
    config = sound;
    config.tools.profile = "cor";
    refused(config, "tools.profile: no tool has the profile \"cor\", did you mean \"core\"?");
    config = sound;
    config.services = {{HOWDAH_SQL_1, "hooknoop"}};
    refused(config,
            "services.howdah.sql/1: plugin \"hooknoop\" is not configured or does not offer it; it is offered "
            "by hookprobe");
    config = sound;
    config.databases[0].source = "embeded";
    refused(config, "databases.main.source: plugin \"embeded\" is not listed under plugins:");
    config.databases[0].source = "hooknoop";
    refused(config, "databases.main.source: plugin \"hooknoop\" does not offer howdah.source/1");
    config = sound;
    config.transports.http.emplace().auth = "hooknop";
    refused(config,
            "transports.http.auth: plugin \"hooknop\" is not listed under plugins:, did you mean \"hooknoop\"?");
    config.transports.http->auth = "hooknoop";
    refused(config, "transports.http.auth: plugin \"hooknoop\" does not offer howdah.auth/1");
    config = sound;
    config.plugins[1].run = PluginEntry::Run::process;
    refused(config, "plugin \"hooknoop\" would run in a process of its own, which this version does not do yet");
    CHECK(PluginManager::check(sound, {HOWDAH_TEST_PLUGINS}));
}

TEST_CASE("plugins: one that needs a newer ABI is refused alike by a check and a reload, and blocked at start") {
    HostFixture host;
    std::string text = manifestText("newer");
    text.replace(text.find(R"("needs":0)"), 9, R"("needs":99)");
    host.folder.write("newer/plugin.json", text);
    const auto config = host.config({entryOf("hookprobe"), entryOf("newer")});
    const std::string told = R"(plugin "newer": needs SDK ABI 1.99, this server has 1.)";
    auto checked = PluginManager::check(config, {host.folder.path, HOWDAH_TEST_PLUGINS});
    REQUIRE_FALSE(checked);
    CHECK_MESSAGE(checked.error().message.starts_with(told), checked.error().message);
    CHECK(host.refusal(config).starts_with(told));
    REQUIRE(host.apply(config, false));
    CHECK(says(host.manager.list().dump(), "needs SDK ABI 1.99"));
    CHECK(host.callOnFiber() == "Cba rows db");  // it has no hooks: the database stays open
}

TEST_CASE("plugins: a state folder that cannot be used is named with the key to change") {
    HostFixture host;
    CHECK(host.manager.prepareState().has_value());
    host.folder.write("file", "");
    host.services.state_dir = (host.folder.path / "file").string();
    auto refused = host.manager.prepareState();
    REQUIRE_FALSE(refused);
    CHECK(says(refused.error().message, concat("state_dir ", host.services.state_dir, " cannot be used: ")));
    CHECK(says(refused.error().hint, "set state_dir: to a folder the server may write to"));
    host.services.state_dir = host.folder.path.string();
}

TEST_CASE("plugins: run: process is refused with the reason, and somebody else's code is run: process by itself") {
    HostFixture host;
    host.folder.write("audit/plugin.json", manifestText("acme/audit"));
    auto config = host.config({entryOf("acme/audit")});
    CHECK(says(host.refusal(config), "would run in a process of its own, which this version does not do yet"));
    CHECK(says(host.refusal(config), "if you trust its code inside the server, write run: worker"));
    config.plugins[0].run = PluginEntry::Run::worker;
    CHECK(says(host.refusal(config), "audit.so cannot be opened"));  // let in; there is no library

    auto process = host.config({entryOf("hookprobe")});
    process.plugins[0].run = PluginEntry::Run::process;
    CHECK(says(host.refusal(process), "which this version does not do yet"));
}

TEST_CASE("plugins: a faulting hook on_failure: quarantine leaves the next generation, until it is configured anew") {
    HostFixture host;
    auto config = host.config({entryOf("hookprobe", {{"before", "throw"}})});
    config.plugins[0].on_failure = PluginEntry::OnFailure::quarantine;
    REQUIRE(host.apply(config));
    CHECK(host.callOnFiber() == "Cb rows db");
    host.control.call([] {});                  // the job that builds the next generation is over
    CHECK(host.callOnFiber() == "c rows db");  // c: the end of the call before; none of this one
    CHECK(says(host.manager.list().dump(), R"("state":"quarantined")"));
    config.plugins[0].section["before"] = "proceed";
    REQUIRE(host.apply(config));
    CHECK(host.callOnFiber() == "Cba rows db");
}

TEST_CASE("plugins: one unmodified library ends every script alike on the shard and on a worker") {
    HostFixture host;
    host.services.hook_budget = std::chrono::milliseconds(1);
    for (const char* ends : {"result", "error", "streamed", "error_in_stream", "stops_reading"}) {
        for (const char* before : {"proceed", "reply", "deny", "throw", "budget"}) {
            for (const char* after : {"proceed", "reply", "deny", "throw"}) {
                for (auto on_failure : {PluginEntry::OnFailure::deny, PluginEntry::OnFailure::ignore}) {
                    for (auto mode : {PluginEntry::Mode::enforce, PluginEntry::Mode::audit}) {
                        auto config =
                            host.config({entryOf("hookprobe", {{"ends", ends}, {"before", before}, {"after", after}})});
                        config.plugins[0].on_failure = on_failure;
                        config.plugins[0].mode = mode;
                        config.plugins[0].run = PluginEntry::Run::shard;
                        REQUIRE(host.apply(config));
                        const std::string shard = host.callOnFiber();
                        config.plugins[0].run = PluginEntry::Run::worker;
                        REQUIRE(host.apply(config));
                        const std::string worker = host.callOnFiber();
                        CAPTURE(ends);
                        CAPTURE(before);
                        CAPTURE(after);
                        CHECK(worker == shard);
                        CHECK(shard.substr(0, 2) == "Cb");
                    }
                }
            }
        }
    }
}

}  // namespace howdah::kernel
