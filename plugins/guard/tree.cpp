#include "plugins/guard/tree.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <pg_query.h>
#include <simdjson.h>

#include "plugins/guard/attributes.hpp"
#include "plugins/guard/catalog.hpp"
#include "plugins/guard/growth.hpp"
#include "plugins/guard/nodes.hpp"
#include "plugins/guard/rules.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kExplainOptions[] = {"analyze",   "buffers",  "costs",   "format", "generic_plan", "memory",
                                                "serialize", "settings", "summary", "timing", "verbose",      "wal"};

// In ALTER ... RENAME, OWNER TO, GRANT, DROP and COMMENT: objects of the whole server, not of one database's schemas.
constexpr std::string_view kServerObjects[] = {"OBJECT_ACCESS_METHOD", "OBJECT_DATABASE",       "OBJECT_EVENT_TRIGGER",
                                               "OBJECT_FDW",           "OBJECT_FOREIGN_SERVER", "OBJECT_LANGUAGE",
                                               "OBJECT_PARAMETER_ACL", "OBJECT_PUBLICATION",    "OBJECT_ROLE",
                                               "OBJECT_SUBSCRIPTION",  "OBJECT_TABLESPACE",     "OBJECT_USER_MAPPING"};

// Refused on the write path too, wherever in the tree.
bool neverAllowed(Rule rule) {
    return rule != Rule::data_modification && rule != Rule::select_into && rule != Rule::row_lock &&
           rule != Rule::schema_change && rule != Rule::node_not_allowed;
}

// Built-ins that write what a write may write: sequences, transaction ids, locks and messages that end with the
// transaction.
bool writeMayCall(std::string_view function) {
    constexpr std::string_view kNames[] = {
        "nextval",     "pg_advisory_xact_lock",     "pg_advisory_xact_lock_shared",     "pg_current_xact_id",
        "pg_notify",   "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared", "setval",
        "txid_current"};
    return std::ranges::find(kNames, function) != std::end(kNames);
}

template <typename T>
void addOnce(std::vector<T>& list, T value) {
    if (std::ranges::find(list, value) == list.end()) list.push_back(std::move(value));
}

class Walk {
public:
    Walk(const std::string& sql, const TextScan& scan, const Policy& policy, Path path, const Resolver* resolver)
        : sql_(sql),
          policy_(policy),
          path_(path),
          resolver_(path == Path::read ? resolver : nullptr),
          here_(scan.body_begin) {
        facts_.body_begin = scan.body_begin;
        facts_.body_end = scan.body_end;
    }

    Result<Facts> judge(element root) {
        array statements;
        if (root["stmts"].get(statements) != simdjson::SUCCESS) return refusal(Rule::not_classified, "", 0);
        if (statements.size() == 0) return refusal(Rule::empty_statement, "", 0);
        if (statements.size() > 1) return refuse(Rule::several_statements, "");
        object statement;
        if (statements.at(0)["stmt"].get(statement) != simdjson::SUCCESS || statement.size() != 1)
            return refusal(Rule::not_classified, "", 0);
        const auto [type, body] = *statement.begin();
        if (auto top = judgeStatement(type, body); !top) return top.error();
        if (resolver_ && !resolver_->everywhere().empty() && facts_.kind != Kind::show)
            return refuse(Rule::cast_not_allowed, resolver_->everywhere());

        pending_.push_back({body, type, here_});
        while (!pending_.empty()) {
            const Pending next = pending_.back();
            pending_.pop_back();
            if (auto judged = step(next); !judged) return judged.error();
        }
        if (auto attributes = judgeAttributes(); !attributes) return attributes.error();
        if (makes_grow_ && path_ == Path::read)
            if (const auto growth = tooLargeValue(root)) {
                here_ = growth->position;
                return refuse(Rule::value_too_large, growth->what);
            }
        for (TableUse& use : facts_.tables)
            use.maybe_cte = use.table.schema.empty() && std::ranges::find(ctes_, use.table.name) != ctes_.end();
        facts_.unresolved = facts_.unresolved || std::ranges::any_of(unknown_relations_, [&](const std::string& name) {
                                return std::ranges::find(ctes_, name) == ctes_.end();
                            });
        return std::move(facts_);
    }

private:
    struct Pending {
        element value;
        std::string_view type;   // the node's type, "" if the value says it itself
        std::uint32_t position;  // byte offset of the nearest node around it that knows its own
    };

