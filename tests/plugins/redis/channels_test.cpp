// Leases and channels of howdah.kv/1 against a real redis-server, through the SDK's wrapper.
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/plugins/redis/stage.hpp"

using namespace howdah;
using namespace howdah::test;
using namespace std::chrono_literals;

namespace {

// A message, "missed", or the code of the error.
std::string next(Caller& call, const Kv::Subscription& subscription, std::uint64_t deadline_ns = kNoDeadline) {
    const auto received = subscription.receive(call.context(), deadline_ns);
    if (!received) return concat("error ", static_cast<int>(received.error().code));
    return received->missed ? "missed" : std::string(received->message);
}

std::string failed(Code code) {
    return concat("error ", static_cast<int>(code));
}

// Answers what a connection begins with, and SUBSCRIBE once; then it ends, and to the second it says nothing before
// whoever asks has gone, or for three seconds.
class ReluctantServer {
public:
    ReluctantServer() : path_(concat("/tmp/howdah-reluctant.", getpid())), listener_(socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof address.sun_path - 1);
        unlink(path_.c_str());
        REQUIRE(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(listen(listener_, 4) == 0);
        serving_ = std::thread([this] { serve(); });
    }
    ~ReluctantServer() {
        serving_.join();
        close(listener_);
        unlink(path_.c_str());
    }
    const std::string& path() const { return path_; }

private:
    static void answer(int client, std::string_view text) { send(client, text.data(), text.size(), MSG_NOSIGNAL); }
    // Until the end of what it asks; false when it has gone.
    static bool hear(int client, std::string_view end) {
        std::string heard;
        for (char byte = 0; heard.find(end) == std::string::npos; heard += byte)
            if (read(client, &byte, 1) != 1) return false;
        return true;
    }
    void serve() {
        for (const bool first : {true, false}) {
            const int client = accept(listener_, nullptr, nullptr);
            if (hear(client, "PING\r\n")) answer(client, "+OK\r\n+PONG\r\n");
            if (hear(client, "SUBSCRIBE\r\n") && hear(client, "x\r\n")) {
                pollfd gone{client, POLLRDHUP, 0};
                if (!first) poll(&gone, 1, 3000);
                answer(client, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
            }
            close(client);
        }
    }

    const std::string path_;
    const int listener_;
    std::thread serving_;
};

}  // namespace

TEST_CASE("redis: who subscribes again while it waits for a message waits no longer than it said") {
    ReluctantServer server;
    Stage stage({{"socket", server.path()}, {"operation_timeout_ms", 5000}, {"connect_timeout_ms", 60000}});
    Caller call(stage);
    auto heard = call.kv().subscribe(call.context(), "x");
    REQUIRE(heard);
    REQUIRE(next(call, *heard) == failed(Code::unavailable));  // it has ended
    CHECK(next(call, *heard, monotonicNs() + 100'000'000) == failed(Code::unavailable));
}

TEST_CASE("redis: replace is compare and set, and a lease is renewed and given back by its holder alone") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server));
    Caller call(stage);
    const Kv kv = call.kv();
    const Context context = call.context();
    REQUIRE(kv.isWhole());
    CHECK_FALSE(*kv.renew(context, "lease", "me", 60'000));
    CHECK(*kv.setIfAbsent(context, "lease", "me", 60'000));
    CHECK_FALSE(*kv.renew(context, "lease", "you", 900'000));
    CHECK(std::stoll(server.ask("pttl howdah:lease")) <= 60'000);
    CHECK(*kv.renew(context, "lease", "me", 900'000));
    CHECK(std::stoll(server.ask("pttl howdah:lease")) > 60'000);
    CHECK(*kv.replace(context, "lease", "me", "you", 0));
    CHECK(server.ask("pttl howdah:lease") == "-1");
    CHECK_FALSE(*kv.removeIf(context, "lease", "me"));
    CHECK(*kv.removeIf(context, "lease", "you"));
    CHECK_FALSE(*kv.removeIf(context, "lease", "you"));
    const std::string odd("\0\r\n$5\r\n\xff", 8);
    REQUIRE(kv.set(context, odd, odd, 0));
    CHECK(*kv.replace(context, odd, odd, "", 0));
    CHECK(*kv.get(context, odd) == "");
    CHECK_FALSE(*kv.replace(context, "absent", "", "x", 0));
}

TEST_CASE("redis: the time of a leased counter begins anew with each use, to its last digit") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server));
    Caller call(stage);
    const Kv kv = call.kv();
    const Context context = call.context();
    CHECK(*kv.addLeased(context, "n", INT64_MAX, 60'000) == INT64_MAX);
    CHECK(*kv.addLeased(context, "n", 0, 900'000) == INT64_MAX);
    CHECK(std::stoll(server.ask("pttl howdah:n")) > 60'000);
    CHECK(kv.addLeased(context, "n", 1, 900'000).error().message == "the counter would overflow");
    CHECK(*kv.addLeased(context, "n", -1, 0) == INT64_MAX - 1);
    CHECK(server.ask("pttl howdah:n") == "-1");
    REQUIRE(kv.set(context, "text", "many", 0));
    CHECK(kv.addLeased(context, "text", 1, 0).error().code == Code::invalid_argument);
    CHECK(*kv.addLeased(context, "short", 1, 1) == 1);
    CHECK(becomes([&] { return server.ask("exists howdah:short") == "0"; }));
}

TEST_CASE("redis: each listener of a channel gets what is published after it came, whole and in order") {
    RedisServer server;
    server.start();
    Stage one(onSocket(server));
    Stage two(onSocket(server));
    Json other_database = onSocket(server);
    other_database["database"] = 3;
    Stage elsewhere(other_database);
    Caller listener(one);
    Caller speaker(two);
    Caller stranger(elsewhere);
    const auto first = *listener.kv().subscribe(listener.context(), "news");
    const auto second = *listener.kv().subscribe(listener.context(), "news");
    const auto strange = *stranger.kv().subscribe(stranger.context(), "news");
    const std::string large(64 * 1024, 'x');
    const std::string odd("\0\r\n$5\r\n\xff", 8);
    for (const std::string& text : {odd, large, std::string()})
        REQUIRE(speaker.kv().publish(speaker.context(), "news", text));
    for (const auto* heard : {&first, &second}) {
        CHECK(next(listener, *heard) == odd);
        CHECK(next(listener, *heard) == large);
        CHECK(next(listener, *heard) == "");
    }
    CHECK(next(stranger, strange, monotonicNs()) == failed(Code::timeout));
    CHECK(speaker.kv().publish(speaker.context(), "news", large + "x").error().code == Code::invalid_argument);
    CHECK(speaker.kv().publish(speaker.context(), "", "x").error().code == Code::invalid_argument);
    CHECK(speaker.kv().subscribe(speaker.context(), std::string(513, 'c')).error().code == Code::invalid_argument);
}

TEST_CASE("redis: who waits for a message is woken by it, on whatever shard it waits") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server), 2);
    Caller listener(stage);
    const auto heard = *listener.kv().subscribe(listener.context(), "news");
    std::thread speaker([&] {
        Caller call(stage, 30s, 1);
        CHECK(call.kv().publish(call.context(), "news", "late"));
    });
    CHECK(next(listener, heard) == "late");
    speaker.join();
    Caller moved(stage, 30s, 1);
    CHECK(moved.kv().publish(moved.context(), "news", "elsewhere"));
    CHECK(next(moved, heard) == "elsewhere");
    moved.cancel();
    CHECK(next(moved, heard) == failed(Code::cancelled));
}

TEST_CASE("redis: a listener whose connection broke is told at once, and that it missed messages once it is back") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server));
    Caller call(stage, 120s);
    const Kv kv = call.kv();
    const auto heard = *kv.subscribe(call.context(), "news");
    REQUIRE(kv.publish(call.context(), "news", "before"));
    CHECK(next(call, heard) == "before");
    server.stop();
    CHECK(next(call, heard) == failed(Code::unavailable));
    CHECK(next(call, heard, monotonicNs() + 1'000'000) == failed(Code::unavailable));
    server.start();
    CHECK(next(call, heard) == "missed");
    REQUIRE(becomes([&] { return static_cast<bool>(kv.publish(call.context(), "news", "after")); }));
    CHECK(next(call, heard) == "after");
    // The server closes the connection and lives on.
    CHECK(std::stoi(server.ask("client kill type pubsub")) == 1);
    CHECK(next(call, heard) == failed(Code::unavailable));
    CHECK(next(call, heard) == "missed");
}

TEST_CASE("redis: a listener finds out by itself that a silent server is gone, and that it is back") {
    RedisServer server;
    server.start();
    Json section = onSocket(server);
    section["operation_timeout_ms"] = 500;
    Stage stage(section);
    Caller call(stage, 120s);
    std::optional<Kv::Subscription> heard;
    REQUIRE(becomes([&] {
        auto made = call.kv().subscribe(call.context(), "news");
        if (made) heard.emplace(std::move(*made));
        return static_cast<bool>(made);
    }));
    server.freeze();
    CHECK(next(call, *heard) == failed(Code::unavailable));
    server.thaw();
    CHECK(next(call, *heard) == "missed");
}

TEST_CASE("redis: while the server is away nobody can subscribe, and there is an end to subscriptions") {
    RedisServer server;
    Stage stage(onSocket(server));
    Caller call(stage, 120s);
    CHECK(call.kv().subscribe(call.context(), "news").error().code == Code::unavailable);
    server.start();
    std::vector<Kv::Subscription> all;
    REQUIRE(becomes([&] {
        auto made = call.kv().subscribe(call.context(), "news");
        if (made) all.push_back(std::move(*made));
        return all.size() == 64;
    }));
    CHECK(call.kv().subscribe(call.context(), "news").error().code == Code::unavailable);
    all.pop_back();
    CHECK(call.kv().subscribe(call.context(), "news"));
}

TEST_CASE("redis: the rights that the README names are enough for all of howdah.kv/1") {
    RedisServer server({"--user", "howdah",   "on",         ">secret",  "~howdah:*", "&howdah:*", "+get",
                        "+set",   "+del",     "+incrby",    "+pexpire", "+persist",  "+multi",    "+exec",
                        "+eval",  "+publish", "+subscribe", "+ping",    "+select",   "+auth"});
    server.start();
    Json section = onSocket(server);
    section["username"] = "howdah";
    section["password"] = "secret";
    Stage stage(section);
    Caller call(stage);
    const Kv kv = call.kv();
    const Context context = call.context();
    REQUIRE(kv.set(context, "a", "1", 60'000));
    CHECK(*kv.get(context, "a") == "1");
    CHECK(*kv.add(context, "n", 1, 60'000) == 1);
    CHECK(*kv.addLeased(context, "n", 1, 60'000) == 2);
    CHECK(*kv.addLeased(context, "n", 1, 0) == 3);
    CHECK(*kv.replace(context, "a", "1", "2", 60'000));
    CHECK(*kv.removeIf(context, "a", "2"));
    CHECK(kv.remove(context, "n"));
    const auto heard = kv.subscribe(context, "news");
    REQUIRE(heard);
    CHECK(kv.publish(context, "news", "x"));
    CHECK(next(call, *heard) == "x");
}
