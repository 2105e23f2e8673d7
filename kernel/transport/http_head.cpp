#include "kernel/transport/http_head.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <howdah/result.hpp>

#include "kernel/base/ascii.hpp"

namespace howdah::kernel {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::string_view kParamPrefix = "mcp-param-";

bool onlyDigits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Beast waits for a CR LF behind it, so it would go unnoticed until the time for the body is over.
bool hasBareLineFeed(std::string_view text) {
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos; ++at)
        if (at == 0 || text[at - 1] != '\r') return true;
    return false;
}

std::string_view view(beast::string_view text) {
    return {text.data(), text.size()};
}

}  // namespace

std::size_t HeadScanner::scan(std::string_view bytes, const HttpLimits& limits, std::optional<HttpRefusal>& refusal) {
    for (;;) {
        const void* found = std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_);
        const std::size_t end = found ? static_cast<const char*>(found) - bytes.data() : bytes.size();
        if (end - line_start_ > limits.line_bytes_max || end >= limits.head_bytes_max) {
            refusal = HttpRefusal{line_start_ == 0 && end < limits.head_bytes_max ? 414 : 431,
                                  concat("the head of a request is limited to ", limits.head_bytes_max,
                                         " bytes and each of its lines to ", limits.line_bytes_max)};
            return 0;
        }
        if (!found) {
            scanned_ = end;
            return 0;
        }
        if (end == line_start_ || bytes[end - 1] != '\r') {
            refusal = HttpRefusal{400, "a line of the head ends without CR LF"};
            return 0;
        }
        if (end == line_start_ + 1) {
            if (line_start_ > 0) return end + 1;
            refusal = HttpRefusal{400, "an empty line where a request was expected"};
            return 0;
        }
        if (bytes[line_start_] == ' ' || bytes[line_start_] == '\t') {
            refusal = HttpRefusal{400, "a folded or indented line in the head"};
            return 0;
        }
        line_start_ = scanned_ = end + 1;
    }
}

struct HttpRequestParser::Parser final : http::basic_parser<true> {
    explicit Parser(const HttpLimits& from) : limits(from) {
        header_limit(std::numeric_limits<std::uint32_t>::max());  // HeadScanner has checked it
        body_limit(from.body_bytes_max);
    }

    using error_code = beast::error_code;

    void refuse(error_code& ec, int status, std::string message) {
        refusal = HttpRefusal{status, std::move(message)};
        ec = http::error::bad_value;
    }

    void on_request_impl(http::verb verb, beast::string_view, beast::string_view target, int version,
                         error_code&) override {
        head.target = view(target);
        head.http_1_1 = version == 11;
        switch (verb) {
            case http::verb::get: head.method = HttpHead::Method::get; break;
            case http::verb::post: head.method = HttpHead::Method::post; break;
            case http::verb::delete_: head.method = HttpHead::Method::del; break;
            case http::verb::options: head.method = HttpHead::Method::options; break;
            case http::verb::head: head.method = HttpHead::Method::head; break;
            default: break;
        }
    }
    void on_response_impl(int, beast::string_view, int, error_code&) override {}

    void on_field_impl(http::field field, beast::string_view name, beast::string_view value, error_code& ec) override {
        if (++fields > limits.fields_max) {
            return refuse(ec, 431, concat("a request may have at most ", limits.fields_max, " header fields"));
        }
        if (head_done) return;  // a trailer decides nothing
        const std::string_view text = view(value);
        switch (field) {
            case http::field::host:
                head.host = text;
                ++head.hosts;
                return;
            case http::field::origin:
                head.origin = text;
                ++head.origins;
                return;
            case http::field::authorization:
                head.authorization = text;
                ++head.authorizations;
                return;
            case http::field::content_length:
                if (++lengths > 1 || !onlyDigits(text)) {
                    refuse(ec, 400, "Content-Length must be given once, in digits only");
                }
                return;
            case http::field::transfer_encoding:
                if (++encodings > 1 || !equalsIgnoringCase(text, "chunked")) {
                    refuse(ec, 400, "the only Transfer-Encoding understood is \"chunked\", once");
                }
                return;
            case http::field::expect:
                if (!equalsIgnoringCase(text, "100-continue")) return refuse(ec, 417, "unknown Expect");
                head.expects_continue = true;
                return;
            case http::field::accept: addToList(head.accept, joined_accept, text); return;
            case http::field::upgrade: names_websocket = names_websocket || listHas(text, "websocket"); return;
            case http::field::sec_websocket_key:
                head.websocket_key = text;
                head.websocket_once_fields = std::max(head.websocket_once_fields, ++websocket_counts[0]);
                return;
            case http::field::sec_websocket_version:
                head.websocket_version = text;
                head.websocket_once_fields = std::max(head.websocket_once_fields, ++websocket_counts[1]);
                return;
            case http::field::sec_websocket_protocol:
                addToList(head.websocket_protocols, joined_protocols, text);
                return;
            case http::field::content_type:
                if (head.content_type.data()) return refuse(ec, 400, "Content-Type is given twice");
                head.content_type = text;
                return;
            case http::field::access_control_request_method: head.cors_method = text; return;
            case http::field::access_control_request_headers: head.cors_headers = text; return;
            case http::field::unknown: return unknownField(view(name), text);
            default: return;
        }
    }

    // A list may be split over several fields; one is the rule and needs no copy.
    static void addToList(std::string_view& list, std::string& joined, std::string_view text) {
        if (!list.data()) {
            list = text;
            return;
        }
        joined = concat(list, ",", text);
        list = joined;
    }

