// McpClient: the least a program needs to call a tool of a running server: revision 2026-07-28 over HTTP, one request
// at a time, blocking.
//
// Errors: unavailable when nothing answers there, invalid_argument for a URL it cannot use, internal for an answer that
//         is not MCP.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"

namespace howdah::kernel::cli {

class McpClient {
public:
    // `token` "" = none.
    static Result<std::unique_ptr<McpClient>> connect(const std::string& url, std::string token = {});
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