    Error refuse(Rule rule, std::string_view what) const { return refusal(rule, what, characterAt(sql_, here_)); }

    Result<void> judgeStatement(std::string_view type, const element& body) {
        object node;
        if (body.get(node) != simdjson::SUCCESS) return refuse(Rule::not_classified, "");
        if (path_ == Path::read) {
            if (type != "SelectStmt" && type != "VariableShowStmt" && type != "ExplainStmt")
                return refuse(refusedRule(type), "");
            facts_.read_only = true;
        }
        const auto kind = writeKind(type);
        if (!kind) return refuse(neverAllowed(refusedRule(type)) ? refusedRule(type) : Rule::node_not_allowed, "");
        facts_.kind = *kind;
        if (path_ == Path::write && *kind == Kind::ddl)
            for (std::string_view field : {"renameType", "objectType", "objtype", "removeType"})
                if (std::ranges::find(kServerObjects, textOf(node, field)) != std::end(kServerObjects))
                    return refuse(Rule::server_administration, "");
        if (type == "SelectStmt") {
            facts_.wrappable = path_ == Path::read;
            facts_.unlimited = facts_.wrappable && node.at_key("limitCount").error() != simdjson::SUCCESS;
            array lists;
            if (node.at_key("valuesLists").get(lists) == simdjson::SUCCESS) facts_.kind = Kind::values;
        }
        return {};
    }

