// HttpChecks: who may talk to this endpoint at all, decided from the head of a request alone.
//
// A web page can make a browser send requests to a server on the same machine, and with DNS rebinding even read the
// answers. Therefore: the name in Host must be one a foreign page cannot make its own, and a page that says where it
// comes from (Origin) must come from here or be named in the configuration.
//
// Threads: any; immutable once made.
// Errors:  HttpRefusal with the status to answer.
// Source:  MCP 2025-11-25 and 2026-07-28, Streamable HTTP, "Security Warning"; Fetch, "CORS protocol"; RFC
// 9110, 12.5.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/transport/http_head.hpp"

namespace howdah::kernel {

class HttpChecks {
public:
    struct Config {
        std::string path = "/mcp";
        std::vector<std::string> metadata_paths;    // where the Protected Resource Metadata is
        bool tls = false;                           // on the addresses listened on
        std::vector<std::string> listen_addresses;  // IP addresses; each one's own literal is a valid Host
        std::vector<std::uint16_t> ports;           // of those; a page of this server has one of them in its Origin
        std::vector<std::string> allowed_hosts;     // names or addresses, without port
        std::vector<std::string> allowed_origins;   // whole, "https://inspector.example"
    };

    explicit HttpChecks(Config config);

    // Host, absolute-form target and Origin: before anything else is looked at.
    std::optional<HttpRefusal> source(const HttpHead& head) const;

    enum class Endpoint : std::uint8_t { mcp, health, ready, metadata, none };
    Endpoint endpoint(const HttpHead& head) const;  // the query part is ignored

    // What a POST must say of its body and may say of the answer.
    static std::optional<HttpRefusal> post(const HttpHead& head);

    bool originAllowed(std::string_view origin) const;
    bool hostAllowed(std::string_view host_and_port) const;

private:
    const Config config_;
};

// What an Accept header allows. Without the header: JSON only.
struct Accepted {
    bool json = false;
    bool events = false;  // text/event-stream by name, or text/*
    static Accepted parse(std::string_view accept);
};

}  // namespace howdah::kernel
