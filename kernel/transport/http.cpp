#include "kernel/transport/http.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unistd.h>

#include "kernel/protocol/errors.hpp"
#include "kernel/runtime/runtime.hpp"
#include "kernel/transport/http_connection.hpp"
#include "kernel/transport/http_listener.hpp"
#include "kernel/transport/http_response.hpp"

namespace howdah::kernel {

namespace asio = boost::asio;
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, asio::io_context::executor_type>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                         asio::io_context::executor_type>;

namespace {
// Out of descriptors: others close theirs in time, accepting again at once would only spin.
constexpr std::chrono::milliseconds kAcceptPause{50};
// After cancelling, for the answers that say so; then for the loops to close what is left.
constexpr std::chrono::milliseconds kCancelGrace{500};
constexpr std::chrono::milliseconds kCloseLimit{1000};

// Accepting on one address; its own socket is in the acceptor.
struct Door {
    Door(asio::io_context& io, HttpListener its_listener) : listener(std::move(its_listener)), acceptor(io), pause(io) {
        boost::system::error_code impossible;  // a new acceptor, a socket that was looked at
        acceptor.assign({listener.family, 0}, listener.socket.release(), impossible);
    }
    HttpListener listener;
    Acceptor acceptor;
    Timer pause;
};
}  // namespace

struct HttpServer::State : std::enable_shared_from_this<State> {
    State(Runtime& runtime, std::shared_ptr<const HttpSettings> its_settings, HttpServer::Config& config,
          std::vector<HttpListener> listeners)
        : settings(std::move(its_settings)),
          tls(std::move(config.tls)),
          behind_proxy(config.behind_proxy),
          unix_uids(std::move(config.unix_uids)),
          accept_shard(runtime.shard(0)) {
        for (unsigned i = 0; i < runtime.shardCount(); ++i)
            shards.push_back(std::make_shared<HttpShard>(runtime.shard(i), settings, total));
        for (HttpListener& listener : listeners)
            doors.push_back(std::make_unique<Door>(accept_shard.io(), std::move(listener)));
    }

    void accept(Door& door);
    void onAccepted(Door& door, const std::shared_ptr<HttpShard>& home, StreamSocket socket);
    bool mayConnect(std::int64_t uid) const;
    bool encrypts(const Door& door) const { return tls && door.listener.isTcp(); }
    void refuse(const Door& door, StreamSocket& socket, int status, std::string_view message);
    void drain();
    void onEachConnection(void (*act)(HttpConnection&));

    const std::shared_ptr<const HttpSettings> settings;
    const std::shared_ptr<const TlsCertificate> tls;
    const bool behind_proxy;
    const std::vector<std::uint32_t> unix_uids;
    const std::shared_ptr<ConnectionCount> total = std::make_shared<ConnectionCount>();
    std::vector<std::shared_ptr<HttpShard>> shards;
    Shard& accept_shard;
    std::vector<std::unique_ptr<Door>> doors;
};

void HttpServer::State::accept(Door& door) {
    if (!door.acceptor.is_open()) return;
    const auto& home = *std::min_element(shards.begin(), shards.end(), [](const auto& a, const auto& b) {
        return a->connection_count.load(std::memory_order_relaxed) <
               b->connection_count.load(std::memory_order_relaxed);
    });
    door.acceptor.async_accept(
        home->shard.io().get_executor(),
        [self = shared_from_this(), &door, home](const boost::system::error_code& error, StreamSocket socket) {
            if (error == asio::error::operation_aborted) return;
            if (!error) {
                self->onAccepted(door, home, std::move(socket));
                return self->accept(door);
            }
            if (error == asio::error::connection_aborted) return self->accept(door);
            door.pause.expires_after(kAcceptPause);
            door.pause.async_wait([self, &door](const boost::system::error_code& stopped) {
                if (!stopped) self->accept(door);
            });
        });
}

void HttpServer::State::onAccepted(Door& door, const std::shared_ptr<HttpShard>& home, StreamSocket socket) {
    HttpPeer peer = door.listener.peerOf(socket.native_handle());
    if (!door.listener.isTcp() && !mayConnect(peer.uid)) {
        return refuse(door, socket, 403,
                      concat("this socket serves the user the server runs as, not uid ", peer.uid,
                             "; the operator adds others to transports.http.unix_uids"));
    }
    if (behind_proxy) peer.address.clear();
    switch (total->enter(peer.address, settings->connections_max, settings->connections_per_address_max)) {
        case ConnectionCount::Entry::ok: break;
        case ConnectionCount::Entry::full:
            return refuse(door, socket, 503,
                          concat("the limit of ", settings->connections_max, " connections is reached"));
        case ConnectionCount::Entry::address_full:
            return refuse(door, socket, 503,
                          concat("the limit of ", settings->connections_per_address_max,
                                 " connections from one address is reached"));
    }
    home->connection_count.fetch_add(1, std::memory_order_relaxed);
    home->shard.post([home, socket = std::move(socket), peer = std::move(peer),
                      certificate = encrypts(door) ? tls : nullptr]() mutable {
        auto session = certificate ? certificate->accept(socket.native_handle()) : nullptr;
        std::make_shared<HttpConnection>(home, Stream(std::move(socket), std::move(session)), std::move(peer))->start();
    });
}

bool HttpServer::State::mayConnect(std::int64_t uid) const {
    return uid == std::int64_t{::geteuid()} || uid == 0 ||
           std::ranges::any_of(unix_uids, [uid](std::uint32_t allowed) { return std::int64_t{allowed} == uid; });
}

void HttpServer::State::refuse(const Door& door, StreamSocket& socket, int status, std::string_view message) {
    if (encrypts(door)) return;  // nothing can be said before a handshake, which is what it is spared
    const std::string body = jsonRpcError(status < 500 ? kInvalidRequest : kInternalError, message);
    HttpResponseHead head;
    head.status = status;
    head.content_type = "application/json";
    head.length = body.size();
    head.keep_alive = false;
    std::string answer;
    head.appendTo(answer);
    answer += body;
    boost::system::error_code best_effort;  // the client learns it from the closed connection otherwise
    socket.non_blocking(true, best_effort);
    socket.write_some(asio::buffer(answer), best_effort);
    socket.shutdown(StreamSocket::shutdown_send, best_effort);
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
        for (const auto& door : self->doors) {
            boost::system::error_code ignored;  // closed in any case
            door->acceptor.close(ignored);
            door->pause.cancel();
            door->listener.file.reset();  // who comes now finds no socket rather than one that does not answer
        }
    });
    for (const auto& home : shards)
        home->shard.post([home] { home->draining = true; });
    onEachConnection([](HttpConnection& connection) { connection.drain(); });
}

