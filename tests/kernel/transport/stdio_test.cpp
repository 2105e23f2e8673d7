// The stdio transport over pipes.
#include "kernel/transport/stdio.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/transport/line_reader.hpp"
#include "stdio_fixture.hpp"

namespace howdah::kernel::test {

namespace {

bool isRefusal(std::string_view line) {
    return line.starts_with(R"({"jsonrpc":"2.0","error":{"code":-32600,)");
}

}  // namespace

TEST_CASE("stdio: each line is a message and each answer a line; CR LF and empty lines are tolerated") {
    StdioFixture fixture;
    fixture.send("{\"do\":\"echo\",\"id\":1}\n\r\n\n{\"do\":\"echo\",\"id\":2}\r\n{\"do\":\"none\"}\n");
    CHECK(fixture.readLine() == R"({"do":"echo","id":1})");
    CHECK(fixture.readLine() == R"({"do":"echo","id":2})");
    CHECK(fixture.handler.handled.reaches(3));
    fixture.send("{\"do\":");
    fixture.send("\"echo\"}\n");
    CHECK(fixture.readLine() == R"({"do":"echo"})");
}

TEST_CASE("stdio: notifications of an exchange come before its answer, each on one line") {
    StdioFixture fixture;
    fixture.send("{\"do\":\"notify\"}\n");
    CHECK(fixture.readLine() == R"({"progress":1})");
    CHECK(fixture.readLine() == R"({"progress": 2})");
    CHECK(fixture.readLine() == R"({"result":"after"})");
}

TEST_CASE("stdio: a line of 4 MiB is a message, one byte more is refused and the next line is read") {
    StdioFixture fixture;
    constexpr std::size_t kLimit = 4u << 20;
    const std::string prefix = R"({"do":"none","pad":")";
    const std::string largest = prefix + std::string(kLimit - prefix.size() - 2, 'p') + "\"}";
    REQUIRE(largest.size() == kLimit);
    std::size_t seen = 0;
    fixture.handler.on_message = [&](const Inbound& message) { seen = message.body.size(); };
    fixture.send(largest + "\n");
    CHECK(fixture.handler.handled.reaches(1));
    CHECK(seen == kLimit);
    fixture.send(largest + "\r\n");
    CHECK(fixture.handler.handled.reaches(2));
    fixture.send(largest + " \n{\"do\":\"echo\"}\n");
    CHECK(isRefusal(fixture.readLine()));
    CHECK(fixture.readLine() == R"({"do":"echo"})");
    for (int i = 0; i < 16; ++i)  // 64 MiB in one line are not kept
        fixture.send(largest);
    fixture.send("\n{\"do\":\"echo\"}\n");
    CHECK(isRefusal(fixture.readLine()));
    CHECK(fixture.readLine() == R"({"do":"echo"})");
}

TEST_CASE("stdio: a line that does not come to its end in time is refused, and the rest of it left out") {
    StdioServer::Config config;
    config.line_limit = 20ms;
    config.line_bytes_max = 100;
    StdioFixture fixture(std::move(config));
    fixture.send("{\"do\":\"none\"}\n{\"do\":\"ec");
    const std::string refusal = fixture.readLine();
    CHECK(isRefusal(refusal));
    CHECK(refusal.find("20 ms") != std::string::npos);
    fixture.send("ho\"}\n{\"do\":\"echo\",\"id\":1}\n");
    CHECK(fixture.readLine() == R"({"do":"echo","id":1})");
    CHECK(fixture.handler.handled.value() == 2);
    fixture.send(std::string(200, ' '));  // too long as well: told once
    CHECK(isRefusal(fixture.readLine()));
    fixture.send(std::string(200, ' ') + "\n{\"do\":\"echo\",\"id\":2}\n");
    CHECK(fixture.readLine() == R"({"do":"echo","id":2})");
}

TEST_CASE("stdio: only a line that has begun and has no end yet is waited for") {
    LineReader lines(8);
    std::vector<std::pair<LineReader::Line, std::string>> taken;
    const auto read = [&](std::string_view bytes) {
        std::memcpy(lines.room(), bytes.data(), bytes.size());
        return lines.taken(bytes.size(),
                           [&](LineReader::Line kind, std::string_view line) { taken.emplace_back(kind, line); });
    };
    CHECK_FALSE(lines.hasPartial());
    CHECK(read("whole\n"));
    CHECK_FALSE(lines.hasPartial());
    CHECK(read("two\npar"));
    CHECK(lines.hasPartial());
    CHECK_FALSE(read("ti"));
    CHECK(read("al\n"));
    CHECK_FALSE(lines.hasPartial());
    CHECK_FALSE(read("too long for this"));
    CHECK(lines.hasPartial());  // whoever sent it has not been told yet
    lines.giveUp();
    CHECK_FALSE(lines.hasPartial());
    CHECK_FALSE(read("and on and on"));
    CHECK_FALSE(lines.hasPartial());
    CHECK(read("\nlast\n"));
    REQUIRE(taken.size() == 4);
    CHECK(taken[2].second == "partial");
    CHECK(taken[3].second == "last");
    for (const auto& [kind, line] : taken)
        CHECK(kind == LineReader::Line::message);
}

