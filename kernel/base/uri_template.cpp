#include "kernel/base/uri_template.hpp"

#include <algorithm>

#include "kernel/base/percent.hpp"

namespace howdah::kernel {
namespace {

constexpr std::size_t kVariablesMax = 16;

bool isAlphaNumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 3986 unreserved, and "%", which begins an escape: what {name} expands to.
bool isPlain(char c) {
    return isAlphaNumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '%';
}

// Empty for a broken escape and for a NUL, which no name of anything holds.
std::optional<std::string> strictlyDecoded(std::string_view text) {
    for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1))
        if (escapeAt(text, at).value_or('\0') == '\0') return std::nullopt;
    return percentDecoded(text);
}

}  // namespace

Result<UriTemplate> UriTemplate::parse(std::string_view text) {
    const auto wrong = [text](const auto&... why) {
        return Error::invalidArgument("URI template \"", text, "\": ", why...);
    };
    UriTemplate made;
    made.text_ = text;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t open = std::min(rest.find('{'), rest.size());
        const std::string_view literal = rest.substr(0, open);
        if (literal.find('}') != std::string_view::npos) return wrong("a } without its {");
        const bool after_variable = !made.parts_.empty();
        if (after_variable && made.parts_.back().kind == Part::Kind::reserved)
            return wrong("{+", made.parts_.back().text, "} takes all that follows, so it must come last");
        if (after_variable && (literal.empty() || isPlain(literal.front())))
            return wrong("after {", made.parts_.back().text, "} must come a character that ends it, as / does");
        if (!literal.empty()) made.parts_.push_back({std::string(literal), Part::Kind::literal});
        rest.remove_prefix(open);
        if (rest.empty()) break;

        const std::size_t close = rest.find('}');
        if (close == std::string_view::npos) return wrong("a { without its }");
        std::string_view name = rest.substr(1, close - 1);
        rest.remove_prefix(close + 1);
        const bool reserved = name.starts_with('+');
        if (reserved) name.remove_prefix(1);
        if (name.empty() || !std::ranges::all_of(name, [](char c) { return isAlphaNumeric(c) || c == '_'; }))
            return wrong("{", reserved ? "+" : "", name, "} is not served, only {name} and {+name} are");
        const auto names = made.names();
        if (std::ranges::find(names, name) != names.end()) return wrong("{", name, "} stands twice");
        if (names.size() == kVariablesMax) return wrong("more than ", kVariablesMax, " variables");
        made.parts_.push_back({std::string(name), reserved ? Part::Kind::reserved : Part::Kind::simple});
    }
    if (made.names().empty()) return wrong("it has no variable; a resource without one is listed under resources");
    return made;
}

std::optional<UriTemplate::Variables> UriTemplate::match(std::string_view uri) const {
    Variables found;
    for (const Part& part : parts_) {
        if (part.kind == Part::Kind::literal) {
            if (!uri.starts_with(part.text)) return std::nullopt;
            uri.remove_prefix(part.text.size());
            continue;
        }
        const auto end = part.kind == Part::Kind::reserved ? uri.end() : std::ranges::find_if_not(uri, isPlain);
        const auto size = static_cast<std::size_t>(end - uri.begin());
        auto value = strictlyDecoded(uri.substr(0, size));
        if (!value || value->empty()) return std::nullopt;
        found.emplace_back(part.text, std::move(*value));
        uri.remove_prefix(size);
    }
    if (!uri.empty()) return std::nullopt;
    return found;
}

std::vector<std::string_view> UriTemplate::names() const {
    std::vector<std::string_view> names;
    for (const Part& part : parts_) {
        if (part.kind != Part::Kind::literal) names.emplace_back(part.text);
    }
    return names;
}

}  // namespace howdah::kernel
