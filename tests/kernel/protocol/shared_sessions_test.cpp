// Two instances in one process, over a kv in memory: what one has begun the other one serves.
#include "kernel/protocol/shared_sessions.hpp"

#include <vector>

#include <doctest/doctest.h>

#include "kernel/base/steady_ns.hpp"
#include "kernel/protocol/fake_shared_kv.hpp"
#include "kernel/protocol/one_instance.hpp"
#include "kernel/runtime/support.hpp"

namespace howdah::kernel {

using namespace test;

TEST_CASE("shared sessions: another instance finds what one has opened, for its principal alone, until it is ended") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    OneInstance two(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto opened = one.shared.create(Revision::v2025_06_18, knownClient(), personNamed("ada"));
        REQUIRE(opened);
        const std::string id = (*opened)->id;
        CHECK_FALSE(*two.shared.find(id, personNamed("eve")));
        CHECK_FALSE(*two.shared.find(std::string(48, '0'), personNamed("ada")));
        CHECK_FALSE(*two.shared.find("../" + id, personNamed("ada")));
        auto found = *two.shared.find(id, personNamed("ada"));
        REQUIRE(found);
        CHECK(found->revision == Revision::v2025_06_18);
        CHECK(found->client.name == "test");
        CHECK(found->client.askable == 5);
        CHECK(found->client.protocol == "2025-06-18");
        CHECK(*two.shared.find(id, personNamed("ada")) == found);
        CHECK_FALSE(*two.shared.end(id, personNamed("eve")));
        CHECK(*two.shared.end(id, personNamed("ada")));
        CHECK_FALSE(*two.shared.find(id, personNamed("ada")));
        CHECK(comesTrue([&] { return !one.sessions.held(id); }));
    });
}

TEST_CASE("shared sessions: one that may be idle for a second is looked at four times a second, from the first on") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    SessionLimits limits;
    limits.idle_timeout = std::chrono::seconds(1);
    OneInstance one(*runtime, kSealKeys, limits);
    onFiber(runtime->shard(0), [&] {
        constexpr std::int64_t kQuarter = 250'000'000;
        auto session = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        CHECK(session->shared->look_at_ns <= steadyNs() + kQuarter);
        session->shared->look_at_ns = 0;
        (void)one.shared.stands(*session);
        CHECK(session->shared->look_at_ns <= steadyNs() + kQuarter);
        kv.away = true;
        session->shared->look_at_ns = 0;
        (void)one.shared.stands(*session);
        CHECK(session->shared->look_at_ns <= steadyNs() + kQuarter);
    });
}

TEST_CASE("shared sessions: what is changed at one instance is so at the other, and neither loses the other's change") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    OneInstance two(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto [first, second] = openAtBoth(one, two);
        REQUIRE(one.shared.change(*first, [](SessionRecord& record) -> Result<void> {
            record.watched.insert("a");
            return {};
        }));
        REQUIRE(two.shared.change(*second, [](SessionRecord& record) -> Result<void> {
            record.watched.insert("b");
            record.log_level = 4;
            return {};
        }));
        CHECK(second->watched.contains("a"));
        CHECK(second->watched.contains("b"));
        CHECK(comesTrue([&] { return first->watched.contains("b") && first->log_level == 4; }));
        CHECK(first->watched.contains("a"));
        CHECK(one.shared
                  .change(*first,
                          [](SessionRecord& record) -> Result<void> {
                              record.watched.insert(std::string(SharedTexts::kPieceBytes, 'u'));
                              return {};
                          })
                  .error()
                  .code == Code::refused);
    });
}

