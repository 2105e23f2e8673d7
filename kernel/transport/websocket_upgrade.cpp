#include "kernel/transport/websocket_upgrade.hpp"

#include <algorithm>

#include <openssl/evp.h>

#include <howdah/result.hpp>

#include "kernel/base/ascii.hpp"
#include "kernel/base/base64.hpp"

namespace howdah::kernel {

namespace {

constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kSha1Bytes = 20;

std::string acceptKey(std::string_view key) {
    const std::string text = concat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    unsigned char digest[kSha1Bytes];
    EVP_Digest(text.data(), text.size(), digest, nullptr, EVP_sha1(), nullptr);
    return toBase64({reinterpret_cast<const char*>(digest), sizeof digest});
}

}  // namespace

std::optional<HttpRefusal> checkUpgrade(const HttpHead& head) {
    if (!head.http_1_1) return HttpRefusal{400, "a WebSocket begins with HTTP/1.1"};
    if (head.chunked || head.content_length > 0) return HttpRefusal{400, "an upgrade has no body"};
    if (head.websocket_once_fields > 1) return HttpRefusal{400, "a Sec-WebSocket header is given twice"};
    if (head.websocket_version != "13") return HttpRefusal{426, "Sec-WebSocket-Version must be 13"};
    const auto key = fromBase64(head.websocket_key);
    if (!key || key->size() != kKeyBytes)
        return HttpRefusal{400, concat("Sec-WebSocket-Key must be ", kKeyBytes, " bytes in Base64")};
    if (head.websocket_protocols.data() && !listHas(head.websocket_protocols, kWebSocketProtocol))
        return HttpRefusal{400, concat("the only Sec-WebSocket-Protocol spoken here is \"", kWebSocketProtocol, "\"")};
    return std::nullopt;
}

std::string upgradeAnswer(const HttpHead& head) {
    std::string answer = concat(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        acceptKey(head.websocket_key), "\r\n");
    if (head.websocket_protocols.data()) answer += concat("Sec-WebSocket-Protocol: ", kWebSocketProtocol, "\r\n");
    answer += "\r\n";
    return answer;
}

}  // namespace howdah::kernel
