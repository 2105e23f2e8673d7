#include "kernel/runtime/socket_watch.hpp"

#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.hpp"

using namespace howdah::kernel;
using namespace std::chrono_literals;

namespace {

struct Pair {
    int ours = -1;
    int theirs = -1;
    Pair() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        ours = ends[0];
        theirs = ends[1];
    }
    ~Pair() {
        if (ours >= 0) ::close(ours);
        if (theirs >= 0) ::close(theirs);
    }
    void send() const { CHECK(::write(theirs, "x", 1) == 1); }
    bool take() const {
        char byte;
        return ::read(ours, &byte, 1) == 1;
    }
    // Fills our side's buffer, so that it is no longer writable.
    void fill() const {
        char block[4096] = {};
        while (::write(ours, block, sizeof block) > 0) {
        }
    }
};

std::unique_ptr<SocketWatch> adopt(Shard& shard, int descriptor) {
    auto watch = SocketWatch::adopt(shard, descriptor);
    if (!watch) MESSAGE(watch.error().message);
    CHECK(watch);
    return std::move(*watch);
}

}  // namespace

TEST_CASE("socket_watch: a byte that arrives, before or during the wait, makes it readable") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    Pair pair;
    onFiber(shard, [&] {
        auto watch = adopt(shard, pair.ours);
        pair.send();
        CHECK(watch->wait(SocketWatch::readable, nullptr, hang()) == WaitStatus::ready);
        CHECK(watch->ready() == SocketWatch::readable);
        CHECK(pair.take());
        for (int i = 0; i < 50; ++i) {
            CHECK(shard.spawn([&] { pair.send(); }));
            CHECK(watch->wait(SocketWatch::readable, nullptr, hang()) == WaitStatus::ready);
            CHECK(pair.take());
        }
    });
}

TEST_CASE("socket_watch: what was not read stays readable for the next wait") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    Pair pair;
    onFiber(shard, [&] {
        auto watch = adopt(shard, pair.ours);
        pair.send();
        CHECK(watch->wait(SocketWatch::readable, nullptr, hang()) == WaitStatus::ready);
        CHECK(watch->wait(SocketWatch::readable, nullptr, hang()) == WaitStatus::ready);
    });
}

TEST_CASE("socket_watch: after a timeout it waits again, and the late handler of the first wait changes nothing") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    Pair pair;
    onFiber(shard, [&] {
        auto watch = adopt(shard, pair.ours);
        for (int i = 0; i < 50; ++i) {
            CHECK(watch->wait(SocketWatch::readable, nullptr, inMicroseconds(50)) == WaitStatus::timeout);
            CHECK(watch->ready() == 0);
        }
        CHECK(shard.spawn([&] { pair.send(); }));
        CHECK(watch->wait(SocketWatch::readable, nullptr, hang()) == WaitStatus::ready);
    });
}

TEST_CASE("socket_watch: it may be destroyed and the socket closed right after a wait that was cancelled") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    for (int i = 0; i < 20; ++i) {
        auto pair = std::make_unique<Pair>();
        auto cancellation = Cancellation::create(shard);
        std::promise<void> waiting;
        std::thread canceller([&, future = waiting.get_future()]() mutable {
            future.wait();
            cancellation->cancel(CancelReason::client_gone);
        });
        onFiber(shard, [&] {
            auto watch = adopt(shard, pair->ours);
            waiting.set_value();
            CHECK(watch->wait(SocketWatch::readable, cancellation.get(), hang()) == WaitStatus::cancelled);
            watch.reset();
            pair.reset();
        });
        canceller.join();
    }
}

TEST_CASE("socket_watch: with both conditions asked for, either ends the wait") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    Pair pair;
    constexpr unsigned kBoth = SocketWatch::readable | SocketWatch::writable;
    onFiber(shard, [&] {
        auto watch = adopt(shard, pair.ours);
        CHECK(watch->wait(kBoth, nullptr, hang()) == WaitStatus::ready);
        CHECK((watch->ready() & SocketWatch::writable) != 0);
        pair.fill();
        CHECK(watch->wait(kBoth, nullptr, inMicroseconds(200)) == WaitStatus::timeout);
        pair.send();
        CHECK(watch->wait(kBoth, nullptr, hang()) == WaitStatus::ready);
        CHECK(watch->ready() == SocketWatch::readable);
    });
}

TEST_CASE("socket_watch: the condition of a wait that timed out does not end a later wait for the other one") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    Pair pair;
    onFiber(shard, [&] {
        auto watch = adopt(shard, pair.ours);
        pair.fill();
        CHECK(watch->wait(SocketWatch::writable, nullptr, inMicroseconds(200)) == WaitStatus::timeout);
        CHECK(shard.spawn([&] {
            char block[65536];
            while (::read(pair.theirs, block, sizeof block) > 0) {  // makes our side writable
            }
        }));
        CHECK(watch->wait(SocketWatch::readable, nullptr, Deadline::in(20ms)) == WaitStatus::timeout);
        CHECK(watch->wait(SocketWatch::writable, nullptr, hang()) == WaitStatus::ready);
    });
}

TEST_CASE("socket_watch: the peer's end makes it readable, so that its owner reads the end") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    Pair pair;
    onFiber(shard, [&] {
        auto watch = adopt(shard, pair.ours);
        ::close(std::exchange(pair.theirs, -1));
        CHECK(watch->wait(SocketWatch::readable, nullptr, hang()) == WaitStatus::ready);
        CHECK_FALSE(pair.take());
    });
}

TEST_CASE("socket_watch: a released descriptor stays open") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    Pair pair;
    onFiber(shard, [&] {
        auto watch = adopt(shard, pair.ours);
        watch->release();
        watch.reset();
        CHECK(::fcntl(pair.ours, F_GETFD) >= 0);
        adopt(shard, pair.ours);  // and can be adopted again
        CHECK(::fcntl(pair.ours, F_GETFD) >= 0);
    });
}

TEST_CASE("socket_watch: a descriptor that is not open is refused") {
    auto runtime = startRuntime();
    Shard& shard = runtime->shard(0);
    onFiber(shard, [&] {
        auto watch = SocketWatch::adopt(shard, 1 << 20);
        CHECK_FALSE(watch);
        if (!watch) CHECK(codeOf(watch) == howdah::Code::internal);
    });
}
