// Channels of transport plugins, on two shards: what the plugin calls on fibers of any of them.
#include "kernel/transport/client_channels.hpp"

#include <future>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fake_handler.hpp"
#include "kernel/pipeline/request.hpp"
#include "kernel/transport/authenticator.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;

namespace {

// Lets in "Bearer right" as ada, and anybody else as nobody; what is right can change.
class FakeAuthenticator final : public Authenticator {
public:
    Result<std::shared_ptr<const Principal>> authenticate(const Inbound& request) override {
        std::lock_guard lock(mutex);
        asked.add();
        resource = request.resource;
        if (request.authorization != right) return Error::refused("not right").withHint(hint);
        auto principal = std::make_shared<Principal>();
        principal->subject = subject;
        return std::shared_ptr<const Principal>(std::move(principal));
    }
    Result<std::string> metadata(std::string_view resource_asked) override {
        if (!has_issuer) return Authenticator::metadata(resource_asked);
        return std::string("{}");
    }
    void change(bool revoked) {
        std::lock_guard lock(mutex);
        (revoked ? right : subject) = "other";
    }
    Counter asked;
    std::mutex mutex;
    bool has_issuer = false;
    std::string hint = "be right";
    std::string right = "Bearer right";
    std::string subject = "ada";
    std::string resource;
};

struct Fixture {
    explicit Fixture(ClientChannels::Config config = {}) : runtime(start()), channels(*runtime, handler, config) {}
    ~Fixture() {
        handler.release();
        for (const std::uint64_t channel : opened)
            channels.close(channel);
        onFiber([&] { CHECK(channels.drain(nullptr, Deadline::in(10s), CancelReason::shutdown)); });
        handler.takePeer();
        if (credentials) credentials->stop();
        CHECK(runtime->stop(Deadline::in(10s)).clean());
    }
    static std::unique_ptr<Runtime> start() {
        Runtime::Config config;
        config.shards = 2;
        auto started = Runtime::start(std::move(config));
        REQUIRE(started);
        return std::move(*started);
    }

    // Nobody's credential is looked at again before checkAll().
    void letIn() {
        credentials = std::make_shared<CredentialWatch>(runtime->shard(0), authenticator, "http://here/mcp",
                                                        CredentialWatch::Config{.every = 1h});
        channels.letIn(&authenticator, "http://here/mcp", credentials);
    }
    std::future<void> begin(std::function<void()> body) {
        auto done = std::make_shared<std::promise<void>>();
        auto future = done->get_future();
        Shard& shard = runtime->nextShard();
        shard.post([&shard, body = std::move(body), done]() mutable {
            shard.spawn(Task([body = std::move(body), done] {
                body();
                done->set_value();
            }));
        });
        return future;
    }
    void onFiber(std::function<void()> body) { begin(std::move(body)).wait(); }

    std::uint64_t open(std::string_view authorization = "") {
        Result<std::uint64_t> channel{Error{}};
        onFiber([&] { channel = channels.open(this, {"wire", authorization, "here"}, nullptr); });
        error = channel ? Error{} : channel.error();
        if (channel) opened.push_back(*channel);
        return channel ? *channel : 0;
    }
    Code submit(std::uint64_t channel, std::string_view message, Deadline deadline = Deadline::in(20s)) {
        Result<void> done;
        onFiber([&] { done = channels.submit(channel, message, nullptr, deadline); });
        error = done ? Error{} : done.error();
        return done ? Code{} : done.error().code;
    }
    std::string receive(std::uint64_t channel, Deadline deadline = Deadline::in(20s)) {
        Result<std::string> message{Error{}};
        onFiber([&] { message = channels.receive(channel, nullptr, deadline); });
        error = message ? Error{} : message.error();
        return message ? *message : "";
    }

    FakeHandler handler;
    FakeAuthenticator authenticator;
    std::unique_ptr<Runtime> runtime;
    std::shared_ptr<CredentialWatch> credentials;
    ClientChannels channels;
    Error error;
    std::vector<std::uint64_t> opened;
};

}  // namespace

