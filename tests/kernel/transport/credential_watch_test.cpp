// Credentials of what stays open: looked at again, and the end of what stood on them, over each transport of the
// kernel.
#include "kernel/transport/credential_watch.hpp"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "http_fixture.hpp"
#include "kernel/pipeline/request.hpp"
#include "kernel/runtime/shard.hpp"
#include "websocket_client.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;

namespace {

// Lets in whoever shows something. What it says can change at any time.
class Fickle final : public Authenticator {
public:
    Result<std::shared_ptr<const Principal>> authenticate(const Inbound& request) override {
        const Code says = answer.load();
        asked.add();  // from here on it does not matter any more what the answer becomes
        if (!request.authorization.data()) return Error::refused("a token is needed");
        switch (says) {
            case Code::refused: return Error::refused("the token has expired");
            case Code::invalid_argument: return Error::invalidArgument("that is no token");
            case Code::unavailable: return Error::unavailable("nobody can tell now");
            default: break;
        }
        auto principal = std::make_shared<Principal>();
        principal->subject = "ada";
        if (more_scopes) principal->scopes.emplace_back("howdah:write");
        return std::shared_ptr<const Principal>(std::move(principal));
    }
    Counter asked;
    std::atomic<Code> answer{Code::internal};  // internal: yes
    std::atomic<bool> more_scopes{false};
};

struct Fixture {
    explicit Fixture(CredentialWatch::Config config) {
        Runtime::Config two;
        two.shards = 2;
        auto started = Runtime::start(std::move(two));
        REQUIRE(started);
        runtime = std::move(*started);
        watch = std::make_unique<CredentialWatch>(runtime->shard(0), authenticator, "http://here/mcp", config);
    }
    ~Fixture() {
        watch.reset();
        CHECK(runtime->stop(Deadline::in(10s)).clean());
    }
    CredentialWatch::Credential ada() const {
        auto principal = std::make_shared<Principal>();
        principal->subject = "ada";
        return {.transport = "wire", .authorization = "Bearer x", .principal = std::move(principal), .address = "here"};
    }
    struct Told {
        Counter count;
        std::atomic<Code> code{Code::internal};
    };
    static CredentialWatch::OnEnd telling(const std::shared_ptr<Told>& told) {
        return [told](const Error& why) {
            told->code = why.code;
            told->count.add();
        };
    }

    Fickle authenticator;
    std::unique_ptr<Runtime> runtime;
    std::unique_ptr<CredentialWatch> watch;
};

HttpServer::Config quick() {
    HttpServer::Config config;
    config.credentials.every = 5ms;
    return config;
}

const std::string kBearer = "Authorization: Bearer x\r\n";

}  // namespace

TEST_CASE("credentials: one that is refused, or says something else, is told once as refused; a good one is not") {
    for (const Code end : {Code::refused, Code::invalid_argument, Code::internal}) {
        Fixture fixture({.every = 1ms});
        auto told = std::make_shared<Fixture::Told>();
        auto watched = fixture.watch->watch(fixture.ada(), Fixture::telling(told));
        CHECK(fixture.authenticator.asked.reaches(3));
        CHECK(told->count.value() == 0);
        if (end == Code::internal) fixture.authenticator.more_scopes = true;
        fixture.authenticator.answer = end;
        CHECK(told->count.reaches(1));
        CHECK(told->code == Code::refused);
        auto other_told = std::make_shared<Fixture::Told>();
        auto other = fixture.watch->watch(fixture.ada(), Fixture::telling(other_told));
        CHECK(other_told->count.reaches(1));  // a round later
        CHECK(told->count.value() == 1);
    }
}

