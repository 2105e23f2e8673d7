// What a stdio client can do while as many of its requests are served as may be.
#include "kernel/transport/message_backlog.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "stdio_fixture.hpp"

namespace howdah::kernel::test {

namespace {

StdioServer::Config atMost(std::size_t requests, std::size_t line_bytes_max = 64 * 1024) {
    StdioServer::Config config;
    config.requests_in_flight_max = requests;
    config.line_bytes_max = line_bytes_max;
    return config;
}

// `id` as JSON text.
std::string request(std::string_view id, std::string_view what) {
    return concat(R"({"jsonrpc":"2.0","id":)", id, R"(,"method":"tools/call","do":")", what, "\"}\n");
}
std::string cancelled(std::string_view id) {
    return concat(R"({"jsonrpc":"2.0","method":"notifications/cancelled","do":"none","params":{"requestId":)", id,
                  "}}\n");
}
std::string line(std::string_view message) {
    return std::string(message.substr(0, message.size() - 1));
}
MessageBuffer buffer(std::string_view text) {
    MessageBuffer message;
    message.append(text);
    return message;
}

// Bodies in the order in which the handler met them.
struct Met {
    explicit Met(FakeHandler& handler) {
        handler.on_message = [this](const Inbound& message) {
            std::lock_guard lock(mutex);
            bodies.emplace_back(message.body);
        };
    }
    bool has(std::string_view message) {
        std::lock_guard lock(mutex);
        return std::find(bodies.begin(), bodies.end(), line(message)) != bodies.end();
    }
    std::mutex mutex;
    std::vector<std::string> bodies;
};

}  // namespace

TEST_CASE("stdio: beyond the bound of requests in flight others wait, and are served in their order") {
    StdioFixture fixture(atMost(4));
    for (int i = 0; i < 4; ++i)
        fixture.send(request("1", "hold"));
    REQUIRE(fixture.handler.holding.reaches(4));
    for (const char* id : {"5", "6", "7"})
        fixture.send(request(id, "echo"));
    fixture.send(cancelled("0"));  // read after the others
    REQUIRE(fixture.handler.handled.reaches(5));
    CHECK(fixture.server->requestsInFlight() == 4);
    CHECK(fixture.handler.handled.value() == 5);
    fixture.handler.release();
    std::vector<std::string> echoes;
    for (int i = 0; i < 7; ++i)
        if (std::string answer = fixture.readLine(); answer != "\"released\"") echoes.push_back(std::move(answer));
    CHECK(echoes == std::vector{line(request("5", "echo")), line(request("6", "echo")), line(request("7", "echo"))});
}

TEST_CASE("stdio: at the bound a notification reaches the handler, so a request in flight can be taken back") {
    StdioFixture fixture(atMost(2));
    Met met(fixture.handler);
    fixture.send(request("1", "hold"));
    fixture.send(request("2", "hold"));
    REQUIRE(fixture.handler.holding.reaches(2));
    for (int i = 0; i < 1000; ++i)
        fixture.send(cancelled("1"));
    CHECK(fixture.handler.handled.reaches(1002));
    CHECK(met.has(cancelled("1")));
}

TEST_CASE("stdio: a request that is taken back while it waits is neither served nor answered") {
    StdioFixture fixture(atMost(1));
    Met met(fixture.handler);
    fixture.send(request("1", "hold"));
    REQUIRE(fixture.handler.holding.reaches(1));
    for (const char* id : {"2", "\"2\"", "\"a\\u0062\"", "3"})
        fixture.send(request(id, "echo"));
    fixture.send(cancelled("2"));
    fixture.send(cancelled("\"ab\""));  // the same id in other letters
    fixture.send(cancelled("4"));
    REQUIRE(fixture.handler.handled.reaches(4));
    fixture.handler.release();
    CHECK(fixture.readLine() == "\"released\"");
    CHECK(fixture.readLine() == line(request("\"2\"", "echo")));
    CHECK(fixture.readLine() == line(request("3", "echo")));
    CHECK_FALSE(met.has(request("2", "echo")));
    CHECK(fixture.handler.handled.value() == 6);
}

