// What stands before gRPC: the guard of frames, and the socket in front of it with real connections.
#include "plugins/grpc/front.hpp"

#include <condition_variable>
#include <mutex>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <howdah/test/fake_host.hpp>

#include "plugins/grpc/frame_guard.hpp"

namespace howdah::grpc_transport {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum : unsigned char { kData, kHeaders, kPriority, kReset, kSettings, kPush, kPing, kGoAway, kWindow, kContinuation };
constexpr unsigned char kEnd = 4;

std::string frame(unsigned char type, unsigned char flags, std::size_t size, unsigned char stream = 1) {
    std::string out{static_cast<char>(size >> 16),
                    static_cast<char>(size >> 8),
                    static_cast<char>(size),
                    static_cast<char>(type),
                    static_cast<char>(flags),
                    0,
                    0,
                    0,
                    static_cast<char>(stream)};
    return out + std::string(size, 'x');
}

struct Guarded {
    FrameGuard::Clock::time_point now{};
    FrameGuard guard{{}, now};
    Guarded() { CHECK(guard.take(kPreface, now)); }
    bool takes(const std::string& bytes) { return guard.take(bytes, now).has_value(); }
    bool takesTimes(int count, const std::string& bytes) {
        for (int i = 0; i < count; ++i)
            if (!takes(bytes)) return false;
        return true;
    }
};

}  // namespace

TEST_CASE("grpc guard: frames pass whatever pieces they come in") {
    FrameGuard guard({}, {});
    std::string bytes(kPreface);
    for (int i = 0; i < 10; ++i)
        bytes +=
            frame(kHeaders, 0, 100) + frame(kContinuation, kEnd, 50) + frame(kData, 0, 16384) + frame(kWindow, 0, 4);
    for (const char c : bytes)
        REQUIRE(guard.take({&c, 1}, {}));
    CHECK(guard.greeted());
}

TEST_CASE("grpc guard: what does not begin as HTTP/2 is refused at the first byte that differs") {
    FrameGuard guard({}, {});
    CHECK(guard.take("PRI * HTTP/2.0\r\n", {}));
    CHECK_FALSE(guard.greeted());
    CHECK_FALSE(guard.take("X", {}));
    FrameGuard other({}, {});
    CHECK_FALSE(other.take("GET / HTTP/1.1\r\n", {}));
}

TEST_CASE("grpc guard: a header block has a bound in bytes and in frames") {
    CHECK(Guarded().takes(frame(kHeaders, kEnd, 16384)));
    CHECK_FALSE(Guarded().takes(frame(kHeaders, 0, 16384) + frame(kContinuation, kEnd, 1)));
    std::string eight = frame(kHeaders, 0, 10);
    for (int i = 0; i < 8; ++i)
        eight += frame(kContinuation, i == 7 ? kEnd : 0, 0);
    Guarded guarded;
    CHECK(guarded.takesTimes(100, eight));
    std::string nine = frame(kHeaders, 0, 10);
    for (int i = 0; i < 9; ++i)
        nine += frame(kContinuation, 0, 0);
    CHECK_FALSE(guarded.takes(nine));
}

TEST_CASE("grpc guard: nothing stands between the frames of a header block, and none continues without one") {
    CHECK_FALSE(Guarded().takes(frame(kHeaders, 0, 10) + frame(kPing, 0, 8)));
    CHECK_FALSE(Guarded().takes(frame(kHeaders, 0, 10, 1) + frame(kContinuation, kEnd, 10, 3)));
    CHECK_FALSE(Guarded().takes(frame(kContinuation, kEnd, 10)));
    CHECK_FALSE(Guarded().takes(frame(kHeaders, kEnd, 10) + frame(kContinuation, kEnd, 10)));
}

TEST_CASE("grpc guard: a frame has at most 16 KiB") {
    CHECK(Guarded().takes(frame(kData, 0, 16384)));
    CHECK_FALSE(Guarded().takes(frame(kData, 0, 16385).substr(0, 9)));
}

TEST_CASE("grpc guard: 100 calls, 100 resets and 200 control frames pass in a second, the next ones a second later") {
    struct Case {
        std::string bytes;
        int budget;
    };
    for (const Case& one :
         {Case{frame(kReset, 0, 4), 100}, Case{frame(kHeaders, kEnd, 4), 100}, Case{frame(kPing, 0, 8), 200},
          Case{frame(kSettings, 0, 0), 200}, Case{frame(kPriority, 0, 5), 200}, Case{frame(200, 0, 0), 200}}) {
        Guarded guarded;
        CHECK(guarded.takesTimes(one.budget, one.bytes));
        guarded.now += 1s;
        CHECK(guarded.takesTimes(one.budget, one.bytes));
        guarded.now += 999ms;
        CHECK_FALSE(guarded.takes(one.bytes));
    }
    CHECK(Guarded().takesTimes(5000, frame(kWindow, 0, 4)));
}