TEST_CASE("credentials: one that nobody can judge goes on, but not unverified for longer than the limit") {
    Fixture fixture({.every = 1ms, .unsure_max = 1h});
    auto told = std::make_shared<Fixture::Told>();
    fixture.authenticator.answer = Code::unavailable;
    auto watched = fixture.watch->watch(fixture.ada(), Fixture::telling(told));
    CHECK(fixture.authenticator.asked.reaches(5));
    CHECK(told->count.value() == 0);
    Fixture strict({.every = 1ms, .unsure_max = 0ms});
    strict.authenticator.answer = Code::unavailable;
    auto ended = strict.watch->watch(strict.ada(), Fixture::telling(told));
    CHECK(told->count.reaches(1));
    CHECK(told->code == Code::unavailable);
}

TEST_CASE("credentials: nobody is asked before the time has come, all at once when the configuration has changed") {
    Fixture fixture({.every = 1h});
    auto told = std::make_shared<Fixture::Told>();
    std::vector<std::unique_ptr<CredentialWatch::Watched>> watched;
    for (int i = 0; i < 300; ++i)
        watched.push_back(fixture.watch->watch(fixture.ada(), Fixture::telling(told)));
    watched.resize(200);
    CHECK(fixture.watch->count() == 200);
    fixture.watch->checkAll();
    CHECK(fixture.authenticator.asked.reaches(200));
    watched.resize(10);
    fixture.authenticator.answer = Code::refused;
    fixture.watch->checkAll();
    CHECK(told->count.reaches(10));
    CHECK(fixture.authenticator.asked.value() == 210);  // those that were let go cost nothing
}

TEST_CASE("credentials: threads come and go while the rounds run") {
    Fixture fixture({.every = 0ms});
    auto told = std::make_shared<Fixture::Told>();
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 500; ++k)
                auto watched = fixture.watch->watch(fixture.ada(), Fixture::telling(told));
        });
    }
    for (auto& thread : threads)
        thread.join();
    CHECK(fixture.watch->count() == 0);
    CHECK(told->count.value() == 0);
    auto late = fixture.watch->watch(fixture.ada(), Fixture::telling(told));
    fixture.watch->stop();
    fixture.authenticator.answer = Code::refused;
    fixture.watch->checkAll();  // nobody looks any more
    CHECK(told->count.value() == 0);
}

TEST_CASE("websocket: a credential that ends closes the connection with 3000 and the reason, and cancels what runs") {
    Fickle authenticator;
    HttpFixture fixture(quick(), &authenticator);
    WebSocketClient client(fixture.port(), 0, kBearer);
    client.text(R"({"do":"hold"})");
    CHECK(fixture.handler.holding.reaches(1));
    CHECK(authenticator.asked.reaches(3));
    authenticator.answer = Code::refused;
    CHECK(client.closeCode() == 3000);
    CHECK(client.reason == "the token has expired");
    CHECK(fixture.handler.cancelled.reaches(1));
    client.close();
    CHECK(fixture.empties());
    CHECK(fixture.server->credentials()->count() == 0);
}

TEST_CASE("http: a credential that ends ends a GET stream; a request that began with it is answered") {
    Fickle authenticator;
    HttpFixture fixture(quick(), &authenticator);
    Client stream(fixture.port()), request(fixture.port());
    stream.send("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: s1\r\n" +
                kBearer + "\r\n");
    CHECK(stream.readUntil("\r\n\r\n").find("200 OK") != std::string::npos);
    CHECK(stream.readChunk() == ":\n\n");
    request.send("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n" +
                 kBearer + "\r\n{\"do\":\"hold\"}");
    CHECK(fixture.handler.holding.reaches(1));
    CHECK(authenticator.asked.reaches(4));
    authenticator.answer = Code::refused;
    CHECK(stream.readChunk().empty());
    fixture.handler.release();
    CHECK(request.read().body == "\"released\"");
    stream.close();
    request.close();
    CHECK(fixture.empties());
    CHECK(fixture.server->credentials()->count() == 0);
    CHECK(fixture.handler.cancelled.value() == 0);
}

}  // namespace howdah::kernel::test
