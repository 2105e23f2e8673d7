#include "kernel/server/transport_choice.hpp"

#include <cstdio>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace howdah::kernel {
namespace {

using Input = StartedBy::Input;

// "stdio, because ..." or the error.
std::string chosen(const StartedBy& started) {
    auto choice = chooseTransports(started);
    return choice ? choice->describe() : choice.error().message;
}

StartedBy with(Input input, std::optional<std::string> http = {}, std::optional<std::string> ws = {},
               std::size_t sockets = 0) {
    return {sockets, std::move(http), std::move(ws), input};
}

}  // namespace

TEST_CASE("transports: auto takes what the process was started with, the most explicit first") {
    CHECK(chosen(with(Input::pipe)) == "stdio, because stdin is a pipe");
    CHECK(chosen(with(Input::socket)) == "stdio, because stdin is a socket");
    CHECK(chosen(with(Input::file)) == "stdio, because stdin is a file");
    CHECK(chosen(with(Input::terminal)) == "HTTP and WebSocket on 127.0.0.1:8642, because stdin is a terminal");
    CHECK(chosen(with(Input::device)) ==
          "HTTP and WebSocket on 127.0.0.1:8642, because stdin is /dev/null or another device, on which nobody speaks");
    CHECK(chosen(with(Input::closed)) == "HTTP and WebSocket on 127.0.0.1:8642, because stdin is closed");
    CHECK(chosen(with(Input::pipe, "9000")) == "HTTP and WebSocket on 127.0.0.1:9000, because HTTP_PORT is 9000");
    CHECK(chosen(with(Input::pipe, {}, "9001")) == "HTTP and WebSocket on 127.0.0.1:9001, because WS_PORT is 9001");
    CHECK(chosen(with(Input::pipe, "9000", "9001")) ==
          "HTTP and WebSocket on 127.0.0.1:9000 and 127.0.0.1:9001, because HTTP_PORT is 9000 and WS_PORT is 9001");
    CHECK(chosen(with(Input::pipe, "9000", "9000")) ==
          "HTTP and WebSocket on 127.0.0.1:9000, because HTTP_PORT is 9000 and WS_PORT is 9000");
    CHECK(chosen(with(Input::pipe, "", "")) == "stdio, because stdin is a pipe");
    CHECK(chosen(with(Input::pipe, "9000", {}, 2)) ==
          "HTTP and WebSocket on systemd, because the process was started with 2 sockets (LISTEN_FDS)");
}

TEST_CASE("transports: a port that is none is an error that names its variable") {
    for (const char* text : {"65536", "-1", "80x", " 80", "http"}) {
        CHECK(chosen(with(Input::pipe, text)) == concat("HTTP_PORT must be a port of 0 to 65535, got \"", text, "\""));
        CHECK(chosen(with(Input::pipe, "80", text)).starts_with("WS_PORT must be a port"));
    }
    CHECK(chosen(with(Input::pipe, "65535")).find("127.0.0.1:65535") != std::string::npos);
}

TEST_CASE("transports: what stdin is, is told by the descriptor itself") {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    CHECK(StartedBy::inputOf(pipe[0]) == Input::pipe);
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(StartedBy::inputOf(pair[0]) == Input::socket);
    std::FILE* file = std::tmpfile();
    REQUIRE(file);
    CHECK(StartedBy::inputOf(::fileno(file)) == Input::file);
    std::fclose(file);
    const int null = ::open("/dev/null", O_RDONLY);
    CHECK(StartedBy::inputOf(null) == Input::device);
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(terminal >= 0);
    CHECK(StartedBy::inputOf(terminal) == Input::terminal);
    for (int descriptor : {pipe[0], pipe[1], pair[0], pair[1], null, terminal})
        ::close(descriptor);
    CHECK(StartedBy::inputOf(-1) == Input::closed);
    CHECK(StartedBy::inputOf(pipe[0]) == Input::closed);
}

TEST_CASE("transports: the choice becomes the configuration, and only the choice") {
    Config config;
    chooseTransports(with(Input::pipe))->applyTo(config);
    CHECK(config.transports.stdio);
    CHECK_FALSE(config.transports.http);
    chooseTransports(with(Input::terminal))->applyTo(config);
    CHECK_FALSE(config.transports.stdio);
    REQUIRE(config.transports.http);
    CHECK(config.transports.http->listen.front().text() == "127.0.0.1:8642");
    CHECK(config.transports.automatic);  // a reload makes the same choice again
}

}  // namespace howdah::kernel
