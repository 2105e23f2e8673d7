// What notices change: how long answers of covered tables live, and when they go.
#include <deque>

#include <howdah/abi/listen.h>

#include "plugins/cache/clock.hpp"
#include "tests/plugins/cache/cache_host.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

namespace {

// A database that tells what the test says, over howdah.listen/1.
class FakeListening {
public:
    FakeListening() : table_{sizeof table_, 0, &open, &next, &catchUp, &close} {}
    std::pair<const void*, void*> service() { return {&table_, this}; }

    void tell(std::string payload) {
        const std::lock_guard lock(mutex_);
        told_.push_back(std::move(payload));
    }
    std::atomic<bool> reachable{true};  // false: what is open ends, and nothing can be opened
    std::atomic<bool> proves{true};     // false: nothing comes back from the server
    std::atomic<int> opened{0};
    std::atomic<int> open_now{0};

private:
    static FakeListening& of(void* self) { return *static_cast<FakeListening*>(self); }
    static howdah_status gone(howdah_ctx* ctx) {
        ctx->error = Error::unavailable("the listener has ended");
        return HOWDAH_ERROR_UNAVAILABLE;
    }
    static howdah_status open(void* self, howdah_ctx* ctx, howdah_str, howdah_str channel, std::uint64_t* listener,
                              howdah_str* server) {
        CHECK(fromAbi(channel) == "howdah_cache");
        if (!of(self).reachable) return gone(ctx);
        *listener = static_cast<std::uint64_t>(++of(self).opened);
        ++of(self).open_now;
        *server = toAbi("16384 1.5");
        return HOWDAH_OK;
    }
    static howdah_status next(void* self, howdah_ctx* ctx, std::uint64_t, std::uint64_t deadline_ns,
                              howdah_str* payload) {
        FakeListening& own = of(self);
        for (;;) {
            if (ctx->cancelled) return HOWDAH_ERROR_CANCELLED;
            if (!own.reachable) return gone(ctx);
            {
                const std::lock_guard lock(own.mutex_);
                if (!own.told_.empty()) {
                    own.given_ = std::move(own.told_.front());
                    own.told_.pop_front();
                    *payload = toAbi(own.given_);
                    return 1;
                }
            }
            if (howdah::test::monotonicNs() >= deadline_ns) return 0;
            std::this_thread::yield();
        }
    }
    static howdah_status catchUp(void* self, howdah_ctx* ctx, std::uint64_t, std::uint64_t deadline_ns) {
        while (!of(self).proves) {
            if (ctx->cancelled) return HOWDAH_ERROR_CANCELLED;
            if (howdah::test::monotonicNs() >= deadline_ns) return HOWDAH_ERROR_TIMEOUT;
            std::this_thread::yield();
        }
        return HOWDAH_OK;
    }
    static void close(void* self, std::uint64_t) { --of(self).open_now; }

    const howdah_listen_v1 table_;
    std::mutex mutex_;
    std::deque<std::string> told_;
    std::string given_;
};

const CacheHost::Told kOneTable{{"41", "41", "900:1", "shop.item"}};

struct Listening {
    explicit Listening(std::string_view section, const CacheHost::Told& coverage = kOneTable) : host(folder.path()) {
        host.services[HOWDAH_LISTEN_1] = listening.service();
        host.setCoverage(coverage);
        host.begin(section);
        untilState("listening");
    }
    ~Listening() {
        host.stop();
        CHECK(listening.open_now == 0);
    }
    Json notify() { return host.stats()["notify"]["databases"]["main"]; }
    void untilState(std::string_view state) {
        CacheHost::until([&] { return notify()["state"] == state; });
    }
    static void pass(std::uint64_t ns) {
        const std::uint64_t begun_ns = bootNs();
        CacheHost::until([&] { return bootNs() - begun_ns > ns; });
    }

    Folder folder;
    FakeListening listening;
    CacheHost host;
};

constexpr const char* kSlow = R"({"ttl_ms":1,"negative_ttl_ms":1,"notify":{"databases":["main"],"bound_ms":60000}})";

}  // namespace

TEST_CASE("notices: an answer of covered tables alone outlives ttl_ms, another does not") {
    Listening stage(kSlow);
    stage.host.read(readOf(41), "covered");
    stage.host.read(FakeQuery::reads("both", {41, 42}), "one of two");
    stage.host.read(FakeQuery::reads("none", {}), "of nothing");
    Listening::pass(2 * kMs);
    CHECK(stage.host.isKept(readOf(41)));
    CHECK_FALSE(stage.host.isKept(FakeQuery::reads("both", {41, 42})));
    CHECK_FALSE(stage.host.isKept(FakeQuery::reads("none", {})));
    // The other name leads to the same database, but nobody listens to where it leads.
    auto other = readOf(41, "by another name");
    other->database = toAbi("same");
    stage.host.read(std::move(other), "x");
    Listening::pass(2 * kMs);
    auto again = readOf(41, "by another name");
    again->database = toAbi("same");
    CHECK_FALSE(stage.host.isKept(std::move(again)));
}

TEST_CASE("notices: an answer lives for notify.ttl_ms at most") {
    Listening stage(R"({"ttl_ms":60000,"notify":{"databases":["main"],"bound_ms":60000,"ttl_ms":1}})");
    stage.host.read(readOf(41), "x");
    Listening::pass(2 * kMs);
    CHECK_FALSE(stage.host.isKept(readOf(41)));
}

