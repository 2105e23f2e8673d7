// The requests that tests of the protocol write again and again.
#pragma once

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "tests/kernel/protocol/fake_peer.hpp"

namespace howdah::kernel::test {

inline constexpr std::string_view kMeta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{})";

inline std::string modernCall(const std::string& id, const std::string& tool, const std::string& more = "") {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{"name":")" + tool + "\"," +
           std::string(kMeta) + more + "}}}";
}
inline Headers modernHeaders(const std::string& method, const std::string& name = "") {
    Headers headers = {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", method}};
    if (!name.empty()) headers["Mcp-Name"] = name;
    return headers;
}
inline std::string listenRequest(const std::string& id, const std::string& filter) {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"subscriptions/listen","params":{"notifications":)" +
           filter + "," + std::string(kMeta) + "}}}";
}
inline std::string initializeRequest(const std::string& version = "2025-11-25") {
    return R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":")" + version +
           R"(","capabilities":{},"clientInfo":{"name":"test","version":"1"}}})";
}
inline Headers openSession(FakePeer& peer) {
    Received answer = peer.ask(initializeRequest());
    REQUIRE(answer.status == 200);
    return {{"Mcp-Session-Id", answer.headers["Mcp-Session-Id"]}};
}
inline std::string legacy(const std::string& id, const std::string& method, const std::string& params = "{}") {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":)" + params + "}";
}

}  // namespace howdah::kernel::test
