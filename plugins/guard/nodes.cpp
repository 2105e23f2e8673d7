#include "plugins/guard/nodes.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace howdah::guard {
namespace {

template <typename Value>
using Entry = std::pair<Tag, Value>;

constexpr auto kReadNodes = std::to_array<Entry<Node>>({
    {Tag::A_ArrayExpr, Node::plain},
    {Tag::A_Const, Node::plain},
    {Tag::A_Expr, Node::expression},
    {Tag::A_Indices, Node::plain},
    {Tag::A_Indirection, Node::indirection},
    {Tag::A_Star, Node::plain},
    {Tag::Alias, Node::plain},
    {Tag::BitString, Node::plain},
    {Tag::BoolExpr, Node::plain},
    {Tag::Boolean, Node::plain},
    {Tag::BooleanTest, Node::plain},
    {Tag::CTECycleClause, Node::plain},
    {Tag::CTESearchClause, Node::plain},
    {Tag::CaseExpr, Node::cases},
    {Tag::CaseWhen, Node::plain},
    {Tag::CoalesceExpr, Node::plain},
    {Tag::CollateClause, Node::plain},
    {Tag::ColumnDef, Node::plain},
    {Tag::ColumnRef, Node::column},
    {Tag::CommonTableExpr, Node::with_query},
    {Tag::DefElem, Node::option},
    {Tag::ExplainStmt, Node::explain},
    {Tag::Float, Node::plain},
    {Tag::FuncCall, Node::function},
    {Tag::GroupingFunc, Node::plain},
    {Tag::GroupingSet, Node::plain},
    {Tag::Integer, Node::plain},
    {Tag::JoinExpr, Node::join},
    {Tag::List, Node::plain},
    {Tag::MinMaxExpr, Node::plain},
    {Tag::NamedArgExpr, Node::plain},
    {Tag::NullTest, Node::plain},
    {Tag::ParamRef, Node::parameter},
    {Tag::RangeFunction, Node::row_function},
    {Tag::RangeSubselect, Node::row_source},
    {Tag::RangeTableFunc, Node::row_source},
    {Tag::RangeTableFuncCol, Node::plain},
    {Tag::RangeTableSample, Node::sample},
    {Tag::RangeVar, Node::relation},
    {Tag::ResTarget, Node::plain},
    {Tag::RowExpr, Node::plain},
    {Tag::SQLValueFunction, Node::plain},
    {Tag::SelectStmt, Node::select},
    {Tag::SortBy, Node::sort},
    {Tag::String, Node::plain},
    {Tag::SubLink, Node::sub_link},
    {Tag::TypeCast, Node::plain},
    {Tag::TypeName, Node::type},
    {Tag::VariableShowStmt, Node::show},
    {Tag::WindowDef, Node::plain},
    {Tag::WithClause, Node::plain},
    {Tag::XmlExpr, Node::plain},
    {Tag::XmlSerialize, Node::plain},
});

constexpr auto kRefused = std::to_array<Entry<Rule>>({
    {Tag::AlterDatabaseRefreshCollStmt, Rule::server_administration},
    {Tag::AlterDatabaseSetStmt, Rule::server_administration},
    {Tag::AlterDatabaseStmt, Rule::server_administration},
    {Tag::AlterEventTrigStmt, Rule::server_administration},
    {Tag::AlterFdwStmt, Rule::server_administration},
    {Tag::AlterForeignServerStmt, Rule::server_administration},
    {Tag::AlterPublicationStmt, Rule::server_administration},
    {Tag::AlterRoleSetStmt, Rule::server_administration},
    {Tag::AlterRoleStmt, Rule::server_administration},
    {Tag::AlterSubscriptionStmt, Rule::server_administration},
    {Tag::AlterSystemStmt, Rule::server_administration},
    {Tag::AlterTableSpaceOptionsStmt, Rule::server_administration},
    {Tag::AlterUserMappingStmt, Rule::server_administration},
    {Tag::CallStmt, Rule::procedure_call},
    {Tag::CheckPointStmt, Rule::server_administration},
    {Tag::ClosePortalStmt, Rule::session_state},
    {Tag::ClusterStmt, Rule::server_administration},
    {Tag::ConstraintsSetStmt, Rule::session_state},
    {Tag::CopyStmt, Rule::copy},
    {Tag::CreateAmStmt, Rule::server_administration},
    {Tag::CreateEventTrigStmt, Rule::server_administration},
    {Tag::CreateFdwStmt, Rule::server_administration},
    {Tag::CreateForeignServerStmt, Rule::server_administration},
    {Tag::CreateForeignTableStmt, Rule::server_administration},
    {Tag::CreatePLangStmt, Rule::server_administration},
    {Tag::CreatePublicationStmt, Rule::server_administration},
    {Tag::CreateRoleStmt, Rule::server_administration},
    {Tag::CreateSubscriptionStmt, Rule::server_administration},
    {Tag::CreateTableSpaceStmt, Rule::server_administration},
    {Tag::CreateUserMappingStmt, Rule::server_administration},
    {Tag::CreatedbStmt, Rule::server_administration},
    {Tag::DeallocateStmt, Rule::session_state},
    {Tag::DeclareCursorStmt, Rule::session_state},
    {Tag::DeleteStmt, Rule::data_modification},
    {Tag::DiscardStmt, Rule::session_state},
    {Tag::DoStmt, Rule::anonymous_code},
    {Tag::DropOwnedStmt, Rule::server_administration},
    {Tag::DropRoleStmt, Rule::server_administration},
    {Tag::DropSubscriptionStmt, Rule::server_administration},
    {Tag::DropTableSpaceStmt, Rule::server_administration},
    {Tag::DropUserMappingStmt, Rule::server_administration},
    {Tag::DropdbStmt, Rule::server_administration},
    {Tag::ExecuteStmt, Rule::session_state},
    {Tag::FetchStmt, Rule::session_state},
    {Tag::GrantRoleStmt, Rule::server_administration},
    {Tag::ImportForeignSchemaStmt, Rule::server_administration},
    {Tag::InsertStmt, Rule::data_modification},
    {Tag::IntoClause, Rule::select_into},
    {Tag::ListenStmt, Rule::session_state},
    {Tag::LoadStmt, Rule::server_administration},
    {Tag::LockStmt, Rule::table_lock},
    {Tag::LockingClause, Rule::row_lock},
    {Tag::MergeStmt, Rule::data_modification},
    {Tag::NotifyStmt, Rule::session_state},
    {Tag::PrepareStmt, Rule::session_state},
    {Tag::ReassignOwnedStmt, Rule::server_administration},
    {Tag::ReindexStmt, Rule::server_administration},
    {Tag::SecLabelStmt, Rule::server_administration},
    {Tag::TransactionStmt, Rule::transaction_control},
    {Tag::TruncateStmt, Rule::data_modification},
    {Tag::UnlistenStmt, Rule::session_state},
    {Tag::UpdateStmt, Rule::data_modification},
    {Tag::VacuumStmt, Rule::server_administration},
    {Tag::VariableSetStmt, Rule::session_state},
});

constexpr Field kKnownFields[] = {
    Field::alias,    Field::collClause,       Field::cycle_clause, Field::intoClause,
    Field::larg,     Field::join_using_alias, Field::over,         Field::rarg,
    Field::relation, Field::search_clause,    Field::typeName,     Field::withClause,
};

constexpr auto kWriteKinds = std::to_array<Entry<Kind>>({
    {Tag::AlterCollationStmt, Kind::ddl},
    {Tag::AlterDefaultPrivilegesStmt, Kind::ddl},
    {Tag::AlterDomainStmt, Kind::ddl},
    {Tag::AlterEnumStmt, Kind::ddl},
    {Tag::AlterExtensionStmt, Kind::ddl},
    {Tag::AlterFunctionStmt, Kind::ddl},
    {Tag::AlterObjectDependsStmt, Kind::ddl},
    {Tag::AlterObjectSchemaStmt, Kind::ddl},
    {Tag::AlterOwnerStmt, Kind::ddl},
    {Tag::AlterPolicyStmt, Kind::ddl},
    {Tag::AlterSeqStmt, Kind::ddl},
    {Tag::AlterStatsStmt, Kind::ddl},
    {Tag::AlterTableMoveAllStmt, Kind::ddl},
    {Tag::AlterTableStmt, Kind::ddl},
    {Tag::AlterTypeStmt, Kind::ddl},
    {Tag::CommentStmt, Kind::ddl},
    {Tag::CompositeTypeStmt, Kind::ddl},
    {Tag::CreateCastStmt, Kind::ddl},
    {Tag::CreateDomainStmt, Kind::ddl},
    {Tag::CreateEnumStmt, Kind::ddl},
    {Tag::CreateExtensionStmt, Kind::ddl},
    {Tag::CreateFunctionStmt, Kind::ddl},
    {Tag::CreatePolicyStmt, Kind::ddl},
    {Tag::CreateRangeStmt, Kind::ddl},
    {Tag::CreateSchemaStmt, Kind::ddl},
    {Tag::CreateSeqStmt, Kind::ddl},
    {Tag::CreateStatsStmt, Kind::ddl},
    {Tag::CreateStmt, Kind::ddl},
    {Tag::CreateTableAsStmt, Kind::ddl},
    {Tag::CreateTrigStmt, Kind::ddl},
    {Tag::DefineStmt, Kind::ddl},
    {Tag::DeleteStmt, Kind::remove},
    {Tag::DropStmt, Kind::ddl},
    {Tag::ExplainStmt, Kind::explain},
    {Tag::GrantStmt, Kind::ddl},
    {Tag::IndexStmt, Kind::ddl},
    {Tag::InsertStmt, Kind::insert},
    {Tag::MergeStmt, Kind::merge},
    {Tag::RefreshMatViewStmt, Kind::ddl},
    {Tag::RenameStmt, Kind::ddl},
    {Tag::RuleStmt, Kind::ddl},
    {Tag::SelectStmt, Kind::select},
    {Tag::TruncateStmt, Kind::truncate},
    {Tag::UpdateStmt, Kind::update},
    {Tag::VariableShowStmt, Kind::show},
    {Tag::ViewStmt, Kind::ddl},
});

// What a node of each tag has in one of the tables above.
template <typename Value, std::size_t kCount>
constexpr auto byTag(const std::array<Entry<Value>, kCount>& entries) {
    std::array<std::optional<Value>, kTagsEnd> values{};
    for (const auto& [tag, value] : entries)
        values[static_cast<std::size_t>(tag)] = value;
    return values;
}

constexpr auto kReadNodeOf = byTag(kReadNodes);
constexpr auto kRefusedRuleOf = byTag(kRefused);
constexpr auto kWriteKindOf = byTag(kWriteKinds);

constexpr auto kIsKnown = [] {
    std::array<bool, static_cast<std::size_t>(Field::count)> known{};
    for (const Field field : kKnownFields)
        known[static_cast<std::size_t>(field)] = true;
    return known;
}();

}  // namespace

std::optional<Node> readNode(Tag tag) {
    return kReadNodeOf[static_cast<std::size_t>(tag)];
}

Rule refusedRule(Tag tag) {
    if (const auto rule = kRefusedRuleOf[static_cast<std::size_t>(tag)]) return *rule;
    const std::string_view type = name(tag);
    const bool changes_schema = writeKind(tag) == Kind::ddl || type.starts_with("Create") || type.starts_with("Alter");
    return changes_schema ? Rule::schema_change : Rule::node_not_allowed;
}

bool isNeverAllowed(Rule rule) {
    return rule != Rule::data_modification && rule != Rule::select_into && rule != Rule::row_lock &&
           rule != Rule::schema_change && rule != Rule::node_not_allowed;
}

bool isKnownField(Field field) {
    return kIsKnown[static_cast<std::size_t>(field)];
}

std::optional<Kind> writeKind(Tag statement) {
    return kWriteKindOf[static_cast<std::size_t>(statement)];
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