TEST_CASE("notices: what is told of a table makes its answers old, and those of no other") {
    Listening stage(R"({"notify":{"databases":["main"],"bound_ms":60000}})",
                    {{"41", "41 44", "900:1 901:1", "shop.item"}, {"42", "42", "902:1", "shop.other"}});
    for (const char* payload : {"41", "44"}) {  // a partition stands for its root
        stage.host.read(readOf(41), "x");
        stage.host.read(FakeQuery::reads("other", {42}), "y");
        REQUIRE(stage.host.isKept(readOf(41)));
        const auto told = stage.notify()["told"].get<int>();
        stage.listening.tell(payload);
        CacheHost::until([&] { return stage.notify()["told"] == told + 1; });
        CHECK_FALSE(stage.host.isKept(readOf(41)));
        CHECK(stage.host.isKept(FakeQuery::reads("other", {42})));
    }
}

TEST_CASE("notices: a payload that is no table makes all that is covered old, and nothing else") {
    Listening stage(R"({"notify":{"databases":["main"],"bound_ms":60000}})");
    for (const char* payload : {"", "x", "41 ", "-1", "99999999999999999999", "0"}) {
        stage.host.read(readOf(41), "covered");
        stage.host.read(FakeQuery::reads("other", {42}), "not covered");
        const auto told = stage.notify()["told"].get<int>();
        stage.listening.tell(payload);
        CacheHost::until([&] { return stage.notify()["told"] == told + 1; });
        CHECK_FALSE(stage.host.isKept(readOf(41)));
        CHECK(stage.host.isKept(FakeQuery::reads("other", {42})));
    }
}

TEST_CASE("notices: when the connection goes, what it covers is taken for changed, and it is made again") {
    Listening stage(R"({"notify":{"databases":["main"],"bound_ms":60000}})");
    stage.host.read(readOf(41), "x");
    REQUIRE(stage.host.isKept(readOf(41)));
    stage.listening.reachable = false;
    stage.untilState("failing");
    CHECK_FALSE(stage.host.isKept(readOf(41)));
    CHECK(stage.notify()["lost"] == 1);
    CHECK(stage.notify()["trouble"] == "the listener has ended");
    // Nothing is covered now, and ttl_ms bounds what is remembered.
    CHECK(stage.host.isKept(readOf(41)));
    stage.listening.reachable = true;
    stage.untilState("listening");
    CHECK(stage.listening.opened == 2);
}

TEST_CASE("notices: without a proof that nothing is on its way, answers are held back when bound_ms is over") {
    Listening stage(R"({"notify":{"databases":["main"],"bound_ms":200}})");
    CacheHost::until([&] { return stage.host.isKept(readOf(41)); });
    stage.listening.proves = false;
    CacheHost::until([&] {
        auto query = readOf(41);
        const bool held_back = stage.host.before(*query) == HOWDAH_PROCEED;
        if (held_back) stage.host.failed(*query, Error::unavailable("not read"));
        return held_back;
    });
    stage.listening.proves = true;
    CacheHost::until([&] { return stage.host.isKept(readOf(41)); });
}

TEST_CASE("notices: when a trigger goes or is made anew, what was covered is taken for changed") {
    Listening stage(R"({"notify":{"databases":["main"],"bound_ms":200}})");
    const auto keptAfter = [&](CacheHost::Told told) {
        CacheHost::until([&] { return stage.host.isKept(readOf(41)); });
        stage.host.setCoverage(std::move(told));
        CacheHost::until([&] { return !stage.host.isKept(readOf(41)); });
    };
    keptAfter({{"41", "41", "900:2", "shop.item"}});
    keptAfter({});
    CHECK(stage.notify()["tables"] == 0);
}

TEST_CASE("notices: names of tables are for those who belong to no tenant") {
    Listening stage(R"({"notify":{"databases":["main"]}})");
    CHECK(stage.notify()["covered"] == Json::array({"shop.item"}));
    stage.host.principal.tenant = toAbi("acme");
    CHECK_FALSE(stage.notify().contains("covered"));
    CHECK(stage.notify()["tables"] == 1);
}

TEST_CASE("notices: doctor warns of a database that is not heard, and of one where nothing tells") {
    Listening stage(R"({"notify":{"databases":["main"],"bound_ms":200}})");
    const auto warning = [&] {
        howdah::test::FakeCall call(stage.host);
        howdah_str json{};
        const auto* report = stage.host.plugin<howdah_report_v1>(HOWDAH_REPORT_1);
        REQUIRE(report->report(stage.host.self(), call.ctx(), &json) == HOWDAH_OK);
        const Json told = Json::parse(fromAbi(json));
        return told["status"] == "ok" ? std::string() : told["checks"].at(0)["text"].get<std::string>();
    };
    CHECK(warning().empty());
    stage.host.setCoverage({});
    CacheHost::until([&] { return warning() == "no table of database main tells of its writes"; });
    stage.listening.reachable = false;
    CacheHost::until([&] { return warning() == "database main: the listener has ended"; });
}

TEST_CASE("notices: a database that is not there, or nobody to listen, is a mistake to be told") {
    const auto startError = [](std::string_view section, bool listens) {
        const Folder folder;
        FakeListening listening;
        CacheHost host(folder.path());
        if (listens) host.services[HOWDAH_LISTEN_1] = listening.service();
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        return host.start(section);
    };
    CHECK(startError(R"({"notify":{"databases":["none"]}})", true) ==
          "cache.notify.databases: there is no database none");
    CHECK(startError(R"({"notify":{"databases":["main"]}})", false) ==
          "cache.notify needs the service howdah.listen/1, which plugin pool offers");
    CHECK(startError("{}", false) == "");
}