TEST_CASE("client channels: nobody is let in before the server says so, and only with what its authenticator takes") {
    Fixture fixture;
    CHECK(fixture.open() == 0);
    CHECK(fixture.error.code == Code::unavailable);
    fixture.letIn();
    CHECK(fixture.open("Bearer wrong") == 0);
    CHECK(fixture.error.code == Code::refused);
    CHECK(fixture.error.hint == "be right");
    fixture.authenticator.hint.clear();
    CHECK(fixture.open("Bearer wrong") == 0);
    CHECK(fixture.error.hint == "");
    fixture.authenticator.has_issuer = true;
    CHECK(fixture.open("Bearer wrong") == 0);
    CHECK(fixture.error.hint == "where to get a token is told at http://here/.well-known/oauth-protected-resource/mcp");
    std::string subject, transport;
    fixture.handler.on_message = [&](const Inbound& message) {
        subject = message.principal->subject;
        transport = message.transport;
    };
    const std::uint64_t channel = fixture.open("Bearer right");
    REQUIRE(channel != 0);
    CHECK(fixture.submit(channel, R"({"do":"echo"})") == Code{});
    CHECK(fixture.receive(channel) == R"({"do":"echo"})");
    CHECK(subject == "ada");
    CHECK(fixture.authenticator.resource == "http://here/mcp");
    CHECK(transport == "wire");
}

TEST_CASE("client channels: a transport has a name of its own") {
    Fixture fixture;
    fixture.channels.letIn(nullptr, "", nullptr);
    fixture.onFiber([&] {
        for (const char* name : {"", "http", "stdio", "websocket", "Wire", "a b", "seventeen-letters"})
            CHECK(fixture.channels.open(&fixture, {name, "", ""}, nullptr).error().code == Code::invalid_argument);
        auto longest = fixture.channels.open(&fixture, {"sixteen-letters-", "", ""}, nullptr);
        REQUIRE(longest);
        fixture.channels.close(*longest);
    });
}

TEST_CASE("client channels: as many as configured are open, one more is told so until one is closed") {
    Fixture fixture({.channels_max = 2});
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t first = fixture.open();
    CHECK(fixture.open() != 0);
    CHECK(fixture.open() == 0);
    CHECK(fixture.error.message.starts_with("2 clients are connected"));
    fixture.channels.close(first);
    CHECK(fixture.open() != 0);
}

TEST_CASE("client channels: a message at the limit is served, one byte more is refused and the channel goes on") {
    Fixture fixture({.channel = {.message_bytes_max = 100}});
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t channel = fixture.open();
    const std::string longest = R"({"do":"echo","pad":")" + std::string(78, 'p') + "\"}";
    REQUIRE(longest.size() == 100);
    CHECK(fixture.submit(channel, longest + " ") == Code::invalid_argument);
    CHECK(fixture.error.message.find("100 bytes") != std::string::npos);
    CHECK(fixture.submit(channel, longest) == Code{});
    CHECK(fixture.receive(channel) == longest);
}

