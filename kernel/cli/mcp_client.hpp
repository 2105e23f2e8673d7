// McpClient: the least a program needs to call a tool of a running server: revision 2026-07-28 over HTTP, with TLS or
// over a Unix socket, one request at a time, blocking.
//
// Errors: unavailable when nothing answers there, or somebody whose certificate nobody vouches for; invalid_argument
// for
//         a URL it cannot use, refused for a token the server does not take, internal for an answer that is not MCP.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"

namespace howdah::kernel::cli {

class McpClient {
public:
    // `url` as ServerUrl reads it. `token` "" = none; `ca_file` "" = the authorities of the system.
    static Result<std::unique_ptr<McpClient>> connect(const std::string& url, std::string token = {},
                                                      const std::string& ca_file = {});
    ~McpClient();
    McpClient(const McpClient&) = delete;
    McpClient& operator=(const McpClient&) = delete;

    // The result of a method, or the server's JSON-RPC error.
    Result<Json> request(std::string_view method, Json params);

private:
    struct Connection;
    explicit McpClient(std::unique_ptr<Connection> connection);
    std::unique_ptr<Connection> connection_;
};

}  // namespace howdah::kernel::cli
