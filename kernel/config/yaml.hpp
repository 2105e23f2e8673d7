// A strict reader for one small dialect of YAML: what people write in configuration files, without what surprises them.
//
// Refused: a key twice in one map, anchors, aliases and merge keys, tags, more than one document, keys that are not
// text, tabs at the start of a line, control characters, invalid UTF-8, more than 1 MiB, more than 32 levels.
// Plain scalars: null ~ and nothing are null; true and false (also True, TRUE) are booleans; decimal integers without
// leading zeros and decimal floats are numbers. All else is text: 010, 0x1f, yes, on, .inf, 12:30. Quoted is text.
//
// Threads: any.
// Errors:  invalid_argument, "file:line:column: text".
// Source:  YAML 1.2.2 section 10.3 (core schema); yaml-cpp's events, because its nodes accept duplicate keys silently.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "kernel/base/json.hpp"

namespace howdah::kernel {

struct Position {
    std::uint32_t line = 0;    // 1-based; 0 = not known
    std::uint32_t column = 0;  // 1-based, counted in bytes
};

struct YamlDocument {
    std::string file;  // as named to the user
    Json root;
    std::map<std::string, Position, std::less<>> positions;  // JSON pointer -> where its key (or list item) stands
    std::set<std::string, std::less<>> plain;                // pointers of text scalars written without quotes

    // Where a value stands, or the nearest thing around it that has a place.
    Position positionOf(std::string_view pointer) const;
    // "howdah.yaml:42:7: plugins.3.cache.ttl_ms: must be at least 1"
    std::string describe(std::string_view pointer, std::string_view text) const;
};

struct YamlLimits {
    std::size_t bytes_max = 1u << 20;
    std::size_t depth_max = 32;
};

Result<YamlDocument> parseYaml(std::string_view text, std::string file, YamlLimits limits = {});

// Type of an unquoted scalar by the rules above.
Json typedScalar(std::string_view text);

// As a block of YAML that parseYaml() reads back to an equal value.
std::string toYaml(const Json& value);

}  // namespace howdah::kernel
