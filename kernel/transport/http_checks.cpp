#include "kernel/transport/http_checks.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <howdah/result.hpp>

#include "kernel/base/ascii.hpp"

namespace howdah::kernel {

namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

struct HostAndPort {
    std::string_view name;  // IPv6 in brackets
    std::optional<std::uint16_t> port;
};

std::optional<HostAndPort> splitHost(std::string_view text) {
    HostAndPort result;
    std::size_t name_end;
    if (text.starts_with('[')) {
        name_end = text.find(']');
        if (name_end == std::string_view::npos) return std::nullopt;
        ++name_end;
    } else {
        name_end = std::min(text.find(':'), text.size());
    }
    if (name_end == 0) return std::nullopt;
    result.name = text.substr(0, name_end);
    std::string_view rest = text.substr(name_end);
    if (rest.empty()) return result;
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
    if (rest.front() != ':' || rest.size() == 1 || error != std::errc() || end != rest.data() + rest.size()) {
        return std::nullopt;
    }
    result.port = port;
    return result;
}

// Names and addresses that mean this machine to every browser, whatever a DNS server says.
bool isLoopbackName(std::string_view name) {
    return equalsIgnoringCase(name, "localhost") || name == "127.0.0.1" || name == "[::1]";
}

// "http://evil/mcp" -> "evil"; nullopt when the target is in another form.
std::optional<std::string_view> authorityOf(std::string_view target) {
    const auto scheme_end = target.find("://");
    if (target.starts_with('/') || scheme_end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = target.substr(scheme_end + 3);
    return rest.substr(0, rest.find_first_of("/?#"));
}

std::string_view pathOf(std::string_view target) {
    if (!target.starts_with('/')) {
        const auto authority = authorityOf(target);
        if (!authority) return {};
        target.remove_prefix(target.find("://") + 3 + authority->size());
        if (target.empty()) return "/";
    }
    return target.substr(0, target.find('?'));
}

}  // namespace

HttpChecks::HttpChecks(Config config)
    : config_([&] {
          for (std::string& host : config.allowed_hosts)
              std::ranges::transform(host, host.begin(), toLower);
          return std::move(config);
      }()) {}

bool HttpChecks::hostAllowed(std::string_view host_and_port) const {
    const auto host = splitHost(host_and_port);
    if (!host) return false;
    if (isLoopbackName(host->name)) return true;
    for (const std::string& address : config_.listen_addresses)
        if (host->name == address || host->name == concat("[", address, "]")) return true;
    return std::ranges::any_of(config_.allowed_hosts,
                               [&](std::string_view allowed) { return equalsIgnoringCase(host->name, allowed); });
}

// Browsers serialize an origin in one way only, so anything that is not byte for byte equal is refused.
bool HttpChecks::originAllowed(std::string_view origin) const {
    if (std::find(config_.allowed_origins.begin(), config_.allowed_origins.end(), origin) !=
        config_.allowed_origins.end()) {
        return true;
    }
    const std::string_view scheme = config_.tls ? "https://" : "http://";
    if (!origin.starts_with(scheme)) return false;
    const std::string_view rest = origin.substr(scheme.size());
    const auto host = splitHost(rest);
    if (!host || std::ranges::any_of(host->name, [](char c) { return c != toLower(c); })) return false;
    return isLoopbackName(host->name) &&
           std::ranges::find(config_.ports, host->port.value_or(config_.tls ? 443 : 80)) != config_.ports.end();
}

std::optional<HttpRefusal> HttpChecks::source(const HttpHead& head) const {
    if (head.hosts == 0 && head.http_1_1) return HttpRefusal{400, "the Host header is missing"};
    if (head.hosts > 1) return HttpRefusal{400, "the Host header is given twice"};
    if (head.hosts == 1 && !hostAllowed(head.host)) {
        return HttpRefusal{403,
                           "this Host is not served here: ask for localhost, 127.0.0.1 or [::1]; a reverse proxy has "
                           "to send one of them as Host, or the operator adds the name to transports.http.hosts"};
    }
    if (const auto authority = authorityOf(head.target)) {
        const bool known = head.target.starts_with("http://") || (config_.tls && head.target.starts_with("https://"));
        if (!known) return HttpRefusal{400, "only http:// targets are served here"};
        if (!hostAllowed(*authority)) return HttpRefusal{403, "the target names a host that is not served here"};
    }
    if (head.origins > 1) return HttpRefusal{403, "the Origin header is given twice"};
    // Any page may read how to get a token: it is public, and a login page of elsewhere has to.
    if (head.origins == 1 && !originAllowed(head.origin) && endpoint(head) != Endpoint::metadata) {
        return HttpRefusal{
            403, "web pages of this Origin may not connect; add it to transports.http.origins if they should"};
    }
    // Which of two values an intermediary looked at is not known.
    if (head.authorizations > 1) return HttpRefusal{400, "the Authorization header is given twice"};
    if (head.protocol_headers > 1) return HttpRefusal{400, "an MCP header is given twice"};
    return std::nullopt;
}

HttpChecks::Endpoint HttpChecks::endpoint(const HttpHead& head) const {
    const std::string_view path = pathOf(head.target);
    if (path == config_.path) return Endpoint::mcp;
    if (std::ranges::find(config_.metadata_paths, path) != config_.metadata_paths.end()) return Endpoint::metadata;
    if (path == "/readyz") return Endpoint::ready;
    return path == "/healthz" ? Endpoint::health : Endpoint::none;
}

std::optional<HttpRefusal> HttpChecks::post(const HttpHead& head) {
    const std::string_view type = head.content_type;
    const std::size_t semicolon = std::min(type.find(';'), type.size());
    bool json = equalsIgnoringCase(trim(type.substr(0, semicolon)), "application/json");
    if (json && semicolon < type.size()) {
        const std::string_view parameter = trim(type.substr(semicolon + 1));
        json = parameter.empty() || equalsIgnoringCase(parameter, "charset=utf-8") ||
               equalsIgnoringCase(parameter, "charset=\"utf-8\"");
    }
    // Also what keeps a plain HTML form out: it cannot send this type.
    if (!json) return HttpRefusal{415, "Content-Type must be application/json"};
    if (const Accepted accepted = Accepted::parse(head.accept); !accepted.json && !accepted.events) {
        return HttpRefusal{406, "Accept must allow application/json or text/event-stream, better both"};
    }
    return std::nullopt;
}

Accepted Accepted::parse(std::string_view accept) {
    Accepted accepted;
    if (trim(accept).empty()) {
        accepted.json = true;
        return accepted;
    }
    while (!accept.empty()) {
        const std::size_t comma = std::min(accept.find(','), accept.size());
        std::string_view range = accept.substr(0, comma);
        accept.remove_prefix(std::min(comma + 1, accept.size()));
        const std::size_t semicolon = std::min(range.find(';'), range.size());
        const std::string_view parameters = range.substr(semicolon);
        if (const auto quality = std::min(parameters.find("q="), parameters.find("Q="));
            quality != std::string_view::npos) {
            const std::string_view value = parameters.substr(quality + 2);
            const std::string_view digits = value.substr(0, value.find_first_not_of("0."));
            if (!digits.empty() && digits.size() == trim(value.substr(0, value.find(';'))).size()) continue;  // q=0
        }
        const std::string_view type = trim(range.substr(0, semicolon));
        const auto is = [&](std::string_view lower) { return equalsIgnoringCase(type, lower); };
        if (is("application/json") || is("*/*") || is("application/*")) accepted.json = true;
        if (is("text/event-stream") || is("text/*")) accepted.events = true;
    }
    return accepted;
}

}  // namespace howdah::kernel