TEST_CASE("shared sessions: a cancel and an answer reach the instance that waits, also a very long one") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    OneInstance two(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto [here, there] = openAtBoth(one, two);
        auto cancellation = Cancellation::create(*Shard::current());
        InFlight::Entry entry;
        REQUIRE(here->in_flight.enter(entry, "7", *cancellation));
        // Both hear from now on.
        CHECK(comesTrue([&] {
            CHECK_FALSE(two.shared.cancelElsewhere(*there, "7"));
            return cancellation->requested();
        }));
        for (const std::size_t size : {std::size_t{3}, std::size_t{200'000}, std::size_t{4} << 20}) {
            const std::string question = concat("\"howdah-", one.shared.instance(), "-1\"");
            const auto asked = here->questions.add(question);
            const unsigned before = kv.answers_read;
            CHECK_FALSE(two.shared.handOver(*there, question, "no JSON"));
            CHECK(comesTrue([&] { return kv.answers_read > before; }));
            CHECK_FALSE(asked->answered.isSet());
            const std::string answer = concat("{\"result\":\"", std::string(size, 'x'), "\"}");
            CHECK_FALSE(two.shared.handOver(*there, question, answer));
            CHECK(asked->answered.wait(nullptr, hang()) == WaitStatus::ready);
            CHECK(asked->response["result"].get<std::string>().size() == size);
        }
        CHECK(kv.answer_life.load() == kAnswerLife);
        const std::string too_long(SharedTexts::kTextMax + 1, ' ');
        const auto refused = two.shared.handOver(*there, concat("\"howdah-", one.shared.instance(), "-2\""), too_long);
        REQUIRE(refused);
        CHECK(refused->http_status == 413);
        // Of nobody who was ever there, and of the time before sessions were shared.
        const auto gone = two.shared.handOver(*there, "\"howdah-0123456789abcdef-1\"", "{}");
        REQUIRE(gone);
        CHECK(gone->http_status == 410);
        CHECK_FALSE(two.shared.handOver(*there, "\"howdah-12\"", "{}"));
        CHECK_FALSE(two.shared.handOver(*there, "\"other\"", "{}"));
    });
}

TEST_CASE("shared sessions: a stream goes on at another instance, and ends with an error when its own is gone") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    auto one = std::make_unique<OneInstance>(*runtime);
    OneInstance two(*runtime);
    std::string id;
    std::string last_id;
    onFiber(runtime->shard(0), [&] {
        auto here = *one->shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        id = here->id;
        auto there = *two.shared.find(id, personNamed("ada"));
        REQUIRE(there);
        const auto answer = here->streams.beginAnswer("\"x\"");
        const std::string name = here->streams.nameOf(answer);
        here->streams.append(answer, "one");
        here->streams.append(answer, "two");
        auto back = std::make_shared<HeardStream>();
        REQUIRE_FALSE(two.shared.resume(there, name + "-1", {back, nullptr}));
        CHECK(comesTrue([&] { return back->said().size() == 1 && here->streams.continuesElsewhere(answer); }));
        here->streams.append(answer, "three");
        here->streams.finishAnswer(answer, "the answer");
        CHECK(comesTrue([&] { return back.use_count() == 1; }));
        CHECK(back->said() ==
              HeardStream::Said{{name + "-2", "two"}, {name + "-3", "three"}, {name + "-4", "the answer"}});
        // One that never ends.
        const auto lost = here->streams.beginAnswer("\"lost\"");
        here->streams.append(lost, "begun");
        last_id = here->streams.nameOf(lost) + "-1";
        CHECK(comesTrue([&] {
            return kv.store.get(concat("instance/", one->shared.instance()), KvStore::Clock::now()).has_value();
        }));
    });
    one.reset();
    onFiber(runtime->shard(0), [&] {
        auto there = *two.shared.find(id, personNamed("ada"));
        REQUIRE(there);
        auto back = std::make_shared<HeardStream>();
        REQUIRE_FALSE(two.shared.resume(there, last_id, {back, nullptr}));
        CHECK(comesTrue([&] { return back.use_count() == 1; }));
        REQUIRE(back->said().size() == 1);
        CHECK(back->said()[0].second.find(R"("id":"lost","error":{"code":-32603)") != std::string::npos);
        CHECK(back->said()[0].second.find("whether the call took effect is not known") != std::string::npos);
        CHECK(two.shared.resume(there, "nonsense", {back, nullptr})->http_status == 400);
        CHECK(two.shared.resume(there, "0123456789abcdef.1.e30-1", {back, nullptr})->http_status == 400);
    });
}

