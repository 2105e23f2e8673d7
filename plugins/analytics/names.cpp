#include "plugins/analytics/names.hpp"

#include <cstdio>

#include <howdah/json_text.hpp>

#include "plugins/analytics/hash.hpp"

namespace howdah::analytics {

Names kept(const NameViews& views) {
    Names names;
    for (std::size_t i = 0; i < views.texts.size(); ++i)
        names.texts[i] = views.texts[i];
    return names;
}

NameViews viewsOf(const Names& names) {
    NameViews views;
    for (std::size_t i = 0; i < names.texts.size(); ++i)
        views.texts[i] = names.texts[i];
    return views;
}

bool operator==(const NameViews& a, const NameViews& b) {
    return a.texts == b.texts;
}

std::string_view cutText(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        --end;
    return text.substr(0, end);
}

std::string bounded(std::string_view name) {
    if (isPlain(name)) return std::string(name);
    std::string clean;
    const std::string_view whole = name;
    name = name.substr(0, kNameBytesMax + 1);  // more is cut in any case
    for (const char* at = name.data(); at != name.data() + name.size();) {
        const auto byte = static_cast<unsigned char>(*at);
        const std::size_t length = byte < 0x80 ? 1 : detail::utf8Sequence(at, name.data() + name.size());
        if (length == 0 || byte < 0x20 || byte == 0x7f) {
            clean += '?';
            ++at;
        } else {
            clean.append(at, length);
            at += length;
        }
    }
    if (whole.size() <= kNameBytesMax && clean == whole) return clean;
    char mark[20];
    std::snprintf(mark, sizeof mark, "~%016llx", static_cast<unsigned long long>(stableHash(whole)));
    return std::string(cutText(clean, kNameBytesMax - 17)) + mark;
}

}  // namespace howdah::analytics
