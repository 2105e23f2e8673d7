// JSON on cold paths: configuration, manifests, schemas, the control socket. Requests are read with simdjson instead.
//
// Threads: any.
// Errors:  invalid_argument with the byte offset (0-based) of what is wrong.
#pragma once

#include <cstddef>
#include <string_view>

#include <nlohmann/json.hpp>

#include <howdah/json_text.hpp>
#include <howdah/result.hpp>

namespace howdah::kernel {

using Json = nlohmann::json;

struct JsonLimits {
    std::size_t bytes_max = 4u << 20;  // size of the text
    std::size_t depth_max = 64;        // Json::dump() and comparison recurse, so depth is stack
};

// Strict: valid UTF-8, no comments, no trailing text, and no key twice in one object.
Result<Json> parseJson(std::string_view text, JsonLimits limits = {});

// Json::dump() throws on invalid UTF-8; this one replaces it.
std::string dumpJson(const Json& value, int indent = -1);

// One step of a JSON pointer (RFC 6901): "/" and the key with ~ and / escaped.
void appendPointer(std::string& pointer, std::string_view key);
void appendPointer(std::string& pointer, std::size_t index);

// For people: "/plugins/3/cache/ttl_ms" reads "plugins.3.cache.ttl_ms"; "" for the root.
std::string dotted(std::string_view pointer);

}  // namespace howdah::kernel
