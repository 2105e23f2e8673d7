#include "plugins/guard/node_judge.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "plugins/guard/catalog.hpp"
#include "plugins/guard/nodes.hpp"
#include "plugins/guard/steadiness.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr std::string_view kExplainOptions[] = {"analyze",   "buffers",  "costs",   "format", "generic_plan", "memory",
                                                "serialize", "settings", "summary", "timing", "verbose",      "wal"};

bool startsUpper(std::string_view text) {
    return !text.empty() && text[0] >= 'A' && text[0] <= 'Z';
}

// Of a constant, however it is cast or named as an argument; "" of everything else.
std::string_view textOf(NodeView node) {
    while (node.tag() == Tag::TypeCast || node.tag() == Tag::NamedArgExpr)
        node = node.child(Field::arg);
    return node.tag() == Tag::A_Const ? stringOf(node.child(Field::val)) : std::string_view{};
}

constexpr std::size_t kPassedMax = 32;  // so that a search through them is never long

void addOnce(std::vector<ObjectName>& list, NameView name) {
    if (std::ranges::find(list, name, [](const ObjectName& kept) { return NameView(kept); }) == list.end())
        list.push_back(name.kept());
}

}  // namespace

Error NodeJudge::refuse(Rule rule, std::string_view what) const {
    return refusal(rule, what, characterAt(sql_, here_));
}

Error NodeJudge::object(Rule rule, const Resolver::Found& found) const {
    return refuse(found.unread ? Rule::catalog_unread : rule, found.objection);
}

Result<void> NodeJudge::judge(const NodeView& node) {
    const auto known = readNode(node.tag());
    if (!known) {
        const Rule rule = refusedRule(node.tag());
        if (path_ == Path::read || isNeverAllowed(rule))
            return refuse(rule, rule == Rule::node_not_allowed ? node.typeName() : std::string_view{});
        return {};
    }
    if (catalog_ && path_ == Path::read && steady_) steady_ = !dependsOnMoment(node);
    switch (*known) {
        case Node::plain: return {};
        case Node::select: return {};
        case Node::function: return judgeFunction(node);
        case Node::column: attributes_.noteColumn(node, here_); return {};
        case Node::indirection: return judgeIndirection(node);
        case Node::row_function: attributes_.noteRowFunction(node); return {};
        case Node::row_source: attributes_.noteOther(node); return {};
        case Node::join: return judgeJoin(node);
        case Node::cases: return node.has(Field::arg) ? judgeOperator({{}, "="}) : Result<void>{};
        case Node::relation: return judgeRelation(node);
        case Node::expression: return judgeExpression(node);
        case Node::sub_link: {
            const bool compares = node.has(Field::testexpr) && !node.has(Field::operName);
            return judgeOperator(compares ? NameView{{}, "="} : nameOf(node.list(Field::operName)));
        }
        case Node::sort: return judgeOperator(nameOf(node.list(Field::useOp)));
        case Node::type: return noteType(node);
        case Node::parameter: return judgeParameter(node);
        case Node::with_query: with_queries_.push_back(node.text(Field::ctename)); return {};
        case Node::sample: return judgeSample(node);
        case Node::explain: return {};
        case Node::option: return judgeOption(node);
        case Node::show:
            if (const std::string_view setting = node.text(Field::name); isSecretSetting(setting))
                return refuse(Rule::setting_secret, setting);
            return {};
    }
    return {};
}

bool NodeJudge::hasPassed(const Use& use) const {
    return std::ranges::find(passed_, use) != passed_.end();
}

void NodeJudge::notePassed(const Use& use) {
    if (passed_.size() < kPassedMax) passed_.push_back(use);
}

Result<void> NodeJudge::finish() {
    std::ranges::sort(with_queries_);
    if (auto attributes = judgeAttributes(); !attributes) return attributes;
    noteTables();
    facts_.unresolved = facts_.unresolved || std::ranges::any_of(unknown_relations_, [&](std::string_view name) {
                            return !isWithQuery(name);
                        });
    findRelations();
    return {};
}

