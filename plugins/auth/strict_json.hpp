// JSON that can be read in one way only: an object, no key twice anywhere, bounded depth.
//
// Threads: a pure function, any.
// Source:  RFC 7515, section 4 and RFC 7519, section 4: duplicate names are to be refused, or parsers disagree.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

namespace howdah::auth {

using Json = nlohmann::json;

std::optional<Json> parseStrictObject(std::string_view text, std::size_t depth_max = 16);

}  // namespace howdah::auth
