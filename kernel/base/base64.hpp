// Base64, strict: no other characters, unused bits zero, so that a value has exactly one spelling.
//
// Threads: pure functions, any.
// Source:  RFC 4648 sections 3.5, 4, 5.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace howdah::kernel {

// Section 4, padded. Nothing for what is no base64.
std::string toBase64(std::string_view bytes);
std::optional<std::string> fromBase64(std::string_view text);

// Section 5, for URLs and file names, without padding.
std::string toBase64Url(std::string_view bytes);
std::optional<std::string> fromBase64Url(std::string_view text);

}  // namespace howdah::kernel