TEST_CASE("stdio: the backlog is bounded in bytes; when it is full nothing more is read until a request has ended") {
    StdioFixture fixture(atMost(1, 4096));
    fixture.send(request("1", "hold"));
    REQUIRE(fixture.handler.holding.reaches(1));
    std::string all;
    constexpr int kRequests = 20'000;
    for (int i = 0; i < kRequests; ++i)
        all += request(std::to_string(i), "echo");
    const std::size_t sent = fixture.sendWhatFits(all);
    CHECK(sent < 256u << 10);  // the pipe, what is read at once and the backlog
    fixture.handler.release();
    std::thread sender([&] { fixture.send(std::string_view(all).substr(sent)); });
    CHECK(fixture.readLine() == "\"released\"");
    int in_order = 0;
    while (in_order < kRequests && fixture.readLine() == line(request(std::to_string(in_order), "echo")))
        ++in_order;
    sender.join();
    CHECK(in_order == kRequests);
}

TEST_CASE("stdio: what waits is served after the end of input, and dropped by stop or when the client has gone") {
    enum class End { input, stop, gone };
    for (End end : {End::input, End::stop, End::gone}) {
        CAPTURE(static_cast<int>(end));
        StdioServer::Config config = atMost(1);
        config.end_grace = 20s;
        StdioFixture fixture(std::move(config));
        fixture.send(request("1", "hold") + request("2", "echo") + request("3", "echo") + cancelled("0"));
        REQUIRE(fixture.handler.handled.reaches(2));
        if (end == End::input) {
            fixture.closeInput();
            fixture.handler.release();
            CHECK(fixture.readLine() == "\"released\"");
            CHECK(fixture.readLine() == line(request("2", "echo")));
            CHECK(fixture.readLine() == line(request("3", "echo")));
            CHECK(fixture.ended.reaches(1));
        } else if (end == End::stop) {
            CHECK_FALSE(fixture.server->stop(Deadline::in(20ms)));
            CHECK(fixture.readLine() == "\"cancelled\"");
            CHECK(fixture.handler.handled.value() == 2);
        } else {
            auto peer = fixture.handler.takePeer();
            fixture.closeOutput();
            while (peer->push("{}")) {
            }
            CHECK(fixture.handler.cancelled.reaches(1));
            CHECK(fixture.ended.reaches(1));
            CHECK(fixture.handler.handled.value() == 2);
        }
    }
}

TEST_CASE("stdio: only what certainly wants no answer passes the requests that wait") {
    struct Row {
        std::string_view text;
        bool waits;
        std::string_view id, cancels;
    };
    const Row rows[] = {
        {R"({"jsonrpc":"2.0","id":1,"method":"ping"})", true, "1", ""},
        {R"({"jsonrpc":"2.0","id":"1","method":"notifications/cancelled","params":{"requestId":2}})", true, "\"1\"",
         ""},
        {R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}})", false, "", "2"},
        {R"({"method":"notifications\/cancelled","params":{"requestId":"x"},"jsonrpc":"2.0"})", false, "", "\"x\""},
        {R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":null}})", false, "", ""},
        {R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"requestId":2}})", false, "", ""},
        {R"({"jsonrpc":"2.0","id":7,"result":{}})", false, "", ""},
        {R"([{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}])", true, "", ""},
        {R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2},"id":null})", true, "", ""},
        {R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":[2]})", true, "", ""},
        {R"({"method":"notifications/cancelled","params":{"requestId":2}})", true, "", ""},
        {R"({"jsonrpc":"2.0","method":"a","method":"notifications/cancelled"})", true, "", ""},
        {"{\"jsonrpc\":", true, "", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const MessageTurn turn = MessageTurn::of(buffer(row.text));
        CHECK(turn.waits == row.waits);
        CHECK(turn.id == row.id);
        CHECK(turn.cancels == row.cancels);
    }
}

TEST_CASE("stdio: the backlog counts what each message costs, and gives its room back") {
    MessageBacklog backlog(1000);
    CHECK(backlog.hasRoomFor(buffer(std::string(5000, 'x'))));  // an empty one takes any
    backlog.add(buffer(std::string(100, 'a')), "1");
    backlog.add(buffer(std::string(100, 'b')), "2");
    CHECK(backlog.hasRoomFor(buffer(std::string(32, 'c'))));
    CHECK_FALSE(backlog.hasRoomFor(buffer(std::string(33, 'c'))));
    backlog.drop("3");
    CHECK_FALSE(backlog.hasRoomFor(buffer(std::string(33, 'c'))));
    backlog.drop("1");
    CHECK(backlog.hasRoomFor(buffer(std::string(388, 'c'))));
    CHECK(backlog.next().text() == std::string(100, 'b'));
    CHECK(backlog.empty());
}

}  // namespace howdah::kernel::test
