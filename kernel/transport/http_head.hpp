// HttpHead: the head of one HTTP/1 request, found, checked for framing tricks and taken apart.
//
// HeadScanner finds the end of a head while its bytes arrive and refuses what two parsers could read differently (bare
// LF, folded lines); Beast then parses the whole head at once, so that every view points into the caller's buffer.
//
// Threads: [shard].
// Owns:    nothing: views into the bytes given to parse(), except what chunked bodies add to `body`.
// Errors:  HttpRefusal with the status to answer; the connection must then be closed, its framing is not known.
// Source:  RFC 9112, sections 2.2, 3.2, 5, 6 and 7; RFC 9110, sections 5.5, 7.2 and 10.1.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/protocol/exchange.hpp"

namespace howdah::kernel {

struct HttpRefusal {
    int status = 400;
    std::string message;
};

struct HttpLimits {
    std::size_t head_bytes_max = 16 * 1024;  // request line and fields
    std::size_t line_bytes_max = 8 * 1024;   // each of them
    std::size_t fields_max = 100;            // also counts trailer fields
    std::size_t body_bytes_max = 4 * 1024 * 1024;
    std::size_t chunk_extension_bytes_max = 256;
};

// One per request; feed it the same bytes from the start as they grow.
class HeadScanner {
public:
    // Bytes of the head including the empty line; 0 while it is incomplete.
    std::size_t scan(std::string_view bytes, const HttpLimits& limits, std::optional<HttpRefusal>& refusal);
    void reset() { line_start_ = scanned_ = 0; }
    bool untouched() const { return scanned_ == 0; }

private:
    std::size_t line_start_ = 0;
    std::size_t scanned_ = 0;
};

struct HttpHead {
    enum class Method : std::uint8_t { get, post, del, options, head, other };

    Method method = Method::other;
    std::string_view target;
    bool http_1_1 = false;
    bool keep_alive = false;
    bool expects_continue = false;
    bool chunked = false;
    std::size_t content_length = 0;  // 0 without the field

    unsigned hosts = 0;  // how often the field occurs
    unsigned origins = 0;
    unsigned authorizations = 0;
    unsigned protocol_headers = 0;  // the most often any of the four MCP fields occurs
    std::string_view host, origin;  // data() == nullptr when absent, here and below
    std::string_view accept, content_type, authorization;
    std::string_view protocol_version, mcp_method, mcp_name, session_id, last_event_id;
    std::vector<HeaderField> mcp_params;  // without their prefix Mcp-Param-
    std::string_view cors_method, cors_headers;
    bool cors_private_network = false;

    bool websocket = false;  // asks for an upgrade to it
    std::string_view websocket_key, websocket_version, websocket_protocols;
    unsigned websocket_once_fields = 0;  // the most often one of those occurs that may occur once
};

// Parses one head and, for a chunked one, the body behind it.
class HttpRequestParser {
public:
    explicit HttpRequestParser(const HttpLimits& limits);
    ~HttpRequestParser();
    HttpRequestParser(const HttpRequestParser&) = delete;
    HttpRequestParser& operator=(const HttpRequestParser&) = delete;

    // The whole head, as HeadScanner found it.
    std::optional<HttpRefusal> parse(std::string_view bytes);
    const HttpHead& head() const;

    // The next bytes of a chunked body. Consumed bytes must not be given again.
    std::optional<HttpRefusal> parseChunks(std::string_view bytes, std::size_t& consumed);
    bool bodyDone() const;
    std::string& chunkedBody();
    const std::string& chunkedBody() const;

private:
    struct Parser;  // Beast's, kept out of other translation units
    // In place: a request allocates nothing here. The size is asserted where the type is known.
    static constexpr std::size_t kRoom = 880;
    alignas(std::max_align_t) std::byte room_[kRoom];
    Parser* parser_;
};

}  // namespace howdah::kernel
