// A runtime, a fake handler and an HTTP server on a free port.
#pragma once

#include <memory>
#include <utility>

#include <doctest/doctest.h>

#include "fake_handler.hpp"
#include "http_client.hpp"
#include "kernel/runtime/runtime.hpp"
#include "kernel/transport/http.hpp"

namespace howdah::kernel::test {

struct HttpFixture {
    explicit HttpFixture(HttpServer::Config config = {}, Authenticator* authenticator = nullptr, unsigned shards = 2) {
        Runtime::Config runtime_config;
        runtime_config.shards = shards;
        auto started = Runtime::start(runtime_config);
        REQUIRE(started);
        runtime = std::move(*started);
        if (config.listen.size() == 1 && config.listen.front().text() == ListenAddress{}.text())
            config.listen.front().port = 0;
        auto listening = HttpServer::start(*runtime, std::move(config), handler, authenticator);
        REQUIRE_MESSAGE(listening, listening.error().message);
        server = std::move(*listening);
    }
    ~HttpFixture() {
        handler.release();
        server.reset();
        CHECK(runtime->stop(Deadline::in(std::chrono::seconds(10))).clean());
    }
    std::uint16_t port() const { return server->port(); }

    // Waits until all connections have gone.
    bool empties() {
        for (int i = 0; i < 20'000 && server->connectionCount() > 0; ++i)
            ::poll(nullptr, 0, 1);
        return server->connectionCount() == 0;
    }

    FakeHandler handler;
    std::unique_ptr<Runtime> runtime;
    std::unique_ptr<HttpServer> server;
};

}  // namespace howdah::kernel::test