TEST_CASE("shared sessions: an instance that lets go of a session and finds it again gives no stream number twice") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto before = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        const auto first = before->streams.beginAnswer("1");
        one.sessions.drop(before->id);
        auto again = *one.shared.find(before->id, personNamed("ada"));
        REQUIRE(again);
        CHECK(again != before);
        CHECK(again->streams.beginAnswer("1") > first);
    });
}

TEST_CASE("shared sessions: an instance says again what it said before it let go of the session") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto before = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        const auto answer = before->streams.beginAnswer("1");
        const std::string name = before->streams.nameOf(answer);
        before->streams.append(answer, "one");
        before->streams.finishAnswer(answer, "the answer");
        one.sessions.drop(before->id);
        auto again = *one.shared.find(before->id, personNamed("ada"));
        REQUIRE(again);
        const auto resumed = [&](const std::string& id) {
            auto back = std::make_shared<HeardStream>();
            CHECK(again->streams.resume(id, {back, nullptr}) == StreamLog::Resumed::elsewhere);
            CHECK_FALSE(one.shared.resume(again, id, {back, nullptr}));
            CHECK(comesTrue([&] { return back.use_count() == 1; }));
            return back->said();
        };
        CHECK(resumed(name + "-1") == HeardStream::Said{{name + "-2", "the answer"}});
        // One that it never had ends too.
        const auto nothing = resumed(concat(one.shared.instance(), ".999.MQ-1"));
        REQUIRE(nothing.size() == 1);
        CHECK(nothing[0].second.find("no longer kept; the call may have taken effect: look") != std::string::npos);
    });
}

TEST_CASE("shared sessions: a client that listened elsewhere comes back to the instance that it began at") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    OneInstance two(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto [here, there] = openAtBoth(one, two);
        auto first = std::make_shared<HeardStream>();
        REQUIRE(here->streams.listen({first, nullptr}, 8));
        REQUIRE(here->streams.push("a"));
        const std::string last_id = first->said().back().first;
        REQUIRE(here->streams.push("b"));
        CHECK(comesTrue([&] { return kv.kept == 3; }));  // with the record
        auto elsewhere = std::make_shared<HeardStream>();
        REQUIRE_FALSE(two.shared.resume(there, last_id, {elsewhere, nullptr}));
        CHECK(comesTrue(
            [&] { return here->streams.resume(last_id, {first, nullptr}) == StreamLog::Resumed::elsewhere; }));
        auto back = std::make_shared<HeardStream>();
        REQUIRE_FALSE(one.shared.resume(here, last_id, {back, nullptr}));
        CHECK(back->said()[0].second == "b");
        CHECK(here->streams.listening());
        CHECK(here->streams.push("c"));
        CHECK(back->said().back().second == "c");
    });
}

TEST_CASE("shared sessions: what was not written by an instance is no session, and what cannot be asked is told") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    OneInstance two(*runtime, {std::string(32, 'o')});
    onFiber(runtime->shard(0), [&] {
        auto here = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        CHECK_FALSE(*two.shared.find(here->id, personNamed("ada")));
        kv.away = true;
        CHECK(one.shared.stands(*here));
        CHECK(one.shared.find(std::string(48, '1'), personNamed("ada")).error().code == Code::unavailable);
        CHECK(one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada")).error().code ==
              Code::unavailable);
        const auto nothing = [](SessionRecord&) -> Result<void> { return {}; };
        CHECK(codeOf(one.shared.change(*here, nothing)) == Code::unavailable);
        const auto refused = one.shared.cancelElsewhere(*here, "7");
        REQUIRE(refused);
        CHECK(refused->http_status == 503);
        kv.away = false;
        CHECK(*one.shared.change(*here, nothing));
        CHECK_FALSE(one.shared.cancelElsewhere(*here, "7"));
        CHECK(*one.shared.end(here->id, personNamed("ada")));
        CHECK_FALSE(*one.shared.change(*here, nothing));
    });
}

