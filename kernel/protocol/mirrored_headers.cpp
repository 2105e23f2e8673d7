#include "kernel/protocol/mirrored_headers.hpp"

#include <charconv>
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

bool says(std::string_view header, simdjson::dom::element value) {
    std::string_view text;
    if (!value.get(text)) return header == text;
    bool flag = false;
    if (!value.get(flag)) return header == (flag ? "true" : "false");
    double number = 0;
    if (value.get(number)) return true;  // not what the schema asks for: the arguments are refused for it
    double given = 0;
    const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), given);
    return error == std::errc() && end == header.data() + header.size() && given == number;
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
