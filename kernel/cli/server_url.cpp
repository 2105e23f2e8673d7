#include "kernel/cli/server_url.hpp"

#include <algorithm>
#include <string_view>

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

bool isPort(std::string_view text) {
    return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<ServerUrl> ServerUrl::parse(const std::string& text) {
    std::string_view rest = text;
    ServerUrl url;
    if (rest.starts_with("unix:")) return parseUnix(rest.substr(5), text);
    if (rest.starts_with("https://")) {
        url.kind = Kind::https;
        url.port = "443";
    } else if (rest.starts_with("http://")) {
        url.port = "80";
    } else {
        return Error::invalidArgument("a server is reached by http://, https:// or unix:/path/of.sock, got ", text);
    }
    rest.remove_prefix(rest.find("//") + 2);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    if (slash < rest.size()) url.path = rest.substr(slash);
    std::string_view host = rest.substr(0, slash);
    if (host.find('@') != std::string_view::npos)
        return Error::invalidArgument("the URL must not hold a user or a password; a token goes into HOWDAH_TOKEN");
    const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
    const std::size_t colon = bracket == std::string_view::npos ? bracket : host.find(':', bracket);
    if (colon != std::string_view::npos) {
        url.port = host.substr(colon + 1);
        host = host.substr(0, colon);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    url.host = host;
    if (url.host.empty()) return Error::invalidArgument("the URL names no host: ", text);
    if (!isPort(url.port)) return Error::invalidArgument("the port of ", text, " must be a number");
    return url;
}

std::string ServerUrl::authority() const {
    if (kind == Kind::unix_socket) return "localhost";
    const bool v6 = host.find(':') != std::string::npos;
    return concat(v6 ? "[" : "", host, v6 ? "]:" : ":", port);
}

}  // namespace howdah::kernel::cli
