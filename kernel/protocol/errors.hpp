// Errors on the wire. The one place that turns an Error into a JSON-RPC error or into the text a model reads.
//
// Threads: pure functions, any.
// Source:  JSON-RPC 2.0; MCP 2026-07-28 "Error Codes", "Tools: Error Handling".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

namespace howdah::kernel {

inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kResourceNotFound = -32002;            // 2025-11-25 and before
inline constexpr int kHeaderMismatch = -32020;              // 2026-07-28
inline constexpr int kMissingClientCapability = -32021;     // 2026-07-28
inline constexpr int kUnsupportedProtocolVersion = -32022;  // 2026-07-28

// A request turned down before anything was done for it.
struct Refusal {
    int code = kInvalidRequest;
    int http_status = 400;
    std::string message;
    std::string data;  // JSON, "" = none
};

// For an Error that ends a request outside of a tool's result.
Refusal refusalOf(const Error& error);

// For a request whose principal lacks a scope; `needed` are all that it needs.
Refusal scopeRefusal(const Error& error, const std::vector<std::string>& needed);

// A whole JSON-RPC error response. `id` is JSON text; "" leaves it out (it could not be read).
std::string errorResponse(std::string_view id, const Refusal& refusal);

// What the model reads: message, a caret under the place in `statement`, then rule, detail, hint, SQLSTATE, wait.
// `statement` is the SQL the client sent, "" if there is none.
std::string errorText(const Error& error, std::string_view statement);

// {"code":"database","message":...,"sqlstate":...,...}
std::string errorJson(const Error& error);

}  // namespace howdah::kernel