TEST_CASE(
    "client channels: an answer within a message's limit is whole, a longer one becomes an error, others follow") {
    Fixture fixture({.channel = {.message_bytes_max = 200'000}});
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t channel = fixture.open();
    CHECK(fixture.submit(channel, R"({"do":"bytes","n":199998})") == Code{});
    CHECK(fixture.receive(channel).size() == 200'000);
    CHECK(fixture.submit(channel, R"({"do":"bytes","n":199999})") == Code{});
    CHECK(fixture.receive(channel).find("longer than the 200000 bytes") != std::string::npos);
    CHECK(fixture.submit(channel, R"({"do":"echo"})") == Code{});
    CHECK(fixture.receive(channel) == R"({"do":"echo"})");
}

TEST_CASE("client channels: while nobody takes, long answers wait and at most one of them is held beside the queue") {
    Fixture fixture({.channel = {.message_bytes_max = 1u << 20, .queue_bytes_max = 100'000}});
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t channel = fixture.open();
    for (int i = 0; i < 8; ++i)
        CHECK(fixture.submit(channel, R"({"do":"bytes","n":500000})") == Code{});
    CHECK(fixture.handler.handled.reaches(8));
    CHECK(fixture.handler.answered.reaches(1));
    // One is queued, one may be complete beside it, the other six hold what is collected before a long answer begins.
    CHECK(fixture.handler.bytes_written <= 2 * 500'000 + 6 * 80'000);
    for (int i = 0; i < 8; ++i)
        CHECK(fixture.receive(channel).size() == 500'002);
    CHECK(fixture.handler.answered.reaches(8));
}

TEST_CASE("client channels: beyond its requests and what may wait, submit() waits, and gives up at its deadline") {
    Fixture fixture({.channel = {.message_bytes_max = 1000, .requests_in_flight_max = 2}});
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t channel = fixture.open();
    int taken = 0;
    while (taken < 100 && fixture.submit(channel, R"({"id":1,"do":"hold"})", Deadline::in(50ms)) == Code{})
        ++taken;
    CHECK(fixture.error.code == Code::timeout);
    CHECK(taken > 2);
    CHECK(taken < 20);
    CHECK(fixture.handler.holding.value() == 2);
    fixture.handler.release();
    CHECK(fixture.submit(channel, R"({"do":"echo"})") == Code{});
    for (int i = 0; i < taken; ++i)
        CHECK(fixture.receive(channel) == "\"released\"");
    CHECK(fixture.receive(channel) == R"({"do":"echo"})");
}

TEST_CASE(
    "client channels: a request that begins to stand lets those in that waited, and the one there was no room for") {
    Fixture fixture({.channel = {.message_bytes_max = 100, .requests_in_flight_max = 1, .standing_max = 10}});
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t channel = fixture.open();
    CHECK(fixture.submit(channel, R"({"do":"stand_later"})") == Code{});
    CHECK(fixture.handler.handled.reaches(1));
    const std::string waits = R"({"do":"echo","pad":")" + std::string(60, 'p') + "\"}";
    CHECK(fixture.submit(channel, waits) == Code{});
    CHECK(fixture.submit(channel, waits) == Code{});
    CHECK(fixture.submit(channel, waits, Deadline::in(50ms)) == Code::timeout);
    CHECK(fixture.handler.handled.value() == 1);
    fixture.handler.letStand();
    for (int i = 0; i < 2; ++i)
        CHECK(fixture.receive(channel) == waits);
    CHECK(fixture.submit(channel, waits) == Code{});
    CHECK(fixture.receive(channel) == waits);
    fixture.channels.close(channel);
    CHECK(fixture.handler.cancelled.reaches(1));
}

TEST_CASE("client channels: after the last word everything is answered, then the channel has ended") {
    Fixture fixture({.channel = {.requests_in_flight_max = 1}});
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t channel = fixture.open();
    for (int i = 0; i < 3; ++i)
        CHECK(fixture.submit(channel, R"({"do":"hold"})") == Code{});
    fixture.onFiber([&] { CHECK(fixture.channels.finish(channel)); });
    CHECK(fixture.submit(channel, R"({"do":"echo"})") == Code::unavailable);
    CHECK(fixture.receive(channel, Deadline::in(0ms)) == "");
    CHECK(fixture.error.code == Code::timeout);
    fixture.handler.release();
    for (int i = 0; i < 3; ++i)
        CHECK(fixture.receive(channel) == "\"released\"");
    CHECK(fixture.receive(channel) == "");
    CHECK(fixture.error.code == Code::not_found);
}

TEST_CASE("client channels: close() cancels what is in flight and wakes who waits; the number names nothing any more") {
    Fixture fixture;
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t channel = fixture.open();
    CHECK(fixture.submit(channel, R"({"do":"hold"})") == Code{});
    CHECK(fixture.handler.holding.reaches(1));
    Code woken{};
    auto waiting =
        fixture.begin([&] { woken = fixture.channels.receive(channel, nullptr, Deadline::in(20s)).error().code; });
    fixture.channels.close(channel);
    fixture.channels.close(channel);
    waiting.wait();
    CHECK(woken == Code::unavailable);
    CHECK(fixture.handler.cancelled.reaches(1));
    CHECK(fixture.submit(channel, "{}") == Code::unavailable);
    CHECK(fixture.channels.count() == 0);
}

TEST_CASE(
    "client channels: a drain lets in nobody, answers what came, and cancels at its deadline what has not ended") {
    Fixture fixture;
    fixture.channels.letIn(nullptr, "", nullptr);
    const std::uint64_t quick = fixture.open();
    const std::uint64_t slow = fixture.open();
    CHECK(fixture.submit(slow, R"({"do":"hold"})") == Code{});
    CHECK(fixture.handler.holding.reaches(1));
    fixture.channels.beginDrain(nullptr, "we close");
    CHECK(fixture.open() == 0);
    CHECK(fixture.receive(quick) == "");
    CHECK(fixture.error.message == "we close");
    fixture.channels.close(quick);
    bool in_time = true;
    auto drained =
        fixture.begin([&] { in_time = fixture.channels.drain(nullptr, Deadline::in(10ms), CancelReason::shutdown); });
    CHECK(fixture.receive(slow) == "\"cancelled\"");
    CHECK(fixture.receive(slow) == "");
    fixture.channels.close(slow);
    drained.wait();
    CHECK_FALSE(in_time);
}

TEST_CASE("client channels: a drain of one plugin leaves the clients of others alone") {
    Fixture fixture;
    fixture.channels.letIn(nullptr, "", nullptr);
    const int other = 0;
    Result<std::uint64_t> theirs{Error{}};
    fixture.onFiber([&] { theirs = fixture.channels.open(&other, {"wire", "", ""}, nullptr); });
    const std::uint64_t ours = fixture.open();
    fixture.channels.beginDrain(&other, "replaced");
    CHECK(fixture.receive(*theirs) == "");
    CHECK(fixture.error.message == "replaced");
    CHECK(fixture.submit(ours, R"({"do":"echo"})") == Code{});
    CHECK(fixture.receive(ours) == R"({"do":"echo"})");
    fixture.channels.forget(&other);
    CHECK(fixture.channels.count() == 1);
}

TEST_CASE(
    "client channels: a credential that has become bad, or somebody else's, ends the channel and what runs on it") {
    for (const bool revoked : {true, false}) {
        Fixture fixture;
        fixture.authenticator.has_issuer = true;
        fixture.authenticator.hint = "";
        fixture.letIn();
        const std::uint64_t channel = fixture.open("Bearer right");
        CHECK(fixture.submit(channel, R"({"do":"hold"})") == Code{});
        CHECK(fixture.handler.holding.reaches(1));
        fixture.credentials->checkAll();
        CHECK(fixture.authenticator.asked.reaches(2));
        CHECK(fixture.receive(channel, Deadline::in(0ms)) == "");
        CHECK(fixture.error.code == Code::timeout);
        fixture.authenticator.change(revoked);
        fixture.credentials->checkAll();
        CHECK(fixture.receive(channel) == "");
        CHECK(fixture.error.code == Code::refused);
        CHECK(fixture.error.hint ==
              "where to get a token is told at http://here/.well-known/oauth-protected-resource/mcp");
        CHECK(fixture.handler.cancelled.reaches(1));
        CHECK(fixture.submit(channel, R"({"do":"echo"})") == Code::unavailable);
    }
}

TEST_CASE("client channels: two shards open, use and close a thousand at once, each with its own answers") {
    Fixture fixture;
    fixture.channels.letIn(nullptr, "", nullptr);
    std::atomic<int> right{0};
    std::vector<std::future<void>> fibers;
    for (int i = 0; i < 1000; ++i) {
        fibers.push_back(fixture.begin([&, i] {
            auto channel = fixture.channels.open(&fixture, {"wire", "", ""}, nullptr);
            if (!channel) return;
            const std::string mine = concat(R"({"do":"echo","n":)", i, "}");
            if (!fixture.channels.submit(*channel, mine, nullptr, Deadline::in(20s))) return;
            auto answer = fixture.channels.receive(*channel, nullptr, Deadline::in(20s));
            if (answer && *answer == mine) ++right;
            fixture.channels.close(*channel);
        }));
    }
    for (auto& fiber : fibers)
        fiber.wait();
    CHECK(right == 1000);
    CHECK(fixture.channels.count() == 0);
}

TEST_CASE("message queue: the id of an answer is found at its head, whatever it looks like") {
    CHECK(answeredId(R"({"jsonrpc":"2.0","id":7,"result":{)") == "7");
    CHECK(answeredId(R"({"jsonrpc":"2.0","id":"a\"b,}","result":{)") == R"("a\"b,}")");
    CHECK(answeredId(R"({"jsonrpc":"2.0","result":{)") == "");
    CHECK(answeredId(R"([{"jsonrpc":"2.0","id":7)") == "");
    CHECK(answeredId(R"({"jsonrpc":"2.0","id":"never ends)") == "");
}

}  // namespace howdah::kernel::test