namespace {
// How clients reach the endpoint, as far as can be told: where a name was given for what they ask for, by that.
std::string resourceOf(const HttpServer::Config& config, const HttpListener& first) {
    const bool named = !config.allowed_hosts.empty() && (config.behind_proxy || first.at.reachedFromElsewhere());
    if (named && config.behind_proxy) return concat("https://", config.allowed_hosts.front(), config.settings.path);
    if (!first.isTcp()) return concat("http://localhost", config.settings.path);
    const std::string address =
        named ? concat(config.allowed_hosts.front(), ":", first.at.port) : hostAndPort(first.at.host, first.at.port);
    return concat(config.tls ? "https://" : "http://", address, config.settings.path);
}
}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(Runtime& runtime, Config config, MessageHandler& handler,
                                                      Authenticator* authenticator) {
    // Whatever the configuration was made from, and before anything is open.
    const Guarded guarded{.by_auth = authenticator != nullptr, .by_tls = config.tls || config.behind_proxy};
    auto reach = [&](const ListenAddress& address) -> Result<void> {
        auto safe = checkReach(address, guarded);
        if (safe) return safe;
        return Error::refused("transports.http.listen: ", safe.error().message);
    };
    for (const ListenAddress& address : config.listen)
        if (auto safe = reach(address); !safe) return std::move(safe).error();
    if (config.settings.path.empty() || config.settings.path[0] != '/') {
        return Error::invalidArgument("transports.http.path must begin with \"/\", got \"", config.settings.path, "\"");
    }
    auto listeners = openListeners(config.listen, std::move(config.passed), !config.unix_uids.empty());
    if (!listeners) return std::move(listeners).error();
    std::string& resource = config.settings.resource;
    if (resource.empty()) {
        resource = resourceOf(config, listeners->front());
    } else {
        config.allowed_hosts.emplace_back(hostOfUri(resource));
    }
    HttpChecks::Config checks{
        .path = config.settings.path,
        .metadata_paths = {std::string(kMetadataPath), concat(kMetadataPath, config.settings.path),
                           concat(kMetadataPath, pathOfUri(resource))},
        .tls = config.tls != nullptr,
        .listen_addresses = {},
        .ports = {},
        .allowed_hosts = std::move(config.allowed_hosts),
        .allowed_origins = std::move(config.allowed_origins),
    };
    for (const HttpListener& listener : *listeners) {
        // Only now is known what was passed.
        if (auto safe = reach(listener.at); !safe) return std::move(safe).error();
        if (!listener.isTcp()) continue;
        // "Any address" is no name for this server, though browsers take it for this machine.
        if (listener.at.host != "0.0.0.0" && listener.at.host != "::")
            checks.listen_addresses.push_back(listener.at.host);
        checks.ports.push_back(listener.at.port);
    }

    auto settings = std::make_shared<HttpSettings>(std::move(config.settings));
    settings->handler = &handler;
    settings->authenticator = authenticator;
    if (authenticator) {
        settings->credentials =
            std::make_shared<CredentialWatch>(runtime.shard(0), *authenticator, settings->resource, config.credentials);
    }
    settings->checks = std::make_unique<HttpChecks>(std::move(checks));
    auto state = std::make_shared<State>(runtime, settings, config, std::move(*listeners));
    state->accept_shard.post([state] {
        for (const auto& door : state->doors)
            state->accept(*door);
    });
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
    stop(Deadline(Deadline::Clock::now()));
}

std::uint16_t HttpServer::port() const {
    for (const auto& door : state_->doors)
        if (door->listener.isTcp()) return door->listener.at.port;
    return 0;
}

std::vector<ListenAddress> HttpServer::addresses() const {
    std::vector<ListenAddress> addresses;
    for (const auto& door : state_->doors)
        addresses.push_back(door->listener.at);
    return addresses;
}

const std::string& HttpServer::resource() const {
    return state_->settings->resource;
}

std::shared_ptr<CredentialWatch> HttpServer::credentials() const {
    return state_->settings->credentials;
}

std::size_t HttpServer::connectionCount() const {
    return state_->total->value();
}

void HttpServer::drain() {
    state_->drain();
}

bool HttpServer::stop(Deadline deadline) {
    if (std::exchange(stopped_, true)) return true;
    if (const auto& credentials = state_->settings->credentials) credentials->stop();  // what is open ends anyway
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
