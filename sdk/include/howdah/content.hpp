// Blocks of content as JSON: for tools (writeContent) and prompts (writeMessage).
//
// Source:  MCP schema, ContentBlock.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <howdah/values/encode.hpp>

namespace howdah {

// RFC 4648 section 4, padded.
inline std::string toBase64(std::string_view bytes) {
    std::string out(detail::Base64Writer::sizeFor(bytes.size()), '\0');
    detail::Base64Writer writer(out.data());
    for (char byte : bytes)
        writer.add(static_cast<unsigned char>(byte));
    writer.finish();
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