    void unknownField(std::string_view name, std::string_view value) {
        unsigned* count = nullptr;
        if (equalsIgnoringCase(name, "mcp-protocol-version")) {
            head.protocol_version = value;
            count = &mcp_counts[0];
        } else if (equalsIgnoringCase(name, "mcp-method")) {
            head.mcp_method = value;
            count = &mcp_counts[1];
        } else if (equalsIgnoringCase(name, "mcp-name")) {
            head.mcp_name = value;
            count = &mcp_counts[2];
        } else if (equalsIgnoringCase(name, "mcp-session-id")) {
            head.session_id = value;
            count = &mcp_counts[3];
        } else if (equalsIgnoringCase(name, "last-event-id")) {
            head.last_event_id = value;
        } else if (name.size() > kParamPrefix.size() &&
                   equalsIgnoringCase(name.substr(0, kParamPrefix.size()), kParamPrefix)) {
            head.mcp_params.push_back({name.substr(kParamPrefix.size()), value});
        } else if (equalsIgnoringCase(name, "access-control-request-private-network")) {
            head.cors_private_network = equalsIgnoringCase(value, "true");
        }
        if (count) head.protocol_headers = std::max(head.protocol_headers, ++*count);
    }

    void on_header_impl(error_code& ec) override {
        head_done = true;
        if (encodings > 0 && lengths > 0)
            return refuse(ec, 400, "Content-Length and Transfer-Encoding exclude each other");
        if (encodings > 0 && !head.http_1_1) return refuse(ec, 400, "HTTP/1.0 knows no Transfer-Encoding");
        head.chunked = chunked();
        head.keep_alive = keep_alive();
        head.websocket = names_websocket && upgrade();
        if (auto length = content_length()) head.content_length = *length;
    }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(beast::string_view, error_code&) override { return 0; }  // read by the connection itself
    void on_chunk_header_impl(std::uint64_t size, beast::string_view extensions, error_code& ec) override {
        if (extensions.size() > limits.chunk_extension_bytes_max) return refuse(ec, 400, "chunk extensions too long");
        if (size > limits.body_bytes_max - chunked_body.size()) ec = http::error::body_limit;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, error_code&) override {
        chunked_body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_finish_impl(error_code&) override {}

    std::optional<HttpRefusal> take(const error_code& ec) {
        if (refusal) return std::move(refusal);
        if (ec == http::error::body_limit) {
            return HttpRefusal{413, concat("the body of a request is limited to ", limits.body_bytes_max, " bytes")};
        }
        if (ec == http::error::bad_version) return HttpRefusal{505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
        return HttpRefusal{400, concat("malformed HTTP request: ", ec.message())};
    }

    const HttpLimits& limits;
    HttpHead head;
    std::optional<HttpRefusal> refusal;
    std::string joined_accept, joined_protocols;
    std::string chunked_body;
    std::size_t fields = 0;
    unsigned lengths = 0, encodings = 0;
    unsigned mcp_counts[4] = {};
    unsigned websocket_counts[2] = {};
    bool names_websocket = false;
    bool head_done = false;
};

HttpRequestParser::HttpRequestParser(const HttpLimits& limits) {
    static_assert(sizeof(Parser) <= kRoom && alignof(Parser) <= alignof(std::max_align_t));
    parser_ = new (room_) Parser(limits);
}

HttpRequestParser::~HttpRequestParser() {
    parser_->~Parser();
}

std::optional<HttpRefusal> HttpRequestParser::parse(std::string_view bytes) {
    beast::error_code ec;
    const std::size_t consumed = parser_->put({bytes.data(), bytes.size()}, ec);
    if (ec) return parser_->take(ec == http::error::need_more ? http::error::bad_field : ec);
    if (consumed != bytes.size() || !parser_->is_header_done()) return HttpRefusal{400, "malformed HTTP request"};
    return std::nullopt;
}

const HttpHead& HttpRequestParser::head() const {
    return parser_->head;
}

std::optional<HttpRefusal> HttpRequestParser::parseChunks(std::string_view bytes, std::size_t& consumed) {
    consumed = 0;
    // The least that ends a body. Beast asserts on having that much once it has seen the last chunk, and as every body
    // ends so, nothing is lost by waiting for it.
    constexpr std::size_t kEndBytes = sizeof("0\r\n\r\n") - 1;
    while (!parser_->is_done() && bytes.size() - consumed >= kEndBytes) {
        beast::error_code ec;
        const std::size_t step = parser_->put({bytes.data() + consumed, bytes.size() - consumed}, ec);
        consumed += step;
        if (ec == http::error::need_more) {
            if (hasBareLineFeed(bytes.substr(consumed))) return HttpRefusal{400, "a chunk's line ends without CR LF"};
            break;
        }
        if (!ec && consumed == bytes.size()) break;
        if (ec) return parser_->take(ec);
    }
    // What is left is part of a chunk header or of the trailer.
    if (!parser_->is_done() && bytes.size() - consumed > parser_->limits.head_bytes_max) {
        return HttpRefusal{400, "a chunk header or trailer is too long"};
    }
    return std::nullopt;
}

bool HttpRequestParser::bodyDone() const {
    return parser_->is_done();
}

const std::string& HttpRequestParser::chunkedBody() const {
    return parser_->chunked_body;
}

std::string& HttpRequestParser::chunkedBody() {
    return parser_->chunked_body;
}

}  // namespace howdah::kernel
