// What instances that share sessions do about what was lost on the way between them.
#include <array>

#include <doctest/doctest.h>

#include "kernel/protocol/fake_shared_kv.hpp"
#include "kernel/protocol/one_instance.hpp"
#include "kernel/protocol/shared_sessions.hpp"
#include "kernel/runtime/support.hpp"

namespace howdah::kernel {

using namespace test;

TEST_CASE("shared sessions: a stream is gone on with though its events, its end and the request for them were lost") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    OneInstance two(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto [here, there] = openAtBoth(one, two);
        kv.forgets = true;
        const auto answer = here->streams.beginAnswer("1");
        const std::string name = here->streams.nameOf(answer);
        here->streams.append(answer, "one");
        here->streams.finishAnswer(answer, "the answer");
        CHECK(comesTrue([&] { return kv.forgotten == 3; }));
        kv.forgets = false;
        kv.is_mute = true;
        auto back = std::make_shared<HeardStream>();
        REQUIRE_FALSE(two.shared.resume(there, name + "-0", {back, nullptr}));
        CHECK(comesTrue([&] { return kv.unheard > 0; }));
        kv.is_mute = false;
        CHECK(comesTrue([&] { return back.use_count() == 1; }));
        CHECK(back->said() == HeardStream::Said{{name + "-1", "one"}, {name + "-2", "the answer"}});
    });
}

TEST_CASE("shared sessions: the one event of a stream that was not kept is said all the same, in its place") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    OneInstance two(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto [here, there] = openAtBoth(one, two);
        const auto answer = here->streams.beginAnswer("1");
        const std::string name = here->streams.nameOf(answer);
        here->streams.append(answer, "one");
        auto back = std::make_shared<HeardStream>();
        REQUIRE_FALSE(two.shared.resume(there, name + "-0", {back, nullptr}));
        CHECK(comesTrue([&] { return back->said().size() == 1 && here->streams.continuesElsewhere(answer); }));
        kv.forgets = true;
        here->streams.append(answer, "two");
        CHECK(comesTrue([&] { return kv.forgotten == 1; }));
        kv.forgets = false;
        here->streams.finishAnswer(answer, "the answer");
        CHECK(comesTrue([&] { return back.use_count() == 1; }));
        CHECK(back->said() ==
              HeardStream::Said{{name + "-1", "one"}, {name + "-2", "two"}, {name + "-3", "the answer"}});
    });
}

TEST_CASE("shared sessions: an instance that waits to keep a session goes on renewing its own lease") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    kv.holds = true;
    SessionLimits limits;
    limits.idle_timeout = std::chrono::seconds(1);
    OneInstance one(*runtime, kSealKeys, limits);
    onFiber(runtime->shard(0), [&] {
        auto session = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        auto cancellation = Cancellation::create(*Shard::current());
        InFlight::Entry in_use;
        REQUIRE(session->in_flight.enter(in_use, "7", *cancellation));
        CHECK(comesTrue([&] { return kv.held > 0; }));
        const unsigned before = kv.leases;
        CHECK(comesTrue([&] { return kv.leases > before + 2; }));
        kv.holds = false;
    });
}

TEST_CASE("shared sessions: one in use that could not be kept is kept as soon as that can be") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    kv.is_deaf = true;
    OneInstance one(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto session = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        auto cancellation = Cancellation::create(*Shard::current());
        InFlight::Entry in_use;
        REQUIRE(session->in_flight.enter(in_use, "7", *cancellation));
        kv.refuses_changes = true;
        kv.is_deaf = false;  // from here on it hears, and so looks after what is in use
        CHECK(comesTrue([&] { return kv.changes_refused > 0; }));
        kv.refuses_changes = false;
        CHECK(comesTrue([&] { return kv.changes > 0; }));
    });
}

TEST_CASE("shared sessions: a record that no instance has written ends its session, and the others are kept") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    kv.is_deaf = true;
    OneInstance one(*runtime);
    onFiber(runtime->shard(0), [&] {
        struct InUse {
            std::shared_ptr<Session> session;
            std::shared_ptr<Cancellation> cancellation = Cancellation::create(*Shard::current());
            InFlight::Entry entry;
        };
        std::array<InUse, 3> all;
        for (InUse& each : all) {
            each.session = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
            REQUIRE(each.session->in_flight.enter(each.entry, "7", *each.cancellation));
        }
        for (const std::string& key : kv.written()) {
            if (!key.starts_with("session/")) continue;
            REQUIRE(kv.store.set(key, "rubbish", std::chrono::minutes(1), KvStore::Clock::now()));
        }
        auto kept = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        kv.is_deaf = false;  // from here on it hears, and so looks after what is in use
        for (InUse& each : all) {
            CHECK(comesTrue([&] { return !one.sessions.held(each.session->id); }));
            CHECK(each.cancellation->requested());
        }
        CHECK(one.shared.stands(*kept));
    });
}

TEST_CASE(
    "shared sessions: of two changes at one instance the later one stands, whoever hears first that it was made") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto session = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        const auto levelTo = [&](std::uint32_t level) {
            CHECK(*one.shared.change(*session, [level](SessionRecord& record) -> Result<void> {
                record.log_level = level;
                return {};
            }));
        };
        Event heard;
        kv.is_late = true;
        REQUIRE(Shard::current()->spawn([&] {
            levelTo(4);
            heard.set();
        }));
        CHECK(comesTrue([&] { return kv.late.load(); }));
        levelTo(5);
        CHECK(session->log_level == 5);
        kv.is_late = false;
        CHECK(heard.wait(nullptr, hang()) == WaitStatus::ready);
        CHECK(session->log_level == 5);
    });
}

TEST_CASE("shared sessions: an instance that could not renew its own lease takes nobody for dead") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto session = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        const auto dead = one.shared.handOver(*session, "\"howdah-0123456789abcdef-1\"", "{}");
        REQUIRE(dead);
        CHECK(dead->http_status == 410);
        kv.refuses_leases = true;
        CHECK(comesTrue([&] { return kv.leases_refused > 0; }));
        CHECK_FALSE(one.shared.handOver(*session, "\"howdah-fedcba9876543210-1\"", "{}"));
    });
}

}  // namespace howdah::kernel