    // One element: a list, a node under its name, or the body of a node whose type is known.
    Result<void> step(const Pending& next) {
        here_ = next.position;
        array list;
        if (next.value.get(list) == simdjson::SUCCESS) {
            const std::size_t first = pending_.size();
            for (element item : list)
                pending_.push_back({item, {}, next.position});
            std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(first), pending_.end());
            return {};
        }
        object node;
        if (next.value.get(node) != simdjson::SUCCESS) return {};  // text, number, flag
        if (!next.type.empty()) return enter(next.type, node);
        if (node.begin() == node.end()) return {};  // an absent list member
        const auto [type, body] = *node.begin();
        pending_.push_back({body, type, next.position});
        return {};
    }

    Result<void> enter(std::string_view type, const object& node) {
        std::int64_t location = 0;
        if (node.at_key("location").get(location) == simdjson::SUCCESS && location > 0)
            here_ = static_cast<std::uint32_t>(location);
        if (auto judged = judgeNode(type, node); !judged) return judged;
        if (type == "A_Const") return {};

        const std::size_t first = pending_.size();
        for (auto [field, value] : node) {
            if (value.is_array()) {
                pending_.push_back({value, {}, here_});
                continue;
            }
            object inner;
            if (value.get(inner) != simdjson::SUCCESS) continue;
            std::string_view inner_type;
            if (inner.begin() != inner.end() && !startsUpper(inner.begin().key())) {
                inner_type = fieldType(field);
                if (inner_type.empty()) {
                    if (path_ == Path::read) return refuse(Rule::node_not_allowed, field);
                    inner_type = "?";
                }
            }
            pending_.push_back({value, inner_type, here_});
        }
        std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(first), pending_.end());
        return {};
    }

    static bool startsUpper(std::string_view key) { return !key.empty() && key[0] >= 'A' && key[0] <= 'Z'; }

    Result<void> judgeNode(std::string_view type, const object& node) {
        if (path_ == Path::write && isTemporary(node)) return refuse(Rule::temporary_object, "");
        const auto known = readNode(type);
        if (!known) {
            const Rule rule = refusedRule(type);
            if (path_ == Path::read || neverAllowed(rule))
                return refuse(rule, rule == Rule::node_not_allowed ? type : std::string_view{});
            return {};
        }
        switch (*known) {
            case Node::plain: return {};
            case Node::select: return {};
            case Node::function: return judgeFunction(node);
            case Node::column: attributes_.noteColumn(node, here_); return {};
            case Node::indirection: return judgeIndirection(node);
            case Node::row_function: attributes_.noteRowFunction(node); return {};
            case Node::row_source: attributes_.noteOther(node); return {};
            case Node::join: return judgeJoin(node);
            case Node::cases: return has(node, "arg") ? judgeOperator({{}, "="}) : Result<void>{};
            case Node::relation: return judgeRelation(node);
            case Node::expression: return judgeExpression(node);
            case Node::sub_link:
                return judgeOperator(has(node, "testexpr") && !has(node, "operName") ? ObjectName{{}, "="}
                                                                                     : nameOf(node, "operName"));
            case Node::sort: return judgeOperator(nameOf(node, "useOp"));
            case Node::type: return noteType(node);
            case Node::parameter: return judgeParameter(node);
            case Node::with_query: ctes_.emplace_back(textOf(node, "ctename")); return {};
            case Node::sample: return judgeSample(node);
            case Node::explain: return {};
            case Node::option: return judgeOption(node);
            case Node::show:
                if (isSecretSetting(textOf(node, "name"))) return refuse(Rule::setting_secret, textOf(node, "name"));
                return {};
        }
        return {};
    }

    Result<void> judgeFunction(const object& node) {
        // Arguments behind VARIADIC and WITHIN GROUP are counted otherwise: then any number is meant.
        const bool counted = !flagOf(node, "func_variadic") && !flagOf(node, "agg_within_group");
        const int arguments = counted ? static_cast<int>(sizeOf(node, "args")) : Resolver::kAnyNumber;
        return judgeCall(nameOf(node, "funcname"), arguments, Rule::function_not_allowed);
    }

    Result<void> judgeCall(ObjectName name, int arguments, Rule if_unknown) {
        const FunctionClass known = functionClass(name.schema, name.name);
        const bool own_safe = known == FunctionClass::safe || known == FunctionClass::safe_volatile;
        const bool unsafe = known == FunctionClass::unsafe || known == FunctionClass::internal;
        bool users = false;
        if (resolver_) {
            const Resolver::Found found = resolver_->function(name, arguments);
            if (!found.objection.empty())
                return refuse(own_safe ? Rule::function_shadowed : if_unknown, found.objection);
            users = found.any;
        }
        if (!own_safe && !(users && !unsafe)) {
            const bool opened = policy_.opensFunction(name.schema, name.name, unsafe) ||
                                (path_ == Path::write && (!unsafe || writeMayCall(name.name)));
            if (!opened) return refuse(unsafe ? Rule::function_unsafe : if_unknown, written(name));
            facts_.unresolved = facts_.unresolved || (resolver_ && !users && !unsafe);
        }
        if (known != FunctionClass::safe) facts_.has_volatile = true;
        makes_grow_ = makes_grow_ || makesGrow(name.name);
        addOnce(facts_.functions, std::move(name));
        return {};
    }

    // (x).f is a field of a composite value or the call f(x); which one only the types tell. With the catalog at hand
    // it can only be a call where a function or a type has that name.
    Result<void> judgeAttribute(std::string_view text) {
        ObjectName name{{}, std::string(text)};
        if (!resolver_) {
            if (isFunctionColumn(text)) return {};
            return judgeCall(std::move(name), 1, Rule::attribute_not_allowed);
        }
        const FunctionClass known = functionClass({}, text);
        const bool unsafe = known == FunctionClass::unsafe || known == FunctionClass::internal;
        if (unsafe && !isFunctionColumn(text)) return judgeCall(std::move(name), 1, Rule::attribute_not_allowed);
        return judgeUsersAttribute(name);
    }

    Result<void> judgeUsersAttribute(const ObjectName& name) {
        const Resolver::Found found = resolver_->function(name, 1);
        if (!found.objection.empty()) return refuse(Rule::attribute_not_allowed, found.objection);
        return {};
    }

    Result<void> judgeIndirection(const object& node) {
        array steps;
        if (node.at_key("indirection").get(steps) != simdjson::SUCCESS) return {};
        for (element step : steps) {
            std::string_view name;
            if (step["String"]["sval"].get(name) != simdjson::SUCCESS) continue;  // a subscript, or .*
            if (auto judged = judgeAttribute(name); !judged) return judged;
        }
        return {};
    }

    Result<void> judgeAttributes() {
        for (const AttributeUses::Use& use : attributes_.uses()) {
            here_ = use.position;
            if (use.of_row_function) {
                if (auto judged = judgeAttribute(use.name); !judged) return judged;
            } else if (resolver_ && !isColumn(use)) {
                const Resolver::Found found = isQueryOnly(use) ? resolver_->functionOfRows(use.name)
                                                               : resolver_->function({{}, std::string(use.name)}, 1);
                if (!found.objection.empty()) return refuse(Rule::attribute_not_allowed, found.objection);
            }
        }
        return {};
    }

    bool isQueryOnly(const AttributeUses::Use& use) const {
        return attributes_.isQueryOnly(use.qualifier, [&](std::string_view name) {
            return std::ranges::find(ctes_, name) != ctes_.end() && !resolver_->relation({{}, std::string(name)}).any;
        });
    }

    bool isColumn(const AttributeUses::Use& use) const {
        const std::vector<ObjectName> relations = attributes_.relationsOf(use.qualifier);
        return !relations.empty() && std::ranges::all_of(relations, [&](const ObjectName& relation) {
            const bool may_be_cte = relation.schema.empty() && std::ranges::find(ctes_, relation.name) != ctes_.end();
            return !may_be_cte && resolver_->allHaveColumn(relation, use.name);
        });
    }

    Result<void> judgeRelation(const object& node) {
        ObjectName name{std::string(textOf(node, "schemaname")), std::string(textOf(node, "relname"))};
        if (isSecretRelation(name.schema, name.name)) return refuse(Rule::relation_secret, written(name));
        attributes_.noteRelation(node);
        if (isCatalogRelation(name.schema, name.name)) {
            facts_.reads_catalog = true;
        } else if (resolver_) {
            const Resolver::Found found = resolver_->relation(name);
            if (!found.objection.empty()) return refuse(Rule::relation_not_allowed, found.objection);
            if (!found.any && name.schema.empty()) unknown_relations_.push_back(name.name);
            if (!found.any && !name.schema.empty()) facts_.unresolved = true;
        }
        addOnce(facts_.tables, TableUse{std::move(name), false});
        return {};
    }

    // JOIN USING and NATURAL JOIN compare with the = that the search_path gives.
    Result<void> judgeJoin(const object& node) {
        attributes_.noteOther(node);
        const bool compares = has(node, "usingClause") || flagOf(node, "isNatural");
        return compares ? judgeOperator({{}, "="}) : Result<void>{};
    }

    // BETWEEN and its kin stand here as a word; the grammar turns them into comparisons of the search_path.
    Result<void> judgeExpression(const object& node) {
        ObjectName name = nameOf(node, "name");
        if (!startsUpper(name.name) || !name.schema.empty()) return judgeOperator(std::move(name));
        for (const char* comparison : {">=", "<=", "<", ">"})
            if (auto judged = judgeOperator({{}, comparison}); !judged) return judged;
        return {};
    }

    Result<void> judgeOperator(ObjectName name) {
        if (name.name.empty()) return {};
        const bool builtin = (name.schema.empty() || name.schema == "pg_catalog") && isBuiltinOperator(name.name);
        Resolver::Found found;
        const bool opened = policy_.opensOperator(name.schema, name.name);
        if (resolver_ && !opened) found = resolver_->op(name);
        if (!found.objection.empty())
            return refuse(builtin ? Rule::operator_shadowed : Rule::operator_not_allowed, found.objection);
        if (!builtin && path_ == Path::read && !opened && !found.any)
            return refuse(Rule::operator_not_allowed, written(name));
        addOnce(facts_.operators, std::move(name));
        return {};
    }

    Result<void> noteType(const object& node) {
        ObjectName name = nameOf(node, "names");
        if (resolver_) {
            const Resolver::Found found = resolver_->type(name);
            if (!found.objection.empty()) return refuse(Rule::type_not_allowed, found.objection);
            if (!found.any && !name.schema.empty() && name.schema != "pg_catalog") facts_.unresolved = true;
        }
        if (name.schema != "pg_catalog") addOnce(facts_.types, std::move(name));
        return {};
    }

    Result<void> judgeParameter(const object& node) {
        std::int64_t number = 0;
        if (node.at_key("number").get(number) != simdjson::SUCCESS || number < 1 ||
            number > policy_.limits().parameters_max)
            return refuse(Rule::parameter_number, concat('$', number));
        facts_.parameters = std::max(facts_.parameters, static_cast<std::uint32_t>(number));
        return {};
    }

    Result<void> judgeSample(const object& node) {
        ObjectName method = nameOf(node, "method");
        const bool known = method.name == "system" || method.name == "bernoulli";
        if (path_ == Path::read && (!known || !(method.schema.empty() || method.schema == "pg_catalog")))
            return refuse(Rule::sample_method, written(method));
        facts_.has_volatile = true;
        return {};
    }

    Result<void> judgeOption(const object& node) {
        const std::string_view option = textOf(node, "defname");
        if (facts_.kind == Kind::explain && std::ranges::find(kExplainOptions, option) == std::end(kExplainOptions))
            return refuse(Rule::explain_option, option);
        return {};
    }

    const std::string& sql_;
    const Policy& policy_;
    const Path path_;
    const Resolver* const resolver_;
    std::uint32_t here_;
    Facts facts_;
    std::vector<std::string> ctes_;
    std::vector<std::string> unknown_relations_;
    bool makes_grow_ = false;
    AttributeUses attributes_;
    std::vector<Pending> pending_;
};

