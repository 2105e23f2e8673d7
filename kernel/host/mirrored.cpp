#include "kernel/host/mirrored.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "kernel/base/ascii.hpp"

namespace howdah::kernel {
namespace {

constexpr const char* kAnnotation = "x-mcp-header";
constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool isToken(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 || kTokenMarks.find(static_cast<char>(c)) != std::string_view::npos;
    });
}

template <std::size_t kSize>
bool isOneOf(std::string_view key, const std::array<std::string_view, kSize>& keys) {
    return std::ranges::find(keys, key) != keys.end();
}

// Keywords whose value is data, and those whose value is a map of schemas.
constexpr std::array<std::string_view, 4> kData{"const", "enum", "default", "examples"};
constexpr std::array<std::string_view, 5> kMaps{"properties", "patternProperties", "$defs", "definitions",
                                                "dependentSchemas"};

class Search {
public:
    // `reachable`: by property names alone.
    Result<void> visit(const Json& schema, bool reachable) {
        if (schema.is_array()) {
            for (const Json& element : schema)
                if (auto done = visit(element, false); !done) return done;
        }
        if (!schema.is_object()) return {};
        if (schema.contains(kAnnotation))
            if (auto added = add(schema, reachable); !added) return added;
        for (const auto& [key, value] : schema.items()) {
            if (isOneOf(key, kData)) continue;
            auto done = isOneOf(key, kMaps) && value.is_object() ? visitMap(value, reachable && key == "properties")
                                                                 : visit(value, false);
            if (!done) return done;
        }
        return {};
    }
    std::vector<MirroredParameter> take() { return std::move(found_); }

private:
    Result<void> visitMap(const Json& schemas, bool reachable) {
        for (const auto& [name, schema] : schemas.items()) {
            path_.push_back(name);
            if (auto done = visit(schema, reachable); !done) return done;
            path_.pop_back();
        }
        return {};
    }

    Result<void> add(const Json& schema, bool reachable) {
        const Json& name = schema[kAnnotation];
        if (!name.is_string() || !isToken(name.get_ref<const std::string&>()))
            return Error::invalidArgument(kAnnotation, " must be a header name: letters, digits and ", kTokenMarks);
        const auto& header = name.get_ref<const std::string&>();
        if (!reachable || path_.empty()) {
            return Error::invalidArgument(kAnnotation, " \"", header,
                                          "\" must stand at a property reached through \"properties\" alone");
        }
        const Json type = schema.value("type", Json());
        if (type != "string" && type != "integer" && type != "boolean")
            return Error::invalidArgument(kAnnotation, " \"", header,
                                          "\": the type must be string, integer or boolean");
        if (std::ranges::any_of(found_, [&](const auto& other) { return equalsIgnoringCase(other.header, header); }))
            return Error::invalidArgument(kAnnotation, " \"", header, "\" stands twice");
        found_.push_back({header, path_});
        return {};
    }

    std::vector<std::string> path_;
    std::vector<MirroredParameter> found_;
};

}  // namespace

Result<std::vector<MirroredParameter>> mirroredParameters(const Json& input_schema) {
    Search search;
    if (auto done = search.visit(input_schema, true); !done) return std::move(done).error();
    return search.take();
}

}  // namespace howdah::kernel