TEST_CASE("shared sessions: an instance does as another one says, and nothing that anybody else has said") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    OneInstance stranger(*runtime, {std::string(32, 'o')});
    onFiber(runtime->shard(0), [&] {
        auto here = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        auto forged = Cancellation::create(*Shard::current());
        auto meant = Cancellation::create(*Shard::current());
        InFlight::Entry first, second;
        REQUIRE(here->in_flight.enter(first, "7", *forged));
        REQUIRE(here->in_flight.enter(second, "8", *meant));
        const auto cancelOf = [&](const char* id) {
            return dumpJson({{"k", "cancel"}, {"from", "0123456789abcdef"}, {"s", here->id}, {"id", id}});
        };
        const auto sealedFor = [&](const Sealer& sealer, std::string_view channel, const char* id) {
            return *sealer.seal(cancelOf(id), Sealer::bindingOf({"shared", channel}),
                                Sealer::Clock::now() + std::chrono::minutes(1));
        };
        // It hears them in this order, once it hears anything.
        CHECK(comesTrue([&] {
            REQUIRE(kv.channels.publish("instances", cancelOf("7")));
            REQUIRE(kv.channels.publish("instances", sealedFor(stranger.sealer, "instances", "7")));
            REQUIRE(kv.channels.publish("instances", sealedFor(one.sealer, "others", "7")));
            REQUIRE(kv.channels.publish("instances", sealedFor(one.sealer, "instances", "8")));
            return meant->requested();
        }));
        CHECK_FALSE(forged->requested());
    });
}

TEST_CASE("shared sessions: a lease that no instance has written keeps none alive") {
    auto runtime = startRuntime();
    FakeSharedKv kv;
    OneInstance one(*runtime);
    onFiber(runtime->shard(0), [&] {
        auto here = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
        const auto write = [&](const std::string& tag, const std::string& value) {
            return kv.store.set("instance/" + tag, value, std::chrono::minutes(1), KvStore::Clock::now());
        };
        const auto mine = kv.store.get("instance/" + one.shared.instance(), KvStore::Clock::now());
        REQUIRE(mine);
        REQUIRE(write("0123456789abcdef", "1"));
        REQUIRE(write("fedcba9876543210", *mine));
        for (const char* tag : {"0123456789abcdef", "fedcba9876543210"}) {
            const auto gone = one.shared.handOver(*here, concat("\"howdah-", tag, "-1\""), "{}");
            REQUIRE(gone);
            CHECK(gone->http_status == 410);
        }
    });
}

TEST_CASE("session record: what is read is what was written, and nothing else is taken for one") {
    SessionRecord record{
        .revision = Revision::v2025_03_26, .client = knownClient(), .subject = "ada", .tenant = "acme"};
    record.client.samples_with_tools = true;
    record.log_level = 6;
    record.watched = {"a", "b"};
    const auto again = SessionRecord::read(record.text());
    REQUIRE(again);
    CHECK(again->text() == record.text());
    CHECK_FALSE(again->client.structured);
    CHECK_FALSE(SessionRecord::read("{}"));
    CHECK_FALSE(SessionRecord::read("[]"));
    CHECK_FALSE(SessionRecord::read("no"));
    for (const char* key : {"revision", "client", "askable", "subject", "log_level", "watched"}) {
        Json changed = Json::parse(record.text());
        changed[key] = Json::object();
        CHECK_FALSE(SessionRecord::read(changed.dump()));
        changed.erase(key);
        CHECK_FALSE(SessionRecord::read(changed.dump()));
    }
    Json modern = Json::parse(record.text());
    modern["revision"] = "2026-07-28";
    CHECK_FALSE(SessionRecord::read(modern.dump()));
}

}  // namespace howdah::kernel
