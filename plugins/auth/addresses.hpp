// Which addresses a fetch may connect to. Judged where the connection is made, on the address itself, so that neither
// a spelling (0x7f.1, 2130706433) nor a name that resolves to something else in between gets around it.
//
// Threads: pure functions, any.
// Source:  IANA special-purpose address registries (RFC 6890 and successors); MCP "Security Best Practices", SSRF.
#pragma once

#include <string>

#include <sys/socket.h>

namespace howdah::auth {

bool isLoopback(const sockaddr& address);
// Reachable on the open Internet: not private, link-local, shared, reserved, multicast, nor one of them inside IPv6.
bool isPublic(const sockaddr& address);
std::string printed(const sockaddr& address);  // without the port

}  // namespace howdah::auth
