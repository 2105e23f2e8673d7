#include "plugins/guard/nodes.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace howdah::guard {
namespace {

template <typename Value>
using Entry = std::pair<std::string_view, Value>;

constexpr auto kReadNodes = std::to_array<Entry<Node>>({
    {"A_ArrayExpr", Node::plain},
    {"A_Const", Node::plain},
    {"A_Expr", Node::expression},
    {"A_Indices", Node::plain},
    {"A_Indirection", Node::indirection},
    {"A_Star", Node::plain},
    {"Alias", Node::plain},
    {"BitString", Node::plain},
    {"BoolExpr", Node::plain},
    {"Boolean", Node::plain},
    {"BooleanTest", Node::plain},
    {"CTECycleClause", Node::plain},
    {"CTESearchClause", Node::plain},
    {"CaseExpr", Node::cases},
    {"CaseWhen", Node::plain},
    {"CoalesceExpr", Node::plain},
    {"CollateClause", Node::plain},
    {"ColumnDef", Node::plain},
    {"ColumnRef", Node::column},
    {"CommonTableExpr", Node::with_query},
    {"DefElem", Node::option},
    {"ExplainStmt", Node::explain},
    {"Float", Node::plain},
    {"FuncCall", Node::function},
    {"GroupingFunc", Node::plain},
    {"GroupingSet", Node::plain},
    {"Integer", Node::plain},
    {"JoinExpr", Node::join},
    {"List", Node::plain},
    {"MinMaxExpr", Node::plain},
    {"NamedArgExpr", Node::plain},
    {"NullTest", Node::plain},
    {"ParamRef", Node::parameter},
    {"RangeFunction", Node::row_function},
    {"RangeSubselect", Node::row_source},
    {"RangeTableFunc", Node::row_source},
    {"RangeTableFuncCol", Node::plain},
    {"RangeTableSample", Node::sample},
    {"RangeVar", Node::relation},
    {"ResTarget", Node::plain},
    {"RowExpr", Node::plain},
    {"SQLValueFunction", Node::plain},
    {"SelectStmt", Node::select},
    {"SortBy", Node::sort},
    {"String", Node::plain},
    {"SubLink", Node::sub_link},
    {"TypeCast", Node::plain},
    {"TypeName", Node::type},
    {"VariableShowStmt", Node::show},
    {"WindowDef", Node::plain},
    {"WithClause", Node::plain},
    {"XmlExpr", Node::plain},
    {"XmlSerialize", Node::plain},
});

constexpr auto kRefused = std::to_array<Entry<Rule>>({
    {"AlterDatabaseRefreshCollStmt", Rule::server_administration},
    {"AlterDatabaseSetStmt", Rule::server_administration},
    {"AlterDatabaseStmt", Rule::server_administration},
    {"AlterEventTrigStmt", Rule::server_administration},
    {"AlterFdwStmt", Rule::server_administration},
    {"AlterForeignServerStmt", Rule::server_administration},
    {"AlterPublicationStmt", Rule::server_administration},
    {"AlterRoleSetStmt", Rule::server_administration},
    {"AlterRoleStmt", Rule::server_administration},
    {"AlterSubscriptionStmt", Rule::server_administration},
    {"AlterSystemStmt", Rule::server_administration},
    {"AlterTableSpaceOptionsStmt", Rule::server_administration},
    {"AlterUserMappingStmt", Rule::server_administration},
    {"CallStmt", Rule::procedure_call},
    {"CheckPointStmt", Rule::server_administration},
    {"ClosePortalStmt", Rule::session_state},
    {"ClusterStmt", Rule::server_administration},
    {"ConstraintsSetStmt", Rule::session_state},
    {"CopyStmt", Rule::copy},
    {"CreateAmStmt", Rule::server_administration},
    {"CreateEventTrigStmt", Rule::server_administration},
    {"CreateFdwStmt", Rule::server_administration},
    {"CreateForeignServerStmt", Rule::server_administration},
    {"CreateForeignTableStmt", Rule::server_administration},
    {"CreatePLangStmt", Rule::server_administration},
    {"CreatePublicationStmt", Rule::server_administration},
    {"CreateRoleStmt", Rule::server_administration},
    {"CreateSubscriptionStmt", Rule::server_administration},
    {"CreateTableSpaceStmt", Rule::server_administration},
    {"CreateUserMappingStmt", Rule::server_administration},
    {"CreatedbStmt", Rule::server_administration},
    {"DeallocateStmt", Rule::session_state},
    {"DeclareCursorStmt", Rule::session_state},
    {"DeleteStmt", Rule::data_modification},
    {"DiscardStmt", Rule::session_state},
    {"DoStmt", Rule::anonymous_code},
    {"DropOwnedStmt", Rule::server_administration},
    {"DropRoleStmt", Rule::server_administration},
    {"DropSubscriptionStmt", Rule::server_administration},
    {"DropTableSpaceStmt", Rule::server_administration},
    {"DropUserMappingStmt", Rule::server_administration},
    {"DropdbStmt", Rule::server_administration},
    {"ExecuteStmt", Rule::session_state},
    {"FetchStmt", Rule::session_state},
    {"GrantRoleStmt", Rule::server_administration},
    {"ImportForeignSchemaStmt", Rule::server_administration},
    {"InsertStmt", Rule::data_modification},
    {"IntoClause", Rule::select_into},
    {"ListenStmt", Rule::session_state},
    {"LoadStmt", Rule::server_administration},
    {"LockStmt", Rule::table_lock},
    {"LockingClause", Rule::row_lock},
    {"MergeStmt", Rule::data_modification},
    {"NotifyStmt", Rule::session_state},
    {"PrepareStmt", Rule::session_state},
    {"ReassignOwnedStmt", Rule::server_administration},
    {"ReindexStmt", Rule::server_administration},
    {"SecLabelStmt", Rule::server_administration},
    {"TransactionStmt", Rule::transaction_control},
    {"TruncateStmt", Rule::data_modification},
    {"UnlistenStmt", Rule::session_state},
    {"UpdateStmt", Rule::data_modification},
    {"VacuumStmt", Rule::server_administration},
    {"VariableSetStmt", Rule::session_state},
});

constexpr auto kFields = std::to_array<Entry<std::string_view>>({
    {"alias", "Alias"},
    {"collClause", "CollateClause"},
    {"cycle_clause", "CTECycleClause"},
    {"intoClause", "IntoClause"},
    {"join_using_alias", "Alias"},
    {"larg", "SelectStmt"},
    {"over", "WindowDef"},
    {"rarg", "SelectStmt"},
    {"relation", "RangeVar"},
    {"search_clause", "CTESearchClause"},
    {"typeName", "TypeName"},
    {"withClause", "WithClause"},
});

constexpr auto kWriteKinds = std::to_array<Entry<Kind>>({
    {"AlterCollationStmt", Kind::ddl},
    {"AlterDefaultPrivilegesStmt", Kind::ddl},
    {"AlterDomainStmt", Kind::ddl},
    {"AlterEnumStmt", Kind::ddl},
    {"AlterExtensionStmt", Kind::ddl},
    {"AlterFunctionStmt", Kind::ddl},
    {"AlterObjectDependsStmt", Kind::ddl},
    {"AlterObjectSchemaStmt", Kind::ddl},
    {"AlterOwnerStmt", Kind::ddl},
    {"AlterPolicyStmt", Kind::ddl},
    {"AlterSeqStmt", Kind::ddl},
    {"AlterStatsStmt", Kind::ddl},
    {"AlterTableMoveAllStmt", Kind::ddl},
    {"AlterTableStmt", Kind::ddl},
    {"AlterTypeStmt", Kind::ddl},
    {"CommentStmt", Kind::ddl},
    {"CompositeTypeStmt", Kind::ddl},
    {"CreateCastStmt", Kind::ddl},
    {"CreateDomainStmt", Kind::ddl},
    {"CreateEnumStmt", Kind::ddl},
    {"CreateExtensionStmt", Kind::ddl},
    {"CreateFunctionStmt", Kind::ddl},
    {"CreatePolicyStmt", Kind::ddl},
    {"CreateRangeStmt", Kind::ddl},
    {"CreateSchemaStmt", Kind::ddl},
    {"CreateSeqStmt", Kind::ddl},
    {"CreateStatsStmt", Kind::ddl},
    {"CreateStmt", Kind::ddl},
    {"CreateTableAsStmt", Kind::ddl},
    {"CreateTrigStmt", Kind::ddl},
    {"DefineStmt", Kind::ddl},
    {"DeleteStmt", Kind::remove},
    {"DropStmt", Kind::ddl},
    {"ExplainStmt", Kind::explain},
    {"GrantStmt", Kind::ddl},
    {"IndexStmt", Kind::ddl},
    {"InsertStmt", Kind::insert},
    {"MergeStmt", Kind::merge},
    {"RefreshMatViewStmt", Kind::ddl},
    {"RenameStmt", Kind::ddl},
    {"RuleStmt", Kind::ddl},
    {"SelectStmt", Kind::select},
    {"TruncateStmt", Kind::truncate},
    {"UpdateStmt", Kind::update},
    {"VariableShowStmt", Kind::show},
    {"ViewStmt", Kind::ddl},
});

static_assert(std::ranges::is_sorted(kReadNodes, {}, &Entry<Node>::first));
static_assert(std::ranges::is_sorted(kRefused, {}, &Entry<Rule>::first));
static_assert(std::ranges::is_sorted(kFields, {}, &Entry<std::string_view>::first));
static_assert(std::ranges::is_sorted(kWriteKinds, {}, &Entry<Kind>::first));

template <typename Table>
auto find(const Table& table, std::string_view name) -> std::optional<typename Table::value_type::second_type> {
    const auto found = std::ranges::lower_bound(table, name, {}, &Table::value_type::first);
    if (found == table.end() || found->first != name) return std::nullopt;
    return found->second;
}

}  // namespace

std::optional<Node> readNode(std::string_view name) {
    return find(kReadNodes, name);
}

Rule refusedRule(std::string_view name) {
    if (auto rule = find(kRefused, name)) return *rule;
    const bool changes_schema = writeKind(name) == Kind::ddl || name.starts_with("Create") || name.starts_with("Alter");
    return changes_schema ? Rule::schema_change : Rule::node_not_allowed;
}

std::string_view fieldType(std::string_view field) {
    return find(kFields, field).value_or(std::string_view{});
}

std::optional<Kind> writeKind(std::string_view statement) {
    return find(kWriteKinds, statement);
}

std::string_view name(Kind kind) {
    switch (kind) {
        case Kind::select: return "select";
        case Kind::values: return "values";
        case Kind::show: return "show";
        case Kind::explain: return "explain";
        case Kind::insert: return "insert";
        case Kind::update: return "update";
        case Kind::remove: return "delete";
        case Kind::merge: return "merge";
        case Kind::truncate: return "truncate";
        case Kind::ddl: return "ddl";
    }
    return "unknown";
}

}  // namespace howdah::guard
