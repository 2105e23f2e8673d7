// The plugin against a real redis-server: what howdah.kv/1 promises, who is let in, and what is said while the server
// is away, frozen or somebody else.
#include <atomic>
#include <thread>
#include <vector>

#include "tests/plugins/redis/stage.hpp"

using namespace howdah;
using namespace howdah::test;
using namespace std::chrono_literals;

namespace {

// The reactor of the fake host, which tells when somebody waits for a socket.
struct WatchedReactor {
    static void watch(FakeHost& host) {
        real = static_cast<const howdah_reactor_v1*>(host.raw()->get_interface(host.raw(), HOWDAH_REACTOR_1));
        table = *real;
        table.socket_wait = [](howdah_ctx* ctx, std::uint64_t socket, std::uint32_t mask, std::uint64_t deadline_ns) {
            is_waiting = true;
            is_waiting.notify_all();
            return real->socket_wait(ctx, socket, mask, deadline_ns);
        };
        host.interfaces[HOWDAH_REACTOR_1] = &table;
    }
    static inline std::atomic<bool> is_waiting{false};
    static inline const howdah_reactor_v1* real = nullptr;
    static inline howdah_reactor_v1 table{};
};

}  // namespace

TEST_CASE("redis: values, locks and counters are what howdah.kv/1 says they are") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server));
    Caller call(stage);
    CHECK(call.get("a") == concat("error ", HOWDAH_ERROR_NOT_FOUND));
    CHECK(call.set("a", "one") == HOWDAH_OK);
    CHECK(call.get("a") == "one");
    CHECK(call.setIfAbsent("a", "two") == 0);
    CHECK(call.get("a") == "one");
    CHECK(call.setIfAbsent("b", "two", 60'000) == 1);
    CHECK(call.remove("a") == HOWDAH_OK);
    CHECK(call.remove("a") == HOWDAH_OK);
    CHECK(call.get("a") == concat("error ", HOWDAH_ERROR_NOT_FOUND));
    CHECK(call.add("n", 5) == 5);
    CHECK(call.add("n", -7) == -2);
    CHECK(call.get("n") == "-2");
    // Every 64-bit number, to its last digit.
    CHECK(call.add("m", INT64_MAX) == INT64_MAX);
    call.add("m", 1);
    CHECK(call.status == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(call.error().message == "the counter would overflow");
    call.add("b", 1, 60'000);
    CHECK(call.status == HOWDAH_ERROR_INVALID_ARGUMENT);
    // Any bytes, as long as they fit.
    const std::string odd("\0\r\n$5\r\n\xff", 8);
    CHECK(call.set(odd, odd) == HOWDAH_OK);
    CHECK(call.get(odd) == odd);
    const std::string largest(64 * 1024, 'x');
    CHECK(call.set(std::string(512, 'k'), largest) == HOWDAH_OK);
    CHECK(call.get(std::string(512, 'k')) == largest);
    CHECK(call.set(std::string(513, 'k'), "v") == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(call.set("k", largest + "x") == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(call.set("", "v") == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(server.ask("--raw get howdah:n") == "-2");
}

TEST_CASE("redis: a counter's time counts from its first use, also when it is used again before its end") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server));
    Caller call(stage);
    CHECK(call.add("n", 1, 300'000) == 1);
    CHECK(call.add("n", 1, 900'000'000) == 2);
    CHECK(std::stoll(server.ask("pttl howdah:n")) <= 300'000);
    CHECK(std::stoll(server.ask("pttl howdah:n")) > 0);
    CHECK(call.add("for_ever", 1) == 1);
    CHECK(server.ask("pttl howdah:for_ever") == "-1");
    CHECK(call.add("short", 4, 1) == 4);
    CHECK(becomes([&] { return server.ask("exists howdah:short") == "0"; }));
    CHECK(call.add("short", 3, 60'000) == 3);
    CHECK(call.setIfAbsent("lock", "mine", 1) == 1);
    CHECK(becomes([&] { return call.setIfAbsent("lock", "yours", 60'000) == 1; }));
}

TEST_CASE("redis: two shards add at once and no step is lost, over few connections") {
    RedisServer server;
    server.start();
    Json section = onSocket(server);
    section["connections_max"] = 1;
    Stage stage(section);
    constexpr int kEach = 500;
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            Caller call(stage, 120s, thread % 2);
            for (int i = 0; i < kEach; ++i)
                CHECK(call.add("sum", 1, 600'000) > 0);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    CHECK(Caller(stage).get("sum") == std::to_string(4 * kEach));
    // redis-cli is one, each shard has one.
    CHECK(std::stoi(server.ask("client list | wc -l")) <= 3);
}

TEST_CASE("redis: while the server is away callers are told at once, and it is used again when it is back") {
    RedisServer server;
    Stage stage(onSocket(server));
    Caller first(stage);
    CHECK(first.set("a", "1") == HOWDAH_ERROR_UNAVAILABLE);
    CHECK(first.error().message.find(concat("unix:", server.socket(), " cannot be reached: ")) != std::string::npos);
    CHECK(first.error().retry_after_ms == 0);
    // On a busy machine the first waits may be over when the next caller comes; the longer ones are not.
    REQUIRE(becomes([&] {
        Caller soon(stage);
        REQUIRE(soon.set("a", "1") == HOWDAH_ERROR_UNAVAILABLE);
        const Error told = soon.error();
        return told.retry_after_ms > 0 && told.message.find("the next attempt is made in ") != std::string::npos;
    }));
    server.start();
    REQUIRE(becomes([&] { return Caller(stage).set("a", "1") == HOWDAH_OK; }));
    server.stop();
    CHECK(Caller(stage).get("a") == concat("error ", HOWDAH_ERROR_UNAVAILABLE));
    server.start();
    REQUIRE(becomes([&] { return Caller(stage).set("a", "2") == HOWDAH_OK; }));
    CHECK(Caller(stage).get("a") == "2");
}

TEST_CASE("redis: a connection that the server closed while nobody used it costs no caller an error") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server));
    CHECK(Caller(stage).add("n", 1) == 1);
    CHECK(std::stoi(server.ask("client kill type normal")) >= 1);
    CHECK(Caller(stage).add("n", 1) == 2);
}

TEST_CASE("redis: a server that does not answer costs its time and no more, and late answers reach nobody else") {
    RedisServer server;
    server.start();
    Json section = onSocket(server);
    section["operation_timeout_ms"] = 50;
    Stage stage(section);
    REQUIRE(becomes([&] { return Caller(stage).set("a", "of a") == HOWDAH_OK; }));
    REQUIRE(becomes([&] { return Caller(stage).set("b", "of b") == HOWDAH_OK; }));
    server.freeze();
    Caller late(stage);
    CHECK(late.get("a") == concat("error ", HOWDAH_ERROR_UNAVAILABLE));
    CHECK(late.error().message.find("did not answer within 50 ms") != std::string::npos);
    server.thaw();
    std::string answer;
    REQUIRE(becomes([&] {
        answer = Caller(stage).get("b");
        return answer.find("error") != 0;
    }));
    CHECK(answer == "of b");
}

TEST_CASE("redis: a caller that goes away is let go, and the next one is served") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server), 2, &WatchedReactor::watch);
    CHECK(Caller(stage).set("a", "of a") == HOWDAH_OK);
    CHECK(Caller(stage).set("b", "of b") == HOWDAH_OK);
    server.freeze();
    {
        Caller gone(stage);
        WatchedReactor::is_waiting = false;
        std::thread canceller([&] {
            WatchedReactor::is_waiting.wait(false);
            gone.cancel();
        });
        CHECK(gone.get("a") == concat("error ", HOWDAH_ERROR_CANCELLED));
        canceller.join();
    }
    server.thaw();
    CHECK(Caller(stage).get("b") == "of b");
}

TEST_CASE("redis: a password and a user are asked for, and a wrong one is told without being shown") {
    RedisServer server({"--user", "ada", "on", ">right-secret", "~*", "&*", "+@all", "--user", "default", "off"});
    server.start();
    Json section = onSocket(server);
    {
        Stage stage(section);  // nobody
        CHECK(Caller(stage).set("a", "1") == HOWDAH_ERROR_UNAVAILABLE);
    }
    section["username"] = "ada";
    section["password"] = "wrong-secret";
    {
        Stage stage(section);
        Caller call(stage);
        CHECK(call.set("a", "1") == HOWDAH_ERROR_UNAVAILABLE);
        CHECK(call.error().message.find("refuses the connection: WRONGPASS") != std::string::npos);
        CHECK(call.error().message.find("secret") == std::string::npos);
    }
    section["password"] = "right-secret";
    Stage stage(section);
    CHECK(Caller(stage).set("a", "1") == HOWDAH_OK);
}

TEST_CASE("redis: what a server repeats of the password in its error is not shown") {
    // A server that does not know AUTH (or has it renamed) says with what it was called.
    RedisServer server({"--rename-command", "AUTH", "OTHER"});
    server.start();
    CHECK(server.ask("AUTH told-secret").find("told-secret") != std::string::npos);
    Json section = onSocket(server);
    section["password"] = "told-secret";
    Stage stage(section);
    Caller call(stage);
    CHECK(call.set("a", "1") == HOWDAH_ERROR_UNAVAILABLE);
    CHECK(call.error().message.find("refuses the connection: ERR to AUTH") != std::string::npos);
    CHECK(call.error().message.find("told-secret") == std::string::npos);
    CHECK(call.error().hint.find("redis.password") != std::string::npos);
    const auto* reports = stage.host.plugin<howdah_report_v1>(HOWDAH_REPORT_1);
    FakeCall request(stage.host, 30s);
    howdah_str told{};
    REQUIRE(reports->report(stage.host.self(), request.ctx(), &told) == HOWDAH_OK);
    CHECK(std::string(fromAbi(told)).find("told-secret") == std::string::npos);
}

TEST_CASE("redis: over TLS only a certificate that names the host, from an authority that counts, is believed") {
    RedisServer server;
    server.useTls();
    server.start();
    Json section{
        {"host", "localhost"},          {"port", server.tlsPort()},   {"tls", true}, {"ca_file", server.certificate()},
        {"operation_timeout_ms", 5000}, {"connect_timeout_ms", 60000}};
    {
        Stage stage(section);
        Caller call(stage);
        CHECK_MESSAGE(call.set("a", "1") == HOWDAH_OK, call.error().message);
        CHECK(call.get("a") == "1");
        const std::string large(64 * 1024, 'x');
        CHECK(call.set("large", large) == HOWDAH_OK);
        CHECK(call.get("large") == large);
    }
    {
        Json other = section;
        other["host"] = "127.0.0.1";  // the certificate does not name it
        Stage stage(other);
        Caller call(stage);
        CHECK(call.set("a", "1") == HOWDAH_ERROR_UNAVAILABLE);
        CHECK(call.error().message.find("do not agree on TLS") != std::string::npos);
    }
    section.erase("ca_file");
    Stage stage(section);
    CHECK(Caller(stage).set("a", "1") == HOWDAH_ERROR_UNAVAILABLE);
}

TEST_CASE("redis: keys of another prefix, and another database, are another world") {
    RedisServer server;
    server.start();
    Json section = onSocket(server);
    Stage one(section);
    section["key_prefix"] = "other:";
    Stage two(section);
    section["key_prefix"] = "howdah:";
    section["database"] = 3;
    Stage three(section);
    CHECK(Caller(one).set("a", "1") == HOWDAH_OK);
    CHECK(Caller(two).get("a") == concat("error ", HOWDAH_ERROR_NOT_FOUND));
    CHECK(Caller(three).get("a") == concat("error ", HOWDAH_ERROR_NOT_FOUND));
}

TEST_CASE("redis: doctor is told whether it answers") {
    RedisServer server;
    server.start();
    Stage stage(onSocket(server));
    const auto* reports = stage.host.plugin<howdah_report_v1>(HOWDAH_REPORT_1);
    FakeCall request(stage.host, 30s);
    howdah_str told{};
    REQUIRE(reports->report(stage.host.self(), request.ctx(), &told) == HOWDAH_OK);
    CHECK(Json::parse(fromAbi(told))["status"] == "ok");
    server.stop();
    REQUIRE(reports->report(stage.host.self(), request.ctx(), &told) == HOWDAH_OK);
    const Json report = Json::parse(fromAbi(told));
    CHECK(report["status"] == "fail");
    CHECK(report["checks"][0]["text"].get<std::string>().find(server.socket()) != std::string::npos);
}
