#include "kernel/cli/mcp_client.hpp"

#include <cstdint>
#include <variant>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/un.h>

#include "kernel/cli/server_url.hpp"
#include "kernel/server/server.hpp"

namespace howdah::kernel::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp::socket;
using Tls = asio::ssl::stream<Tcp>;
using Unix = asio::local::stream_protocol::socket;
using boost::system::error_code;
constexpr std::string_view kRevision = "2026-07-28";

Error unreachable(const std::string& where, const error_code& why) {
    return Error::unavailable("no server answers at ", where, ": ", why.message())
        .withHint("start one with `howdah serve` or `howdah demo`");
}

error_code connectTo(Tcp& socket, const ServerUrl& url) {
    error_code failed;
    asio::ip::tcp::resolver resolver(socket.get_executor());
    auto found = resolver.resolve(url.host, url.port, failed);
    if (!failed) asio::connect(socket, found, failed);
    return failed;
}

// TLS 1.2 or newer, with the authorities that count.
Result<void> setUp(asio::ssl::context& context, const std::string& ca_file) {
    error_code failed;
    if (ca_file.empty()) {
        context.set_default_verify_paths(failed);
        if (failed) return Error::unavailable("the system's authorities cannot be read: ", failed.message());
        return {};
    }
    context.load_verify_file(ca_file, failed);
    if (failed)
        return Error::invalidArgument("--ca ", ca_file, " is no readable PEM file of certificates: ", failed.message());
    return {};
}

// Why the handshake came to nothing, and what to do.
Error handshakeError(Tls& stream, const std::string& where, const std::string& ca_file, const error_code& failed) {
    const long verified = SSL_get_verify_result(stream.native_handle());
    if (verified == X509_V_OK) {
        return Error::unavailable("no TLS connection to ", where, ": ", failed.message())
            .withHint("a server without tls in its configuration is reached by http://");
    }
    Error error = Error::unavailable("the certificate of ", where,
                                     " is not trusted: ", std::string_view(X509_verify_cert_error_string(verified)));
    if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        error.hint = "ask for a name or address that stands in the certificate";
    } else if (ca_file.empty()) {
        error.hint = "--ca FILE names the authority that vouches for it, where the system does not know it";
    } else {
        error.hint = concat("only the authorities in ", ca_file, " (--ca) vouch for it");
    }
    return error;
}

Result<void> shakeHands(Tls& stream, const ServerUrl& url, const std::string& where, const std::string& ca_file) {
    error_code failed;
    SSL* const session = stream.native_handle();
    SSL_set_min_proto_version(session, TLS1_2_VERSION);
    asio::ip::make_address(url.host, failed);
    // An address stands in a certificate as such, and is no name to ask for.
    if (failed) {
        SSL_set_tlsext_host_name(session, url.host.c_str());
        SSL_set1_host(session, url.host.c_str());
    } else {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), url.host.c_str());
    }
    stream.set_verify_mode(asio::ssl::verify_peer, failed);
    if (!failed) stream.handshake(asio::ssl::stream_base::client, failed);
    if (failed) return handshakeError(stream, where, ca_file, failed);
    return {};
}

}  // namespace

struct McpClient::Connection {
    asio::io_context io;
    asio::ssl::context tls{asio::ssl::context::tls_client};
    std::variant<Tcp, Tls, Unix> stream{Tcp(io)};
    boost::beast::flat_buffer buffer;
    ServerUrl url;
    std::string where;
    std::string token;
    std::uint64_t next_id = 1;
};

McpClient::McpClient(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
McpClient::~McpClient() = default;

Result<std::unique_ptr<McpClient>> McpClient::connect(const std::string& url, std::string token,
                                                      const std::string& ca_file) {
    auto target = ServerUrl::parse(url);
    if (!target) return std::move(target).error();
    if (!ca_file.empty() && target->kind != ServerUrl::Kind::https)
        return Error::invalidArgument("--ca is for a server reached by https://, got ", url);
    auto connection = std::make_unique<Connection>();
    connection->where = target->kind == ServerUrl::Kind::unix_socket ? target->socket : target->authority();
    connection->url = std::move(*target);
    connection->token = std::move(token);
    error_code failed;
    switch (connection->url.kind) {
        case ServerUrl::Kind::http: failed = connectTo(std::get<Tcp>(connection->stream), connection->url); break;
        case ServerUrl::Kind::unix_socket: {
            if (connection->url.socket.size() >= sizeof(sockaddr_un::sun_path))
                return Error::invalidArgument("the path of a Unix socket has at most ",
                                              sizeof(sockaddr_un::sun_path) - 1, " bytes, got ", url);
            auto& stream = connection->stream.emplace<Unix>(connection->io);
            stream.connect(asio::local::stream_protocol::endpoint(connection->url.socket), failed);
            break;
        }
        case ServerUrl::Kind::https: {
            if (auto ready = setUp(connection->tls, ca_file); !ready) return std::move(ready).error();
            auto& stream = connection->stream.emplace<Tls>(connection->io, connection->tls);
            failed = connectTo(stream.next_layer(), connection->url);
            if (failed) break;
            if (auto agreed = shakeHands(stream, connection->url, connection->where, ca_file); !agreed)
                return std::move(agreed).error();
            break;
        }
    }
    if (failed) return unreachable(url, failed);
    return std::unique_ptr<McpClient>(new McpClient(std::move(connection)));
}

Result<Json> McpClient::request(std::string_view method, Json params) {
    Connection& connection = *connection_;
    params["_meta"] = {
        {"io.modelcontextprotocol/protocolVersion", kRevision},
        {"io.modelcontextprotocol/clientInfo", {{"name", "howdah-call"}, {"version", std::string{kVersion}}}},
        {"io.modelcontextprotocol/clientCapabilities", Json::object()}};
    Json message{{"jsonrpc", "2.0"}, {"id", connection.next_id++}, {"method", method}, {"params", params}};

    http::request<http::string_body> request{http::verb::post, connection.url.path, 11};
    request.set(http::field::host, connection.url.authority());
    request.set(http::field::content_type, "application/json");
    request.set(http::field::accept, "application/json, text/event-stream");
    request.set("MCP-Protocol-Version", std::string{kRevision});
    request.set("Mcp-Method", std::string{method});
    if (!connection.token.empty()) request.set(http::field::authorization, "Bearer " + connection.token);
    if (params.contains("name")) request.set("Mcp-Name", params["name"].get<std::string>());
    request.body() = dumpJson(message);
    request.prepare_payload();

    error_code failed;
    http::response_parser<http::string_body> parser;
    parser.body_limit(256u << 20);
    std::visit(
        [&](auto& stream) {
            http::write(stream, request, failed);
            if (!failed) http::read(stream, connection.buffer, parser, failed);
        },
        connection.stream);
    if (failed) return Error::unavailable("the server at ", connection.where, ": ", failed.message());

    const std::string& body = parser.get().body();
    auto answer = parseJson(body, {.bytes_max = 256u << 20, .depth_max = 128});
    if (!answer || !answer->is_object()) {
        return Error::internal("the server answered HTTP ", parser.get().result_int(),
                               " with something that is not MCP: ", std::string_view{body}.substr(0, 200));
    }
    if (answer->contains("error")) {
        const Json& error = (*answer)["error"];
        if (parser.get().result() == http::status::unauthorized) {
            return Error::refused(error.value("message", "the server wants a token"))
                .withHint("put a token of the server into HOWDAH_TOKEN; it says at its start where one is");
        }
        return Error::invalidArgument(error.value("message", "the server refused the request"));
    }
    return (*answer)["result"];
}

}  // namespace howdah::kernel::cli
