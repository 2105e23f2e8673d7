// The upgrade of an HTTP request to a WebSocket: what the request must say, and the answer.
//
// Threads: pure functions, any.
// Errors:  HttpRefusal with the status to answer.
// Source:  RFC 6455, section 4.2; RFC 9110, section 15.5.22.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel/transport/http_head.hpp"

namespace howdah::kernel {

inline constexpr std::string_view kWebSocketProtocol = "mcp";

// A GET that names the upgrade. No subprotocol asked for is fine; of those asked for one must be ours, else a browser
// would end the connection without saying why.
std::optional<HttpRefusal> checkUpgrade(const HttpHead& head);

// The whole answer of a request that passed.
std::string upgradeAnswer(const HttpHead& head);

// What a 426 must say.
inline constexpr std::string_view kUpgradeRequired = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

}  // namespace howdah::kernel
