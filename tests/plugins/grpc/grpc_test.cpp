// The stream of the grpc plugin with a wire and channels that are scripted; tasks are threads here, as FakeHost runs
// them.
#include <condition_variable>
#include <deque>
#include <map>
#include <thread>

#include <doctest/doctest.h>

#include <howdah/test/fake_host.hpp>

#include "plugins/grpc/config.hpp"
#include "plugins/grpc/stream.hpp"

namespace howdah::grpc_transport {
namespace {

using namespace std::chrono_literals;

// howdah.transport/1 whose channels answer each message with itself. A message "hold" is never answered.
class FakeChannels {
public:
    static FakeChannels& it() {
        static FakeChannels made;
        return made;
    }
    static const howdah_transport_v1 kTable;

    struct State {
        std::deque<std::string> messages;
        std::optional<Error> reason;
        std::string received;
    };
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::uint64_t, State> channels;
    std::uint64_t next = 1;
    int closed = 0;

    void endAll(const Error& reason) {
        std::lock_guard lock(mutex);
        for (auto& [number, state] : channels)
            state.reason = reason;
        changed.notify_all();
    }

private:
    static howdah_status fail(howdah_ctx* ctx, const Error& error) {
        ctx->error = error;
        return static_cast<howdah_status>(error.code);
    }
    static howdah_status open(howdah_ctx* ctx, const howdah_channel_peer* peer, std::uint64_t* channel) {
        if (fromAbi(peer->authorization) == "Bearer wrong")
            return fail(ctx, Error::refused("the token is not valid").withHint("ask for a new one"));
        std::lock_guard lock(it().mutex);
        *channel = it().next++;
        it().channels[*channel] = {};
        return HOWDAH_OK;
    }
    static howdah_status submit(howdah_ctx* ctx, std::uint64_t channel, howdah_str message, std::uint64_t) {
        std::lock_guard lock(it().mutex);
        auto found = it().channels.find(channel);
        if (found == it().channels.end()) return fail(ctx, Error::unavailable("closed"));
        if (message.size > 100) return fail(ctx, Error::invalidArgument("too long"));
        if (found->second.reason) return fail(ctx, Error::unavailable("ended"));
        if (fromAbi(message) != "hold") found->second.messages.emplace_back(fromAbi(message));
        it().changed.notify_all();
        return HOWDAH_OK;
    }
    static howdah_status receive(howdah_ctx* ctx, std::uint64_t channel, std::uint64_t, howdah_str* message) {
        std::unique_lock lock(it().mutex);
        for (;;) {
            auto found = it().channels.find(channel);
            if (found == it().channels.end()) return fail(ctx, Error::unavailable("closed"));
            State& state = found->second;
            if (!state.messages.empty()) {
                state.received = std::move(state.messages.front());
                state.messages.pop_front();
                *message = toAbi(state.received);
                return HOWDAH_OK;
            }
            if (state.reason) return fail(ctx, *state.reason);
            it().changed.wait(lock);
        }
    }
    static howdah_status finish(howdah_ctx*, std::uint64_t channel) {
        std::lock_guard lock(it().mutex);
        it().channels[channel].reason = Error::notFound("everything is answered");
        it().changed.notify_all();
        return HOWDAH_OK;
    }
    static void close(const howdah_host*, std::uint64_t channel) {
        std::lock_guard lock(it().mutex);
        it().closed += it().channels.erase(channel) ? 1 : 0;
        it().changed.notify_all();
    }
};
const howdah_transport_v1 FakeChannels::kTable{
    sizeof(howdah_transport_v1), 0, &open, &submit, &receive, &finish, &close};

// A client that sends what it is told, one message for each read, and keeps what is written to it.
class FakeWire final : public Wire {
public:
    Stream* stream = nullptr;
    std::deque<std::string> to_send;
    bool then_ends = true;     // closes its side; else it stays silent
    bool takes_writes = true;  // else a write is never done
    std::vector<std::string> got;
    std::optional<Ending> ending;
    std::string text;
    bool cut = false;
    int finishes = 0;

