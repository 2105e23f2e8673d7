// Blocks of content as JSON: for tools (writeContent) and prompts (writeMessage).
//
// Source:  MCP schema, ContentBlock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace howdah {

// RFC 4648 section 4, padded.
inline std::string toBase64(std::string_view bytes) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = bytes.size() - at < 3 ? bytes.size() - at : 3;
        std::uint32_t held = 0;
        for (std::size_t i = 0; i < 3; ++i)
            held = held << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i)
            out += i <= count ? kAlphabet[held >> (18 - 6 * i) & 63] : '=';
    }
    return out;
}

inline nlohmann::json textBlock(std::string_view text) {
    return {{"type", "text"}, {"text", text}};
}
inline nlohmann::json imageBlock(std::string_view bytes, std::string_view mime_type) {
    return {{"type", "image"}, {"data", toBase64(bytes)}, {"mimeType", mime_type}};
}
inline nlohmann::json audioBlock(std::string_view bytes, std::string_view mime_type) {
    return {{"type", "audio"}, {"data", toBase64(bytes)}, {"mimeType", mime_type}};
}
// 2025-06-18 and later.
inline nlohmann::json resourceLink(std::string_view uri, std::string_view name) {
    return {{"type", "resource_link"}, {"uri", uri}, {"name", name}};
}
inline nlohmann::json textResource(std::string_view uri, std::string_view text, std::string_view mime_type) {
    return {{"type", "resource"}, {"resource", {{"uri", uri}, {"mimeType", mime_type}, {"text", text}}}};
}
inline nlohmann::json blobResource(std::string_view uri, std::string_view bytes, std::string_view mime_type) {
    return {{"type", "resource"}, {"resource", {{"uri", uri}, {"mimeType", mime_type}, {"blob", toBase64(bytes)}}}};
}

}  // namespace howdah
