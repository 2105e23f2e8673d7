#include "array_literal.hpp"

#include <string_view>
#include <utility>

namespace howdah::pool {
namespace {

using Json = nlohmann::json;

constexpr int kDimensionsMax = 6;  // PostgreSQL's MAXDIM; one level more makes it refuse the literal

void appendQuoted(std::string& out, std::string_view text) {
    out += '"';
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

void appendArray(std::string& out, const Json& array, char delimiter, bool of_json, int dimensions) {
    out += '{';
    bool first = true;
    for (const Json& element : array) {
        if (!std::exchange(first, false)) out += delimiter;
        if (element.is_null()) {
            out += "NULL";
        } else if (of_json) {
            appendQuoted(out, element.dump());
        } else if (element.is_array() && dimensions <= kDimensionsMax) {
            appendArray(out, element, delimiter, of_json, dimensions + 1);
        } else if (element.is_string()) {
            appendQuoted(out, element.get_ref<const std::string&>());
        } else {
            appendQuoted(out, element.dump());
        }
    }
    out += '}';
}

}  // namespace

std::string arrayLiteral(const Json& array, char delimiter, bool of_json) {
    std::string out;
    appendArray(out, array, delimiter, of_json, 1);
    return out;
}

}  // namespace howdah::pool