    void startRead() override {
        if (!to_send.empty()) {
            std::string message = std::move(to_send.front());
            to_send.pop_front();
            return stream->arrived(std::move(message));
        }
        if (then_ends) return stream->inputEnded();
        std::lock_guard lock(mutex_);
        silent_ = true;
        changed_.notify_all();
    }
    void startWrite(std::string_view json) override {
        got.emplace_back(json);
        if (takes_writes) stream->written(true);
    }
    void finish(Ending how, const std::string& why, bool cut_off) override {
        ending = how, text = why, cut = cut_off;
        ++finishes;
    }
    void awaitSilence() {
        std::unique_lock lock(mutex_);
        CHECK(changed_.wait_for(lock, 20s, [&] { return silent_; }));
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool silent_ = false;
};

struct Played {
    explicit Played(FakeWire& its_wire, std::string token = "", std::chrono::milliseconds stall = 20s)
        : wire(its_wire), stream(host, wire, {std::move(token), "here"}, stall) {
        wire.stream = &stream;
        up = std::thread([this] {
            test::FakeCall call(fake, 60s, 0);
            Context context(host, call.ctx());
            stream.up(context, [this] {
                down = std::thread([this] {
                    test::FakeCall other(fake, 60s, 1);
                    Context its(host, other.ctx());
                    stream.down(its);
                });
                return true;
            });
        });
    }
    void join() {
        up.join();
        if (down.joinable()) down.join();
        CHECK(wire.finishes == 1);
    }
    test::FakeHost fake = {};
    struct Furnish {
        explicit Furnish(test::FakeHost& it) {
            it.shard_count = 2;
            it.interfaces = {{HOWDAH_TRANSPORT_1, &FakeChannels::kTable}};
        }
    } furnished{fake};
    Host host{fake.raw()};
    FakeWire& wire;
    Stream stream;
    std::thread up, down;
};

}  // namespace

TEST_CASE("grpc: what a client sends is answered in order, and its stream ends OK after its last word") {
    FakeWire wire;
    for (int i = 0; i < 1000; ++i)
        wire.to_send.push_back(std::to_string(i));
    Played(wire).join();
    REQUIRE(wire.got.size() == 1000);
    for (int i = 0; i < 1000; ++i)
        CHECK(wire.got[static_cast<std::size_t>(i)] == std::to_string(i));
    CHECK(wire.ending == Ending::ok);
    CHECK_FALSE(wire.cut);
}

TEST_CASE("grpc: streams on two shards at once do not meet") {
    std::vector<std::thread> clients;
    clients.reserve(20);
    std::atomic<int> right{0};
    for (int client = 0; client < 20; ++client) {
        clients.emplace_back([&right, client] {
            FakeWire wire;
            for (int i = 0; i < 100; ++i)
                wire.to_send.push_back(std::to_string(client));
            Played(wire).join();
            if (wire.got == std::vector<std::string>(100, std::to_string(client))) ++right;
        });
    }
    for (auto& client : clients)
        client.join();
    CHECK(right == 20);
}

TEST_CASE("grpc: a credential that is not good ends the stream before anything is read, and says what to do") {
    FakeWire wire;
    wire.to_send.emplace_back("1");
    Played(wire, "Bearer wrong").join();
    CHECK(wire.ending == Ending::unauthenticated);
    CHECK(wire.text == "the token is not valid; ask for a new one");
    CHECK(wire.to_send.size() == 1);
}

TEST_CASE("grpc: a client that takes nothing is cut off after the limit") {
    FakeWire wire;
    wire.to_send = {"1", "2"};
    wire.then_ends = wire.takes_writes = false;
    Played(wire, "", 20ms).join();
    CHECK(wire.ending == Ending::exhausted);
    CHECK(wire.cut);
    CHECK(wire.got.size() == 1);
}

TEST_CASE("grpc: a message that is too long ends the stream with the limit") {
    FakeWire wire;
    wire.to_send = {std::string(101, 'x')};
    wire.then_ends = false;
    Played(wire).join();
    CHECK(wire.ending == Ending::exhausted);
    CHECK(wire.text == "too long");
}

TEST_CASE("grpc: a client that goes away ends both tasks and closes its channel once") {
    const int before = FakeChannels::it().closed;
    FakeWire wire;
    wire.to_send = {"hold"};
    wire.then_ends = false;
    Played played(wire);
    wire.awaitSilence();
    played.stream.gone();
    played.join();
    CHECK(FakeChannels::it().closed == before + 1);
}

TEST_CASE("grpc: when the kernel ends the channel the client is told why") {
    FakeWire wire;
    wire.to_send = {"hold"};
    wire.then_ends = false;
    Played played(wire);
    wire.awaitSilence();
    FakeChannels::it().endAll(Error::unavailable("the server is shutting down"));
    played.join();
    CHECK(wire.ending == Ending::unavailable);
    CHECK(wire.text == "the server is shutting down");
}

TEST_CASE("grpc: only loopback names are this server") {
    for (const char* name :
         {"localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:65535", "127.255.1.2:0", "[::1]", "[::1]:8643"})
        CHECK_MESSAGE(isLoopbackName(name), name);
    for (const char* name : {"",
                             ":",
                             ":80",
                             "localhost:",
                             "localhost:65536",
                             "localhost:1x",
                             "localhost.",
                             "evil.localhost",
                             "localhost.evil",
                             "127.0.0.1.nip.io",
                             "127.1",
                             "0177.0.0.1",
                             "2130706433",
                             "128.0.0.1",
                             "0.0.0.0",
                             "::1",
                             "[::1",
                             "[::2]",
                             "[::ffff:127.0.0.1]",
                             "[::1]x",
                             "user@127.0.0.1",
                             "127.0.0.1/x",
                             " localhost",
                             "localhost "})
        CHECK_FALSE_MESSAGE(isLoopbackName(name), name);
}

TEST_CASE("grpc: listen is an address of this machine only") {
    auto listen = [](const char* text) { return Config::parse(Json{{"listen", text}}); };
    CHECK(Config::parse(Json::object())->listen == "127.0.0.1:8643");
    CHECK(listen("localhost:0")->listen == "127.0.0.1:0");
    CHECK(listen("[::1]:65535")->listen == "[::1]:65535");
    for (const char* text : {"0.0.0.0:8643", "[::]:8643", "192.0.2.1:8643", "db.example:8643"}) {
        auto refused = listen(text);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message.find("known weaknesses") != std::string::npos);
        CHECK(refused.error().message.find(text) != std::string::npos);
    }
    for (const char* text : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", ":8643"})
        CHECK(listen(text).error().code == Code::invalid_argument);
}

}  // namespace howdah::grpc_transport