Result<Facts> parseFailure(const std::string& sql, const PgQueryError& error) {
    const auto position = static_cast<std::uint32_t>(std::max(error.cursorpos, 0));
    Error refused = refusal(Rule::syntax, error.message, std::min(position, characterAt(sql, sql.size())));
    refused.sqlstate = "42601";
    return refused;
}

// What a thread keeps between statements: usual ones never allocate again, the memory of a huge one is given back.
constexpr std::size_t kKeptJsonBytes = 128 * 1024;
constexpr std::size_t kKeptDepth = 16 * 1024;

}  // namespace

Result<Facts> judgeTree(const std::string& sql, const TextScan& scan, const Policy& policy, Path path,
                        const Resolver* resolver) {
    PgQueryParseResult parsed = pg_query_parse(sql.c_str());
    const auto freed = std::unique_ptr<PgQueryParseResult, void (*)(PgQueryParseResult*)>(
        &parsed, [](PgQueryParseResult* result) { pg_query_free_parse_result(*result); });
    if (parsed.error) return parseFailure(sql, *parsed.error);

    // No host call lies between here and the end of the walk, so the fiber stays on this thread.
    thread_local simdjson::dom::parser kept;
    simdjson::dom::parser once;
    const std::string_view json(parsed.parse_tree);
    const std::size_t depth = 64 + 6 * std::size_t(scan.tokens);  // a token adds at most 3 levels of JSON
    const bool large = json.size() > kKeptJsonBytes || depth > kKeptDepth;
    simdjson::dom::parser& parser = large ? once : kept;
    const std::size_t bytes_wanted = large ? json.size() : kKeptJsonBytes;
    const std::size_t depth_wanted = large ? depth : kKeptDepth;
    if (parser.capacity() < bytes_wanted || parser.max_depth() < depth_wanted)
        if (parser.allocate(bytes_wanted, depth_wanted) != simdjson::SUCCESS)
            return refusal(Rule::not_classified, "", 0);
    element root;
    Result<Facts> judged = refusal(Rule::not_classified, "", 0);
    if (parser.parse(json.data(), json.size(), true).get(root) == simdjson::SUCCESS)
        judged = Walk(sql, scan, policy, path, resolver).judge(root);
    return judged;
}

}  // namespace howdah::guard
