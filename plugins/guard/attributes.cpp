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
    // A third part before them is a schema, and a function in FROM has none.
    const auto fields = column_ref.at_key("fields");
    const std::size_t count = sizeOf(fields);
    if (count < 2) return;
    const std::string_view name = textAt(fields.at(count - 1)["String"]["sval"]);  // "" is v.*
    const std::string_view qualifier = textAt(fields.at(count - 2)["String"]["sval"]);
    if (!name.empty()) columns_.push_back({qualifier, name, position, count == 2});
}

void AttributeUses::noteRelation(const object& range_var) {
    const auto alias = range_var.at_key("alias");
    const std::string_view name = textAt(range_var.at_key("relname")), renamed = textAt(alias["aliasname"]);
    relations_.push_back({renamed.empty() ? name : renamed, textAt(range_var.at_key("schemaname")), name,
                          sizeOf(alias["colnames"]) > 0});
}

void AttributeUses::noteOther(const object& range_item) {
    for (const auto* field : {"alias", "join_using_alias"})
        if (const std::string_view alias = textAt(range_item.at_key(field)["aliasname"]); !alias.empty())
            others_.push_back(alias);
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

std::vector<AttributeUses::Use> AttributeUses::uses() const {
    std::vector<Use> uses = columns_;
    for (Use& use : uses)
        use.of_row_function =
            use.of_row_function && std::ranges::any_of(row_functions_, [&](const RowFunction& f) {
                return (f.alias.empty() || f.alias == use.qualifier) && !f.hasColumn(use.qualifier, use.name);
            });
    return uses;
}

std::vector<ObjectName> AttributeUses::relationsOf(std::string_view qualifier) const {
    std::vector<ObjectName> relations;
    if (std::ranges::find(others_, qualifier) != others_.end()) return relations;
    for (const RowFunction& function : row_functions_)
        if (function.alias.empty() || function.alias == qualifier) return relations;
    for (const Relation& relation : relations_) {
        if (relation.alias != qualifier) continue;
        if (relation.renamed) return {};
        relations.push_back({std::string(relation.schema), std::string(relation.name)});
    }
    return relations;
}

}  // namespace howdah::guard
