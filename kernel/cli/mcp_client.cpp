#include "kernel/cli/mcp_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "kernel/server/server.hpp"

namespace howdah::kernel::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
constexpr std::string_view kRevision = "2026-07-28";

struct Url {
    std::string host;
    std::string port = "80";
    std::string path = "/mcp";
};

Result<Url> parseUrl(const std::string& text) {
    constexpr std::string_view kScheme = "http://";
    if (!text.starts_with(kScheme)) return Error::invalidArgument("the URL must begin with http://, got ", text);
    std::string rest = text.substr(kScheme.size());
    Url url;
    auto slash = rest.find('/');
    if (slash != std::string::npos) url.path = rest.substr(slash);
    std::string authority = rest.substr(0, slash);
    auto colon = authority.rfind(':');
    if (colon != std::string::npos && authority.find(']') == std::string::npos) {
        url.port = authority.substr(colon + 1);
        authority.resize(colon);
    }
    url.host = authority;
    if (url.host.empty()) return Error::invalidArgument("the URL names no host: ", text);
    return url;
}

}  // namespace

struct McpClient::Connection {
    asio::io_context io;
    asio::ip::tcp::socket socket{io};
    boost::beast::flat_buffer buffer;
    Url url;
    std::string token;
    std::uint64_t next_id = 1;
};

McpClient::McpClient(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
McpClient::~McpClient() = default;

Result<std::unique_ptr<McpClient>> McpClient::connect(const std::string& url, std::string token) {
    auto target = parseUrl(url);
    if (!target) return std::move(target).error();
    auto connection = std::make_unique<Connection>();
    connection->url = *target;
    connection->token = std::move(token);
    boost::system::error_code failed;
    asio::ip::tcp::resolver resolver(connection->io);
    auto found = resolver.resolve(target->host, target->port, failed);
    if (!failed) asio::connect(connection->socket, found, failed);
    if (failed) {
        return Error::unavailable("no server answers at ", url, ": ", failed.message())
            .withHint("start one with `howdah serve` or `howdah demo`");
    }
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
    request.set(http::field::host, connection.url.host + ":" + connection.url.port);
    request.set(http::field::content_type, "application/json");
    request.set(http::field::accept, "application/json, text/event-stream");
    request.set("MCP-Protocol-Version", std::string{kRevision});
    request.set("Mcp-Method", std::string{method});
    if (!connection.token.empty()) request.set(http::field::authorization, "Bearer " + connection.token);
    if (params.contains("name")) request.set("Mcp-Name", params["name"].get<std::string>());
    request.body() = dumpJson(message);
    request.prepare_payload();

    boost::system::error_code failed;
    http::write(connection.socket, request, failed);
    http::response_parser<http::string_body> parser;
    parser.body_limit(256u << 20);
    if (!failed) http::read(connection.socket, connection.buffer, parser, failed);
    if (failed)
        return Error::unavailable("the server at ", connection.url.host, ":", connection.url.port, ": ",
                                  failed.message());

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
