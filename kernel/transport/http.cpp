#include "kernel/transport/http.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>

#include "kernel/runtime/runtime.hpp"
#include "kernel/transport/http_connection.hpp"
#include "kernel/transport/http_response.hpp"

namespace howdah::kernel {

namespace asio = boost::asio;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

namespace {
// Out of descriptors: others close theirs in time, accepting again at once would only spin.
constexpr std::chrono::milliseconds kAcceptPause{50};
// After cancelling, for the answers that say so; then for the loops to close what is left.
constexpr std::chrono::milliseconds kCancelGrace{500};
constexpr std::chrono::milliseconds kCloseLimit{1000};
}  // namespace

struct HttpServer::State : std::enable_shared_from_this<State> {
    State(Runtime& runtime, std::shared_ptr<const HttpSettings> its_settings)
        : settings(std::move(its_settings)),
          accept_shard(runtime.shard(0)),
          acceptor(accept_shard.io()),
          pause(accept_shard.io()) {
        for (unsigned i = 0; i < runtime.shardCount(); ++i)
            shards.push_back(std::make_shared<HttpShard>(runtime.shard(i), settings, total));
    }

    Result<void> listen(const asio::ip::tcp::endpoint& endpoint);
    void accept();
    void onAccepted(const std::shared_ptr<HttpShard>& home, TcpSocket socket);
    void refuse(TcpSocket& socket);
    void drain();
    void onEachConnection(void (*act)(HttpConnection&));

    const std::shared_ptr<const HttpSettings> settings;
    const std::shared_ptr<ConnectionCount> total = std::make_shared<ConnectionCount>();
    std::vector<std::shared_ptr<HttpShard>> shards;
    Shard& accept_shard;
    Acceptor acceptor;
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                               asio::io_context::executor_type>
        pause;
    std::uint16_t port = 0;
};

Result<void> HttpServer::State::listen(const asio::ip::tcp::endpoint& endpoint) {
    boost::system::error_code error;
    auto failed = [&](std::string_view what) -> Error {
        return Error::unavailable("cannot ", what, " ", endpoint.address().to_string(), " port ", endpoint.port(), ": ",
                                  error.message())
            .withHint("another server may be running there; choose another transports.http.listen");
    };
    acceptor.open(endpoint.protocol(), error);
    if (error) return failed("open a socket for");
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (error) return failed("bind");
    acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) return failed("listen on");
    port = acceptor.local_endpoint(error).port();
    if (error) return failed("listen on");
    return {};
}

void HttpServer::State::accept() {
    if (!acceptor.is_open()) return;
    const auto& home = *std::min_element(shards.begin(), shards.end(), [](const auto& a, const auto& b) {
        return a->connection_count.load(std::memory_order_relaxed) <
               b->connection_count.load(std::memory_order_relaxed);
    });
    acceptor.async_accept(home->shard.io().get_executor(),
                          [self = shared_from_this(), home](const boost::system::error_code& error, TcpSocket socket) {
                              if (error == asio::error::operation_aborted) return;
                              if (!error) {
                                  self->onAccepted(home, std::move(socket));
                                  return self->accept();
                              }
                              if (error == asio::error::connection_aborted) return self->accept();
                              self->pause.expires_after(kAcceptPause);
                              self->pause.async_wait([self](const boost::system::error_code& stopped) {
                                  if (!stopped) self->accept();
                              });
                          });
}

void HttpServer::State::onAccepted(const std::shared_ptr<HttpShard>& home, TcpSocket socket) {
    if (total->value() >= settings->connections_max) return refuse(socket);
    total->entered();
    home->connection_count.fetch_add(1, std::memory_order_relaxed);
    home->shard.post([home, socket = std::move(socket)]() mutable {
        std::make_shared<HttpConnection>(home, std::move(socket))->start();
    });
}

