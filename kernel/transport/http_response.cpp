#include "kernel/transport/http_response.hpp"

#include <charconv>
#include <cstdio>
#include <ctime>

namespace howdah::kernel {

namespace {

void appendNumber(std::string& out, std::size_t number) {
    char digits[20];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void appendJsonString(std::string& out, std::string_view text) {
    constexpr char kHex[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
            out += "\\u00";  // bytes of a request quoted in a message: shown, not trusted to be UTF-8
            out += kHex[static_cast<unsigned char>(c) >> 4];
            out += kHex[c & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

}  // namespace

std::string_view reasonPhrase(int status) {
    switch (status) {
        case 200: return "OK";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 417: return "Expectation Failed";
        case 426: return "Upgrade Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        default: return "Unknown";
    }
}

void HttpResponseHead::appendTo(std::string& out) const {
    constexpr std::size_t kUsualBytes = 256;
    out.reserve(out.size() + kUsualBytes + allowed_origin.size() + extra.size());
    out += "HTTP/1.1 ";
    appendNumber(out, static_cast<std::size_t>(status));
    out += ' ';
    out += reasonPhrase(status);
    out += "\r\nDate: ";
    out += httpDate();
    // An event stream besides tells proxies that want to hear it that nothing of it is to be kept back.
    const bool events = content_type == "text/event-stream";
    out += events ? "\r\nCache-Control: no-cache, no-store\r\n" : "\r\nCache-Control: no-store\r\n";
    if (!content_type.empty()) {
        out += "Content-Type: ";
        out += content_type;
        out += "\r\n";
    }
    if (!allowed_origin.empty()) {
        out += "Access-Control-Allow-Origin: ";
        out += allowed_origin;
        out += "\r\nAccess-Control-Expose-Headers: Mcp-Session-Id, WWW-Authenticate\r\nVary: Origin\r\n";
    }
    out += extra;
    if ((status == 503 || status == 429) && extra.find("Retry-After: ") == std::string_view::npos)
        out += "Retry-After: 1\r\n";
    if (!keep_alive) {
        out += "Connection: close\r\n";
    } else if (!http_1_1) {
        out += "Connection: keep-alive\r\n";
    }
    if (!length) {
        if (http_1_1) out += "Transfer-Encoding: chunked\r\n";
    } else if (status != 204) {
        out += "Content-Length: ";
        appendNumber(out, *length);
        out += "\r\n";
    }
    out += "\r\n";
}

std::string jsonRpcError(int code, std::string_view message) {
    std::string out = R"({"jsonrpc":"2.0","error":{"code":)";
    char digits[12];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, code).ptr);
    out += R"(,"message":)";
    appendJsonString(out, message);
    out += "}}";
    return out;
}

std::string_view httpDate() {
    thread_local std::time_t made_at = -1;
    thread_local char text[64];
    thread_local std::size_t length = 0;
    if (const std::time_t now = std::time(nullptr); now != made_at) {
        std::tm utc{};
        ::gmtime_r(&now, &utc);
        // Not strftime's names: they follow the locale.
        constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        const int printed =
            std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday], utc.tm_mday,
                          kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
        length = printed > 0 ? static_cast<std::size_t>(printed) : 0;
        made_at = now;
    }
    return {text, length};
}

}  // namespace howdah::kernel
