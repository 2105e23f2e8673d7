// One small document over HTTPS, from a server that has to be distrusted as well: no redirect is followed, no proxy of
// the environment used, no address outside the open Internet reached unless the operator said so, and time and size
// are bounded.
//
// Threads: blocks; a worker thread.
// Errors:  invalid_argument for a URL that may not be fetched, unavailable for what did not come.
// Source:  MCP 2026-07-28 "Security Best Practices", SSRF; libcurl manual, CURLOPT_OPENSOCKETFUNCTION.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include <howdah/result.hpp>

namespace howdah::auth {

struct FetchRules {
    bool allow_http = false;     // plain http, and then loopback addresses only
    bool allow_private = false;  // addresses that are not on the open Internet
    std::string ca_file;         // PEM; "" = the system's authorities
    std::size_t bytes_max = 256 * 1024;
};

// For messages: without what may be a password, and without the query, which may hold a key.
std::string shownUrl(const std::string& url);

// That a URL is one to fetch: https (or http, where allowed), a host, no user, no fragment.
Result<void> checkUrl(const std::string& url, const FetchRules& rules);

Result<std::string> fetchDocument(const std::string& url, const FetchRules& rules, std::chrono::milliseconds limit,
                                  const std::function<bool()>& is_stopping);

}  // namespace howdah::auth