TEST_CASE("stdio: a line with a NUL byte is refused") {
    StdioFixture fixture;
    fixture.send(std::string_view("{\"do\":\"echo\"\0}\n{\"do\":\"echo\"}\n", 29));
    CHECK(isRefusal(fixture.readLine()));
    CHECK(fixture.readLine() == R"({"do":"echo"})");
    CHECK(fixture.handler.handled.value() == 1);
}

TEST_CASE("stdio: 10,000 messages are each answered once, long and short ones mixed, no line torn") {
    StdioFixture fixture;
    constexpr int kMessages = 10'000;
    std::thread writer([&] {
        for (int i = 0; i < kMessages; ++i) {
            if (i % 100 == 7) {
                fixture.send("{\"do\":\"bytes\",\"n\":150000}\n");
            } else {
                fixture.send(concat("{\"do\":\"echo\",\"id\":", i, "}\n"));
            }
        }
    });
    std::vector<int> answers(kMessages);
    int long_ones = 0;
    const std::string long_answer = "\"" + std::string(150'000, 'x') + "\"";
    for (int i = 0; i < kMessages; ++i) {
        const std::string line = fixture.readLine();
        if (line == long_answer) {
            ++long_ones;
            continue;
        }
        const std::string prefix = R"({"do":"echo","id":)";
        REQUIRE(line.starts_with(prefix));
        ++answers[std::stoul(line.substr(prefix.size()))];
    }
    writer.join();
    CHECK(long_ones == kMessages / 100);
    bool each_once = true;
    for (int i = 0; i < kMessages; ++i)
        each_once = each_once && answers[static_cast<std::size_t>(i)] == (i % 100 == 7 ? 0 : 1);
    CHECK(each_once);
}

TEST_CASE("stdio: a client that does not read parks the handler; what waits for it is bounded") {
    StdioFixture fixture;
    fixture.send("{\"do\":\"bytes\",\"n\":20000000}\n{\"do\":\"echo\"}\n");
    // The echo is handled while the long answer holds the line, and waits behind it.
    REQUIRE(fixture.handler.handled.reaches(2));
    CHECK(fixture.handler.bytes_written.load() < 4u << 20);
    CHECK(fixture.readLine().size() == 20'000'002);
    CHECK(fixture.readLine() == R"({"do":"echo"})");
}

TEST_CASE("stdio: any thread can push to the client, whole lines only, until it has gone") {
    StdioFixture fixture;
    fixture.send("{\"do\":\"echo\"}\n");
    fixture.readLine();
    auto peer = fixture.handler.takePeer();
    REQUIRE(peer);
    CHECK(peer->push("{\"method\":\n1}"));
    CHECK(fixture.readLine() == R"({"method": 1})");
    std::size_t pushed = 0;
    const std::string line(8000, 'l');
    while (pushed < (64u << 20) && peer->push(line))
        pushed += line.size();
    CHECK(pushed < 4u << 20);  // the queue, the pipe and what is being written
    fixture.closeOutput();
    CHECK(fixture.ended.reaches(1));
    CHECK_FALSE(peer->push("{}"));
}

TEST_CASE("stdio: at the end of input what is in flight may finish, also a last line without a line break") {
    StdioServer::Config config;
    config.end_grace = 20s;
    StdioFixture fixture(std::move(config));
    fixture.send("{\"do\":\"hold\"}\n{\"do\":\"echo\"}");
    fixture.closeInput();
    CHECK(fixture.readLine() == R"({"do":"echo"})");
    CHECK(fixture.ended.value() == 0);
    fixture.handler.release();
    CHECK(fixture.readLine() == "\"released\"");
    CHECK(fixture.ended.reaches(1));
    CHECK(fixture.server->stop(Deadline::in(5s)));
}

TEST_CASE(
    "stdio: the end of input is told before what is in flight is waited for, and not when the server is stopped") {
    StdioServer::Config config;
    config.end_grace = 20s;
    Counter input_ended;
    FakeHandler* handler = nullptr;
    config.on_input_end = [&] {
        input_ended.add();
        handler->release();  // what a subscription does: it ends because it was told to
    };
    {
        StdioFixture fixture(config);
        handler = &fixture.handler;
        fixture.send("{\"do\":\"hold\"}\n");
        REQUIRE(fixture.handler.holding.reaches(1));
        fixture.closeInput();
        CHECK(fixture.readLine() == "\"released\"");
        CHECK(fixture.ended.reaches(1));
        CHECK(input_ended.value() == 1);
    }
    StdioFixture stopped(config);
    CHECK(stopped.server->stop(Deadline::in(5s)));
    CHECK(input_ended.value() == 1);
}

TEST_CASE(
    "stdio: as many requests may stand as configured; they leave their place to others and keep the end waiting") {
    StdioServer::Config config;
    config.requests_in_flight_max = 1;
    config.standing_max = 3;
    config.end_grace = 20s;
    StdioFixture fixture(std::move(config));
    for (int i = 0; i < 3; ++i)
        fixture.send("{\"do\":\"stand\"}\n");
    REQUIRE(fixture.handler.holding.reaches(3));
    CHECK(fixture.server->requestsInFlight() == 0);
    fixture.send("{\"do\":\"stand\"}\n{\"do\":\"echo\"}\n");
    CHECK(fixture.readLine().find("no more than 3 requests of one connection") != std::string::npos);
    CHECK(fixture.readLine() == R"({"do":"echo"})");
    fixture.closeInput();
    fixture.handler.release();
    for (int i = 0; i < 3; ++i)
        CHECK(fixture.readLine() == "\"released\"");
    CHECK(fixture.ended.reaches(1));
}

TEST_CASE("stdio: what is still in flight after the grace is cancelled, and the end follows") {
    StdioServer::Config config;
    config.end_grace = 20ms;
    StdioFixture fixture(std::move(config));
    fixture.send("{\"do\":\"hold\"}\n");
    fixture.closeInput();
    CHECK(fixture.readLine() == "\"cancelled\"");
    CHECK(fixture.ended.reaches(1));
}

TEST_CASE("stdio: an empty input ends at once") {
    StdioFixture fixture;
    fixture.closeInput();
    CHECK(fixture.ended.reaches(1));
}

TEST_CASE("stdio: a client that closes its reading end cancels what is in flight") {
    StdioFixture fixture;
    fixture.send("{\"do\":\"hold\"}\n");
    REQUIRE(fixture.handler.holding.reaches(1));
    fixture.closeOutput();
    fixture.send("{\"do\":\"echo\"}\n");  // its answer meets the closed pipe
    CHECK(fixture.handler.cancelled.reaches(1));
    CHECK(fixture.ended.reaches(1));
}

TEST_CASE("stdio: stop ends the reading thread, waits for what is in flight and writes it out") {
    StdioFixture fixture;
    fixture.send("{\"do\":\"hold\"}\n{\"do\":\"bytes\",\"n\":30000}\n");
    REQUIRE(fixture.handler.holding.reaches(1));
    REQUIRE(fixture.handler.answered.reaches(1));
    std::thread stopping([&] { CHECK(fixture.server->stop(Deadline::in(20s))); });
    fixture.handler.release();
    stopping.join();
    CHECK(fixture.readLine().size() == 30'002);
    CHECK(fixture.readLine() == "\"released\"");
    CHECK(fixture.ended.value() == 0);
}

TEST_CASE("stdio: stop does not wait for ever for a client that never reads") {
    StdioServer::Config config;
    config.cancelled_grace = 20ms;
    StdioFixture fixture(std::move(config));
    fixture.send("{\"do\":\"bytes\",\"n\":20000000}\n");
    REQUIRE(fixture.handler.handled.reaches(1));
    CHECK_FALSE(fixture.server->stop(Deadline::in(20ms)));
    fixture.closeOutput();
    CHECK(fixture.handler.answered.reaches(1));
}

TEST_CASE("stdio: after claim() nothing but the server can reach the wire") {
    Pipe input, output, errors;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {  // only what is safe in a forked copy of a program with threads: no runtime here
        ::dup2(input.out, 0);
        ::dup2(output.in, 1);
        ::dup2(errors.in, 2);
        auto channel = StdioChannel::claim();
        if (!channel) ::_exit(1);
        const char noise[] = "from a plugin\n";
        if (::write(1, noise, sizeof noise - 1) < 0) ::_exit(2);
        std::printf("printf\n");
        std::fflush(stdout);
        char byte;
        if (::read(0, &byte, 1) != 0) ::_exit(3);  // /dev/null
        // NOLINTNEXTLINE(cert-env33-c): what a child of this process writes is what is tested
        if (::system("echo from a child; ls -l /proc/self/fd | grep -c pipe: >/dev/null") != 0) ::_exit(4);
        if (::read(channel->input(), &byte, 1) != 1) ::_exit(5);
        if (::write(channel->output(), &byte, 1) != 1) ::_exit(6);
        const bool private_ends = (::fcntl(channel->input(), F_GETFD) & FD_CLOEXEC) != 0 &&
                                  (::fcntl(channel->output(), F_GETFD) & FD_CLOEXEC) != 0;
        ::_exit(private_ends ? 0 : 7);
    }
    ::close(output.in);
    ::close(errors.in);
    REQUIRE(::write(input.in, "w", 1) == 1);
    auto readAll = [](int descriptor) {
        std::string text;
        char bytes[4096];
        for (ssize_t count; (count = ::read(descriptor, bytes, sizeof bytes)) > 0;)
            text.append(bytes, static_cast<std::size_t>(count));
        ::close(descriptor);
        return text;
    };
    CHECK(readAll(output.out) == "w");
    const std::string noise = readAll(errors.out);
    CHECK(noise.find("from a plugin\n") != std::string::npos);
    CHECK(noise.find("printf\n") != std::string::npos);
    CHECK(noise.find("from a child\n") != std::string::npos);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    ::close(input.in);
    ::close(input.out);
}

// What main() does; here for all tests of this program.
const auto kIgnoreBrokenPipes = std::signal(SIGPIPE, SIG_IGN);

}  // namespace howdah::kernel::test
