// Authenticator: who stands behind the credentials of a request, and what a client is told that has none that will do.
// Without one every client is the local user (auth: none).
//
// Threads: fibers, many at once; each function may park.
// Errors:  authenticate(): refused is answered with 401, invalid_argument (malformed) with 400, all else with 503.
// Source:  MCP 2026-07-28 "Authorization"; RFC 9728, section 3 (where the metadata is).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/protocol/exchange.hpp"

namespace howdah::kernel {

// Why a request is not served as it came. The numbers are HOWDAH_CHALLENGE_* of abi/auth.h.
struct Challenge {
    enum class Reason : std::uint8_t { missing, rejected, malformed, scope };
    Reason reason = Reason::missing;
    std::string_view description;         // for people; may be empty
    std::span<const std::string> scopes;  // all that the request needs
};

class Authenticator {
public:
    virtual ~Authenticator() = default;
    virtual Result<std::shared_ptr<const Principal>> authenticate(const Inbound& request) = 0;
    // The WWW-Authenticate header. `resource` is the canonical URI of this server.
    virtual std::string challenge(std::string_view /*resource*/, const Challenge& /*challenge*/) { return "Bearer"; }
    // The Protected Resource Metadata as JSON; not_found when there is no authorization server.
    virtual Result<std::string> metadata(std::string_view /*resource*/) {
        return Error::notFound("no authorization server is configured here");
    }
};

inline constexpr std::string_view kMetadataPath = "/.well-known/oauth-protected-resource";

// Where the metadata of a resource is: the well-known path between its host and its own path.
std::string metadataUrl(std::string_view resource);
// The path of a URI, "" when there is none or it is only "/".
std::string_view pathOfUri(std::string_view uri);
// The host of a URI without port, IPv6 in brackets.
std::string_view hostOfUri(std::string_view uri);

}  // namespace howdah::kernel
