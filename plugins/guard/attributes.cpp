#include "plugins/guard/attributes.hpp"

#include <algorithm>

#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {

void AttributeUses::noteColumn(const NodeView& column_ref, std::uint32_t position) {
    // A third part before them is a schema, and a function in FROM has none.
    const NodeList fields = column_ref.list(Field::fields);
    const std::size_t count = fields.size();
    if (count < 2) return;
    const std::string_view name = stringOf(fields[count - 1]);  // "" is v.*
    const std::string_view qualifier = stringOf(fields[count - 2]);
    if (!name.empty()) columns_.push_back({qualifier, name, position, count == 2});
}

void AttributeUses::noteRelation(const NodeView& range_var) {
    const NodeView alias = range_var.child(Field::alias);
    const std::string_view name = range_var.text(Field::relname), renamed = alias.text(Field::aliasname);
    relations_.push_back({renamed.empty() ? name : renamed, range_var.text(Field::schemaname), name,
                          !alias.list(Field::colnames).empty()});
}

void AttributeUses::noteOther(const NodeView& range_item) {
    for (const Field field : {Field::alias, Field::join_using_alias})
        if (const std::string_view alias = range_item.child(field).text(Field::aliasname); !alias.empty())
            others_.push_back(alias);
}

void AttributeUses::noteRowFunction(const NodeView& range_function) {
    RowFunction& noted = row_functions_.emplace_back();
    for (const NodeView column : range_function.list(Field::coldeflist))
        noted.columns.push_back(column.text(Field::colname));

    const NodeView alias = range_function.child(Field::alias);
    noted.alias = alias.text(Field::aliasname);
    for (const NodeView column : alias.list(Field::colnames))
        noted.columns.push_back(stringOf(column));
    if (!noted.alias.empty()) return;

    // Without an alias the function's own name is it.
    const NodeList functions = range_function.list(Field::functions);
    const NodeList name = functions[0].list(Field::items)[0].list(Field::funcname);
    if (functions.size() == 1 && !name.empty()) noted.alias = stringOf(name.back());
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

std::vector<NameView> AttributeUses::relationsOf(std::string_view qualifier) const {
    std::vector<NameView> relations;
    if (std::ranges::find(others_, qualifier) != others_.end()) return relations;
    for (const RowFunction& function : row_functions_)
        if (function.alias.empty() || function.alias == qualifier) return relations;
    for (const Relation& relation : relations_) {
        if (relation.alias != qualifier) continue;
        if (relation.renamed) return {};
        relations.emplace_back(relation.schema, relation.name);
    }
    return relations;
}

}  // namespace howdah::guard
