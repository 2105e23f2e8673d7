// A stdio server over two pipes with a fake handler, and the client's side of them.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "fake_handler.hpp"
#include "kernel/runtime/runtime.hpp"
#include "kernel/transport/stdio.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;

struct Pipe {
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        out = ends[0];
        in = ends[1];
    }
    int out;
    int in;
};

// The client's side: writes lines, reads lines; every wait ends after 20 s.
struct StdioFixture {
    explicit StdioFixture(StdioServer::Config config = {}) {
        auto started = Runtime::start({});
        REQUIRE(started);
        runtime = std::move(*started);
        config.on_end = [this] { ended.add(); };
        auto serving = StdioServer::start(runtime->shard(0), StdioChannel::adopt(to_server.out, from_server.in),
                                          std::move(config), handler);
        REQUIRE(serving);
        server = std::move(*serving);
    }
    ~StdioFixture() {
        handler.release();
        closeInput();
        server.reset();
        closeOutput();
        handler.takePeer();
        CHECK(runtime->stop(Deadline::in(10s)).clean());
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t written = ::write(to_server.in, bytes.data(), bytes.size());
            REQUIRE(written > 0);
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    // Sends what the server takes within a fifth of a second; the bytes taken.
    std::size_t sendWhatFits(std::string_view bytes) {
        std::size_t total = 0;
        ::fcntl(to_server.in, F_SETFL, O_NONBLOCK);
        while (total < bytes.size()) {
            pollfd writable{to_server.in, POLLOUT, 0};
            if (::poll(&writable, 1, 200) != 1) break;
            const ssize_t written = ::write(to_server.in, bytes.data() + total, bytes.size() - total);
            if (written > 0) total += static_cast<std::size_t>(written);
        }
        ::fcntl(to_server.in, F_SETFL, 0);
        return total;
    }
    void closeInput() {
        if (to_server.in >= 0) ::close(std::exchange(to_server.in, -1));
    }
    void closeOutput() {
        if (from_server.out >= 0) ::close(std::exchange(from_server.out, -1));
    }
    // "" at the end of the stream.
    std::string readLine() {
        std::size_t end;
        while ((end = buffer_.find('\n')) == std::string::npos) {
            pollfd readable{from_server.out, POLLIN, 0};
            if (::poll(&readable, 1, 20'000) != 1) throw std::runtime_error("no line from the server within 20 s");
            char bytes[65536];
            // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): reaches() has given its lock back
            const ssize_t count = ::read(from_server.out, bytes, sizeof bytes);
            if (count <= 0) return {};
            buffer_.append(bytes, static_cast<std::size_t>(count));
        }
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
    }

    Pipe to_server, from_server;
    FakeHandler handler;
    Counter ended;
    std::unique_ptr<Runtime> runtime;
    std::unique_ptr<StdioServer> server;

private:
    std::string buffer_;
};

}  // namespace howdah::kernel::test