namespace {

// A client's socket.
class Client {
public:
    explicit Client(const std::string& address) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() { ::close(descriptor_); }
    void send(std::string_view bytes) { CHECK(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0); }
    // What comes within 20 s: bytes, or "" when the connection has ended.
    std::string read() {
        pollfd watched{descriptor_, POLLIN, 0};
        REQUIRE(::poll(&watched, 1, 20'000) == 1);
        char bytes[65536];
        const ssize_t got = ::recv(descriptor_, bytes, sizeof bytes, 0);
        return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : "";
    }

private:
    int descriptor_;
};

// Stands for gRPC: says "hello" on what it is handed, and keeps it.
struct Behind {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<int> handed;
    Front::HandOver handOver() {
        return [this](int descriptor) {
            CHECK(::send(descriptor, "hello", 5, MSG_NOSIGNAL) == 5);
            std::lock_guard lock(mutex);
            handed.push_back(descriptor);
            changed.notify_all();
        };
    }
    ~Behind() {
        for (const int descriptor : handed)
            ::close(descriptor);
    }
    int at(std::size_t index) {
        std::unique_lock lock(mutex);
        REQUIRE(changed.wait_for(lock, 20s, [&] { return handed.size() > index; }));
        return handed[index];
    }
};

struct Fronted {
    test::FakeHost fake;
    Host host{fake.raw()};
    Behind behind;
    std::unique_ptr<Front> front;
    explicit Fronted(Front::Config config = {.listen = "127.0.0.1:0"}) {
        auto started = Front::start(std::move(config), host, behind.handOver());
        REQUIRE_MESSAGE(started, started.error().message);
        front = std::move(*started);
    }
};

}  // namespace

TEST_CASE("grpc front: bytes pass both ways, and the address of the client is known") {
    Fronted fronted;
    Client client(fronted.front->address());
    CHECK(client.read() == "hello");
    const int inner = fronted.behind.at(0);
    CHECK(fronted.front->addressOf(inner).starts_with("127.0.0.1:"));
    CHECK(fronted.front->addressOf(-1) == "");
    client.send(kPreface);
    pollfd watched{inner, POLLIN, 0};
    REQUIRE(::poll(&watched, 1, 20'000) == 1);
    char bytes[100];
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): at() has given its lock back
    CHECK(::recv(inner, bytes, sizeof bytes, 0) == static_cast<ssize_t>(kPreface.size()));
}

TEST_CASE("grpc front: who sends what no client sends is cut off, and the log says why") {
    Fronted fronted;
    Client client(fronted.front->address());
    CHECK(client.read() == "hello");
    client.send("GET / HTTP/1.1\r\n\r\n");
    CHECK(client.read() == "");
    fronted.front->stop();
    REQUIRE(fronted.fake.logLines().size() == 1);
    CHECK(fronted.fake.logLines()[0].find("does not speak HTTP/2") != std::string::npos);
}

TEST_CASE("grpc front: who connects and says nothing is let go") {
    Fronted fronted({.listen = "127.0.0.1:0", .greeting_limit = 10ms});
    Client client(fronted.front->address());
    CHECK(client.read() == "hello");
    CHECK(client.read() == "");
}

TEST_CASE("grpc front: one more than the connections allowed is served when another one has gone") {
    Fronted fronted({.listen = "127.0.0.1:0", .connections_max = 1});
    auto first = std::make_unique<Client>(fronted.front->address());
    CHECK(first->read() == "hello");
    Client second(fronted.front->address());
    CHECK(fronted.front->connectionCount() == 1);
    first->send("bye, which is no preface");
    CHECK(first->read() == "");
    CHECK(second.read() == "hello");
}

TEST_CASE(
    "grpc front: an address that somebody listens on is refused, one of our own is shared and the newest accepts") {
    const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(other >= 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(other, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(other, 1) == 0);
    REQUIRE(::getsockname(other, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    const std::string address = concat("127.0.0.1:", ntohs(at.sin_port));
    test::FakeHost fake;
    const Host host(fake.raw());
    auto taken = Front::start({.listen = address}, host, [](int descriptor) { ::close(descriptor); });
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == Code::unavailable);
    CHECK(taken.error().message.find(address) != std::string::npos);
    ::close(other);

    Fronted old({.listen = address});
    auto fresh = std::make_unique<Fronted>(Front::Config{.listen = address});
    Client client(address);
    CHECK(client.read() == "hello");
    CHECK(fresh->front->connectionCount() == 1);
    CHECK(old.front->connectionCount() == 0);
    fresh.reset();
    Client later(address);
    CHECK(later.read() == "hello");
    CHECK(old.front->connectionCount() == 1);
}

}  // namespace howdah::grpc_transport
