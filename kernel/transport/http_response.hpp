// HttpResponse: the head of an HTTP answer as text, and the short answers the transport gives by itself.
//
// Threads: any; a value.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace howdah::kernel {

std::string_view reasonPhrase(int status);

struct HttpResponseHead {
    int status = 200;
    std::string_view content_type;      // "" = no body
    std::optional<std::size_t> length;  // unset: chunked, or with HTTP/1.0 until the connection closes
    bool http_1_1 = true;
    bool keep_alive = true;
    std::string_view allowed_origin;  // the page that may read the answer, "" = none
    std::string_view extra;           // whole lines, each with CR LF

    // Appends status line, headers and the empty line. A 503 says to come back in a second, unless `extra` says when.
    void appendTo(std::string& out) const;
};

// A JSON-RPC error without an id: what the body of an HTTP error is.
std::string jsonRpcError(int code, std::string_view message);

// "Sun, 06 Nov 1994 08:49:37 GMT", made once a second and thread.
std::string_view httpDate();

}  // namespace howdah::kernel
