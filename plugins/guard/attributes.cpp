#include "plugins/guard/attributes.hpp"

#include <algorithm>

namespace howdah::guard {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

std::string_view textAt(const simdjson::simdjson_result<element>& place) {
    std::string_view text;
    return place.get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

array listAt(const simdjson::simdjson_result<element>& place) {
    array list;
    return place.get(list) == simdjson::SUCCESS ? list : array{};
}

std::size_t sizeOf(const simdjson::simdjson_result<element>& place) {
    array list;
    return place.get(list) == simdjson::SUCCESS ? list.size() : 0;
}

}  // namespace

void AttributeUses::noteColumn(const object& column_ref, std::uint32_t position) {
    // Three parts name a schema, and a function in FROM has none.
    const auto fields = column_ref.at_key("fields");
    if (sizeOf(fields) != 2) return;
    const std::string_view name = textAt(fields.at(1)["String"]["sval"]);  // "" is v.*
    if (!name.empty()) columns_.push_back({textAt(fields.at(0)["String"]["sval"]), {name, position}});
}

void AttributeUses::noteRowFunction(const object& range_function) {
    RowFunction& noted = row_functions_.emplace_back();
    if (const auto defined = range_function.at_key("coldeflist"); sizeOf(defined) > 0)
        for (element column : listAt(defined))
            noted.columns.push_back(textAt(column["ColumnDef"]["colname"]));

    const auto alias = range_function.at_key("alias");
    noted.alias = textAt(alias["aliasname"]);
    if (const auto named = alias["colnames"]; sizeOf(named) > 0)
        for (element column : listAt(named))
            noted.columns.push_back(textAt(column["String"]["sval"]));
    if (!noted.alias.empty()) return;

    // Without an alias the function's own name is it.
    const auto functions = range_function.at_key("functions");
    const auto name = functions.at(0)["List"]["items"].at(0)["FuncCall"]["funcname"];
    if (sizeOf(functions) == 1 && sizeOf(name) > 0) noted.alias = textAt(name.at(sizeOf(name) - 1)["String"]["sval"]);
}

// Where the statement does not name its columns, a scalar's one column is called like the alias.
bool AttributeUses::RowFunction::hasColumn(std::string_view qualifier, std::string_view name) const {
    if (columns.empty()) return alias == qualifier && name == qualifier;
    return std::ranges::find(columns, name) != columns.end();
}

std::vector<AttributeUses::Use> AttributeUses::possibleCalls() const {
    std::vector<Use> calls;
    for (const auto& [qualifier, use] : columns_) {
        const bool possible = std::ranges::any_of(row_functions_, [&](const RowFunction& row_function) {
            return (row_function.alias.empty() || row_function.alias == qualifier) &&
                   !row_function.hasColumn(qualifier, use.name);
        });
        if (possible) calls.push_back(use);
    }
    return calls;
}

}  // namespace howdah::guard
