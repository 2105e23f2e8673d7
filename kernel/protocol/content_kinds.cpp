#include "kernel/protocol/content_kinds.hpp"

#include <algorithm>
#include <cstddef>

#include "kernel/base/json.hpp"

namespace howdah::kernel {
namespace {

std::string textOf(const Json& block, const char* key) {
    const auto found = block.find(key);
    return found != block.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// How many bytes that base64 stands for.
std::size_t decodedBytes(std::string_view base64) {
    const auto padding = static_cast<std::size_t>(std::ranges::count(base64, '='));
    return base64.size() / 4 * 3 - std::min(padding, base64.size() / 4 * 3);
}

// The text that takes the place of a block; nothing for one that the revision knows.
std::optional<std::string> textFor(Revision revision, const Json& block) {
    if (!block.is_object()) return std::nullopt;
    const std::string type = textOf(block, "type");
    if (type == "audio" && !hasAudio(revision)) {
        const std::string mime = textOf(block, "mimeType");
        return concat("audio, ", decodedBytes(textOf(block, "data")), " bytes", mime.empty() ? "" : ", ", mime);
    }
    if (type == "resource_link" && !hasResourceLinks(revision)) return textOf(block, "uri");
    return std::nullopt;
}

}  // namespace

std::optional<std::string> inOlderKinds(Revision revision, std::string_view json) {
    if (hasResourceLinks(revision)) return std::nullopt;  // the last kind that came
    Json written = Json::parse(json, nullptr, false);
    if (!written.is_object()) return std::nullopt;
    Json& block = written.contains("content") ? written["content"] : written;
    auto text = textFor(revision, block);
    if (!text) return std::nullopt;
    Json replaced{{"type", "text"}, {"text", std::move(*text)}};
    if (block.contains("annotations")) replaced["annotations"] = std::move(block["annotations"]);
    block = std::move(replaced);
    return dumpJson(written);
}

}  // namespace howdah::kernel