// Each once, in the order of the text. There may be thousands, so none is looked for among those before it.
void NodeJudge::noteTables() {
    std::vector<std::size_t> places(relations_.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    const auto nameAt = [&](std::size_t place) { return std::pair(relations_[place].schema, relations_[place].name); };
    std::ranges::stable_sort(places, {}, nameAt);
    const auto repeated = std::ranges::unique(places, {}, nameAt);
    places.erase(repeated.begin(), repeated.end());
    std::ranges::sort(places);
    for (const std::size_t place : places) {
        const NameView name = relations_[place];
        facts_.tables.push_back({name.kept(), name.schema.empty() && isWithQuery(name.name)});
    }
}

// What the catalog says about the whole: which tables an answer depends on, or which a write reaches.
void NodeJudge::findRelations() {
    const bool of_rows = facts_.kind == Kind::select || facts_.kind == Kind::values;
    const bool changes_rows = facts_.kind == Kind::insert || facts_.kind == Kind::update ||
                              facts_.kind == Kind::remove || facts_.kind == Kind::merge;
    if (!catalog_ || !steady_ || !catalog_->isSteadyEverywhere()) return;
    if (path_ == Path::read ? !of_rows || facts_.reads_catalog || facts_.unresolved : !of_rows && !changes_rows) return;
    std::vector<Oid> named;
    for (const TableUse& use : facts_.tables) {
        if (isCatalogRelation(use.table.schema, use.table.name)) return;
        const std::vector<Oid> meant = catalog_->relationsNamed(use.table, Schemas::all);
        if (meant.empty() && !use.maybe_cte) return;
        named.insert(named.end(), meant.begin(), meant.end());
    }
    const TableGraph& tables = catalog_->tables();
    auto found = path_ == Path::read ? tables.behind(named) : tables.reachedFrom(named);
    if (!found) return;
    (path_ == Path::read ? facts_.steady : facts_.reach_known) = true;
    facts_.relations = std::move(*found);
}

Result<void> NodeJudge::judgeFunction(const NodeView& node) {
    // Arguments behind VARIADIC and WITHIN GROUP are counted otherwise: then any number is meant.
    const bool counted = !node.flag(Field::func_variadic) && !node.flag(Field::agg_within_group);
    const int arguments = counted ? static_cast<int>(node.list(Field::args).size()) : Resolver::kAnyNumber;
    // SHOW by another door.
    if (path_ == Path::read && nameOf(node.list(Field::funcname)).name == "current_setting")
        if (const std::string_view setting = textOf(node.list(Field::args)[0]); isSecretSetting(setting))
            return refuse(Rule::setting_secret, setting);
    return judgeCall(nameOf(node.list(Field::funcname)), arguments, Rule::function_not_allowed);
}

Result<void> NodeJudge::judgeCall(NameView name, int arguments, Rule if_unknown) {
    const Use use{Node::function, name, arguments};
    if (hasPassed(use)) return {};
    const FunctionClass known = functionClass(name.schema, name.name);
    const bool own_safe = known == FunctionClass::safe || known == FunctionClass::safe_volatile;
    const bool unsafe = known == FunctionClass::unsafe || known == FunctionClass::internal;
    bool users = false;
    if (catalog_ && path_ == Path::write) {
        // Whatever is not PostgreSQL's own, or not known to write no rows, may change anything.
        noteUse(catalog_->function(name, Resolver::kAnyNumber));
        steady_ =
            steady_ && (own_safe || isSafeInWrites(name.schema, name.name) || catalog_->function(name, arguments).any);
    }
    if (resolver_) {
        const Resolver::Found found = resolver_->function(name, arguments);
        noteUse(found);
        steady_ = steady_ && (known == FunctionClass::unknown ? found.any : isSteadyFunction(name.schema, name.name));
        if (!found.objection.empty()) return object(own_safe ? Rule::function_shadowed : if_unknown, found);
        users = found.any;
    }
    if (!own_safe && (!users || unsafe)) {
        const bool opened = policy_.opensFunction(name.schema, name.name, unsafe) ||
                            (path_ == Path::write && (!unsafe || isSafeInWrites(name.schema, name.name)));
        if (!opened) return refuse(unsafe ? Rule::function_unsafe : if_unknown, written(name));
        facts_.unresolved = facts_.unresolved || (resolver_ && !users && !unsafe);
    }
    if (known != FunctionClass::safe) facts_.has_volatile = true;
    addOnce(facts_.functions, name);
    notePassed(use);
    return {};
}

// (x).f is a field of a composite value or the call f(x); which one only the types tell. With the catalog at hand
// it can only be a call where a function or a type has that name.
Result<void> NodeJudge::judgeAttribute(std::string_view text) {
    const NameView name{{}, text};
    if (!resolver_) {
        if (isFunctionColumn(text)) return {};
        return judgeCall(name, 1, Rule::attribute_not_allowed);
    }
    const FunctionClass known = functionClass({}, text);
    const bool unsafe = known == FunctionClass::unsafe || known == FunctionClass::internal;
    if (unsafe && !isFunctionColumn(text)) return judgeCall(name, 1, Rule::attribute_not_allowed);
    const Resolver::Found found = resolver_->function(name, 1);
    noteUse(found);
    steady_ = steady_ && (known == FunctionClass::unknown || isSteadyFunction({}, text));
    if (!found.objection.empty()) return object(Rule::attribute_not_allowed, found);
    return {};
}

Result<void> NodeJudge::judgeIndirection(const NodeView& node) {
    for (const NodeView step : node.list(Field::indirection)) {
        if (step.tag() != Tag::String) continue;  // a subscript, or .*
        if (auto judged = judgeAttribute(stringOf(step)); !judged) return judged;
    }
    return {};
}

Result<void> NodeJudge::judgeAttributes() {
    for (const AttributeUses::Use& use : attributes_.uses()) {
        const Use noted{Node::column, {use.qualifier, use.name}, use.of_row_function};
        if (hasPassed(noted)) continue;
        here_ = use.position;
        // PostgreSQL's own that take any row and look at how it is stored.
        steady_ = steady_ && !use.name.starts_with("pg_");
        if (catalog_ && path_ == Path::write) noteUse(catalog_->function({{}, use.name}, 1));
        if (use.of_row_function) {
            if (auto judged = judgeAttribute(use.name); !judged) return judged;
        } else if (resolver_ && resolver_->anyFunctionNamed(use.name)) {
            noteUse(calledBy(use, Schemas::all));
            const Resolver::Found found = calledBy(use, Schemas::of_path);
            if (!found.objection.empty()) return object(Rule::attribute_not_allowed, found);
        }
        notePassed(noted);
    }
    return {};
}

bool NodeJudge::isWithQuery(std::string_view name) const {
    return std::ranges::binary_search(with_queries_, name);
}

// What v.f may call where v is one of the relations of those schemas: nothing if all of them have a column f.
Resolver::Found NodeJudge::calledBy(const AttributeUses::Use& use, Schemas schemas) const {
    if (isColumn(use, schemas)) return {};
    const bool query_only = attributes_.isQueryOnly(use.qualifier, [&](std::string_view name) {
        return isWithQuery(name) && resolver_->relationsNamed({{}, name}, schemas).empty();
    });
    return query_only ? resolver_->functionOfRows(use.name) : resolver_->function({{}, use.name}, 1);
}

bool NodeJudge::isColumn(const AttributeUses::Use& use, Schemas schemas) const {
    const std::vector<NameView> relations = attributes_.relationsOf(use.qualifier);
    return !relations.empty() && std::ranges::all_of(relations, [&](NameView relation) {
        const bool may_be_cte = relation.schema.empty() && isWithQuery(relation.name);
        return !may_be_cte && resolver_->allHaveColumn(relation, use.name, schemas);
    });
}

Result<void> NodeJudge::judgeRelation(const NodeView& node) {
    const NameView name{node.text(Field::schemaname), node.text(Field::relname)};
    if (isSecretRelation(name.schema, name.name)) return refuse(Rule::relation_secret, written(name));
    attributes_.noteRelation(node);
    const bool own = isCatalogRelation(name.schema, name.name);
    if (own) facts_.reads_catalog = true;
    if (resolver_) {
        // A user's table or view may be called pg_... too, or lie in PostgreSQL's own schema.
        const Resolver::Found found = resolver_->relation(name);
        if (!found.objection.empty()) return object(Rule::relation_not_allowed, found);
        if (!found.any && !own && name.schema.empty()) unknown_relations_.push_back(name.name);
        if (!found.any && !own && !name.schema.empty()) facts_.unresolved = true;
    }
    relations_.push_back(name);
    return {};
}

// JOIN USING and NATURAL JOIN compare with the = that the search_path gives.
Result<void> NodeJudge::judgeJoin(const NodeView& node) {
    attributes_.noteOther(node);
    const bool compares = node.has(Field::usingClause) || node.flag(Field::isNatural);
    return compares ? judgeOperator({{}, "="}) : Result<void>{};
}

// BETWEEN and its kin stand here as a word; the grammar turns them into comparisons of the search_path.
Result<void> NodeJudge::judgeExpression(const NodeView& node) {
    const NameView name = nameOf(node.list(Field::name));
    if (!startsUpper(name.name) || !name.schema.empty()) return judgeOperator(name);
    for (const char* comparison : {">=", "<=", "<", ">"})
        if (auto judged = judgeOperator({{}, comparison}); !judged) return judged;
    return {};
}

Result<void> NodeJudge::judgeOperator(NameView name) {
    const Use use{Node::expression, name, 0};
    if (name.name.empty() || hasPassed(use)) return {};
    const bool builtin = (name.schema.empty() || name.schema == "pg_catalog") && isBuiltinOperator(name.name);
    const bool opened = policy_.opensOperator(name.schema, name.name);
    const Resolver::Found found = catalog_ ? catalog_->op(name) : Resolver::Found{};
    noteUse(found);
    if (resolver_ && !opened && !found.objection.empty())
        return object(builtin ? Rule::operator_shadowed : Rule::operator_not_allowed, found);
    if (!builtin && path_ == Path::read && !opened && !found.any)
        return refuse(Rule::operator_not_allowed, written(name));
    addOnce(facts_.operators, name);
    notePassed(use);
    return {};
}

Result<void> NodeJudge::noteType(const NodeView& node) {
    const NameView name = nameOf(node.list(Field::names));
    const Use use{Node::type, name, 0};
    if (hasPassed(use)) return {};
    const Resolver::Found found = catalog_ ? catalog_->type(name) : Resolver::Found{};
    noteUse(found);
    if (resolver_) {
        if (!found.objection.empty()) return object(Rule::type_not_allowed, found);
        if (!found.any && !name.schema.empty() && name.schema != "pg_catalog") facts_.unresolved = true;
    }
    if (name.schema != "pg_catalog") addOnce(facts_.types, name);
    notePassed(use);
    return {};
}

Result<void> NodeJudge::judgeParameter(const NodeView& node) {
    const std::int64_t number = node.number(Field::number);
    if (number < 1 || number > policy_.limits().parameters_max)
        return refuse(Rule::parameter_number, concat('$', number));
    facts_.parameters = std::max(facts_.parameters, static_cast<std::uint32_t>(number));
    return {};
}

Result<void> NodeJudge::judgeSample(const NodeView& node) {
    const NameView method = nameOf(node.list(Field::method));
    const bool known = method.name == "system" || method.name == "bernoulli";
    if (path_ == Path::read && (!known || !(method.schema.empty() || method.schema == "pg_catalog")))
        return refuse(Rule::sample_method, written(method));
    facts_.has_volatile = true;
    steady_ = false;
    return {};
}

Result<void> NodeJudge::judgeOption(const NodeView& node) {
    const std::string_view option = node.text(Field::defname);
    if (facts_.kind == Kind::explain && std::ranges::find(kExplainOptions, option) == std::end(kExplainOptions))
        return refuse(Rule::explain_option, option);
    return {};
}

}  // namespace howdah::guard
