#include "kernel/cli/server_url.hpp"

#include <string_view>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace howdah::kernel::cli {
namespace {

Result<ServerUrl> parseUnix(std::string_view rest, const std::string& text) {
    ServerUrl url;
    url.kind = ServerUrl::Kind::unix_socket;
    const std::size_t path = rest.rfind(":/");
    url.socket = rest.substr(0, path);
    if (path != std::string_view::npos) url.path = rest.substr(path + 1);
    if (!url.socket.starts_with('/'))
        return Error::invalidArgument("a Unix socket is written unix:/path/of.sock, got ", text);
    return url;
}

}  // namespace

Result<ServerUrl> ServerUrl::parse(const std::string& text) {
    if (text.starts_with("unix:")) return parseUnix(std::string_view(text).substr(5), text);
    const bool tls = text.starts_with("https://");
    if (!tls && !text.starts_with("http://"))
        return Error::invalidArgument("a server is reached by http://, https:// or unix:/path/of.sock, got ", text);
    const auto parsed = boost::urls::parse_uri(text);
    // Before the text is shown: it may be a password that keeps it from being a URL.
    if (parsed ? parsed->has_userinfo() : text.find('@') != std::string::npos)
        return Error::invalidArgument("the URL must not hold a user or a password; a token goes into HOWDAH_TOKEN");
    if (!parsed) return Error::invalidArgument(text, " is no URL: ", parsed.error().message());
    if (parsed->encoded_host().empty()) return Error::invalidArgument("the URL names no host: ", text);
    // Boost 1.81 also takes ports that are no number, or too large a one, and says another number then.
    if (parsed->has_port() && std::to_string(parsed->port_number()) != std::string(parsed->port()))
        return Error::invalidArgument("the port of ", text, " must be a number of 1 to 65535");
    ServerUrl url;
    url.kind = tls ? Kind::https : Kind::http;
    url.host = parsed->encoded_host_address();
    url.port = parsed->has_port() ? std::string(parsed->port()) : tls ? "443" : "80";
    if (!parsed->encoded_path().empty()) url.path = parsed->encoded_target();
    return url;
}

std::string ServerUrl::authority() const {
    if (kind == Kind::unix_socket) return "localhost";
    const bool v6 = host.find(':') != std::string::npos;
    return concat(v6 ? "[" : "", host, v6 ? "]:" : ":", port);
}

}  // namespace howdah::kernel::cli
