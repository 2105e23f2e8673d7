#include "kernel/protocol/mirrored_headers.hpp"

#include <charconv>
#include <cstdint>
#include <string>

#include "kernel/base/ascii.hpp"
#include "kernel/protocol/era.hpp"

namespace howdah::kernel {
namespace {

// The value at the path; nothing when it is absent or null, as then there is no header either.
std::optional<simdjson::dom::element> valueAt(simdjson::dom::element from, const std::vector<std::string>& path) {
    for (const std::string& name : path) {
        simdjson::dom::object object;
        if (from.get(object) || object.at_key(name).get(from)) return std::nullopt;
    }
    return from.is_null() ? std::nullopt : std::optional(from);
}

template <typename Number>
bool isNumber(std::string_view header, Number number) {
    Number given{};
    const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), given);
    return error == std::errc() && end == header.data() + header.size() && given == number;
}

bool says(std::string_view header, simdjson::dom::element value) {
    std::string_view text;
    if (!value.get(text)) return header == text;
    bool flag = false;
    if (!value.get(flag)) return header == (flag ? "true" : "false");
    double number = 0;
    if (value.get(number)) return true;  // not what the schema asks for: the arguments are refused for it
    // Beyond 2^53 several integers are one double.
    constexpr std::int64_t kExactMax = std::int64_t{1} << 53;
    std::uint64_t large = 0;
    if (!value.get(large) && large > static_cast<std::uint64_t>(kExactMax)) return isNumber(header, large);
    std::int64_t low = 0;
    if (!value.get(low) && low < -kExactMax) return isNumber(header, low);
    return isNumber(header, number);
}

Refusal mismatch(std::string message) {
    return {.code = kHeaderMismatch, .message = std::move(message)};
}

}  // namespace

std::optional<Refusal> checkMirrored(const Tool& tool, simdjson::dom::element arguments, const Inbound& inbound) {
    for (const MirroredParameter& parameter : tool.mirrored) {
        const HeaderField* found = nullptr;
        for (const HeaderField& field : inbound.mcp_params) {
            if (!equalsIgnoringCase(field.name, parameter.header)) continue;
            if (found) return mismatch(concat("the header Mcp-Param-", parameter.header, " is given twice"));
            found = &field;
        }
        const auto value = valueAt(arguments, parameter.path);
        if (!value && !found) continue;
        if (!value) {
            return mismatch(concat("the header Mcp-Param-", parameter.header, " has no counterpart in the arguments"));
        }
        if (!found) {
            return mismatch(concat("the header Mcp-Param-", parameter.header,
                                   " is missing; tools/list says which arguments are repeated as headers"));
        }
        const auto decoded = decodedHeader(found->value);
        if (!decoded) {
            return mismatch(concat("the header Mcp-Param-", parameter.header,
                                   " has bytes outside printable ASCII or is not valid Base64"));
        }
        if (!says(*decoded, *value)) {
            return mismatch(concat("the header Mcp-Param-", parameter.header, " differs from the argument"));
        }
    }
    return std::nullopt;
}

}  // namespace howdah::kernel