void HttpServer::State::refuse(TcpSocket& socket) {
    const std::string body =
        jsonRpcError(-32603, concat("the limit of ", settings->connections_max, " connections is reached"));
    HttpResponseHead head;
    head.status = 503;
    head.content_type = "application/json";
    head.length = body.size();
    head.keep_alive = false;
    head.extra = "Retry-After: 1\r\n";
    std::string answer;
    head.appendTo(answer);
    answer += body;
    boost::system::error_code best_effort;  // the client learns it from the closed connection otherwise
    socket.non_blocking(true, best_effort);
    socket.write_some(asio::buffer(answer), best_effort);
    socket.shutdown(TcpSocket::shutdown_send, best_effort);
}

void HttpServer::State::onEachConnection(void (*act)(HttpConnection&)) {
    for (const auto& home : shards) {
        home->shard.post([home, act] {
            // A copy: closing a connection takes it off the list.
            const auto connections = home->connections;
            for (const auto& connection : connections)
                act(*connection);
        });
    }
}

void HttpServer::State::drain() {
    accept_shard.post([self = shared_from_this()] {
        boost::system::error_code ignored;  // closed in any case
        self->acceptor.close(ignored);
        self->pause.cancel();
    });
    for (const auto& home : shards)
        home->shard.post([home] { home->draining = true; });
    onEachConnection([](HttpConnection& connection) { connection.drain(); });
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(Runtime& runtime, Config config, MessageHandler& handler,
                                                      Authenticator* authenticator) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(config.address, error);
    if (error) {
        return Error::invalidArgument("transports.http.listen must begin with an IP address, got \"", config.address,
                                      "\"");
    }
    // Whatever the configuration was made from: there is no TLS yet, and so no bind that another machine can reach.
    if (!address.is_loopback()) {
        return Error::refused("transports.http.listen: only loopback addresses are served, got ", config.address)
            .withHint("listen on 127.0.0.1 or [::1], and let a proxy on this machine do TLS");
    }
    if (config.settings.path.empty() || config.settings.path[0] != '/') {
        return Error::invalidArgument("transports.http.path must begin with \"/\", got \"", config.settings.path, "\"");
    }

    auto settings = std::make_shared<HttpSettings>(std::move(config.settings));
    settings->handler = &handler;
    settings->authenticator = authenticator;
    auto state = std::make_shared<State>(runtime, settings);
    if (auto listening = state->listen({address, config.port}); !listening) return listening.error();
    if (settings->resource.empty()) {
        const bool six = address.is_v6();
        settings->resource =
            concat("http://", six ? "[" : "", config.address, six ? "]" : "", ":", state->port, settings->path);
    } else {
        config.allowed_hosts.emplace_back(hostOfUri(settings->resource));
    }
    settings->checks = std::make_unique<HttpChecks>(HttpChecks::Config{
        .path = settings->path,
        .metadata_paths = {std::string(kMetadataPath), concat(kMetadataPath, settings->path),
                           concat(kMetadataPath, pathOfUri(settings->resource))},
        .listen_address = config.address,
        .port = state->port,
        .allowed_hosts = std::move(config.allowed_hosts),
        .allowed_origins = std::move(config.allowed_origins),
    });
    state->accept_shard.post([state] { state->accept(); });
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
    stop(Deadline(Deadline::Clock::now()));
}

std::uint16_t HttpServer::port() const {
    return state_->port;
}

std::size_t HttpServer::connectionCount() const {
    return state_->total->value();
}

void HttpServer::drain() {
    state_->drain();
}

bool HttpServer::stop(Deadline deadline) {
    if (std::exchange(stopped_, true)) return true;
    state_->drain();
    if (state_->total->waitForNone(deadline)) return true;
    state_->onEachConnection([](HttpConnection& connection) { connection.cancel(CancelReason::shutdown); });
    const bool in_time = state_->total->waitForNone(Deadline::in(kCancelGrace));
    if (!in_time) {
        state_->onEachConnection([](HttpConnection& connection) { connection.close(); });
        state_->total->waitForNone(Deadline::in(kCloseLimit));  // only a shard that hangs is later than this
    }
    return false;
}

}  // namespace howdah::kernel
