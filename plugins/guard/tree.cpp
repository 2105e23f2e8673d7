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
#include "plugins/guard/nodes.hpp"
#include "plugins/guard/rules.hpp"

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

std::string_view textOf(const object& node, std::string_view field) {
    std::string_view text;
    if (node.at_key(field).get(text) != simdjson::SUCCESS) return {};
    return text;
}

// A table made so, or a name in the schema where temporary objects of all kinds lie.
bool isTemporary(const object& node) {
    const auto names = [](std::string_view schema) { return schema == "pg_temp" || schema.starts_with("pg_temp_"); };
    return textOf(node, "relpersistence") == "t" || names(textOf(node, "schemaname")) || names(textOf(node, "sval"));
}

// A name as the tree spells it: [{"String":{"sval":"schema"}},{"String":{"sval":"name"}}].
ObjectName nameOf(const object& node, std::string_view field) {
    ObjectName name;
    array parts;
    if (node.at_key(field).get(parts) != simdjson::SUCCESS) return name;
    for (element part : parts) {
        std::string_view text;
        if (part["String"]["sval"].get(text) != simdjson::SUCCESS) text = {};
        if (!name.name.empty()) name.schema += concat(name.schema.empty() ? "" : ".", name.name);
        name.name = text;
    }
    return name;
}

std::string written(const ObjectName& name) {
    return name.schema.empty() ? name.name : concat(name.schema, '.', name.name);
}

template <typename T>
void addOnce(std::vector<T>& list, T value) {
    if (std::ranges::find(list, value) == list.end()) list.push_back(std::move(value));
}

class Walk {
public:
    Walk(const std::string& sql, const TextScan& scan, const Policy& policy, Path path)
        : sql_(sql), policy_(policy), path_(path), here_(scan.body_begin) {
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

        pending_.push_back({body, type, here_});
        while (!pending_.empty()) {
            const Pending next = pending_.back();
            pending_.pop_back();
            if (auto judged = step(next); !judged) return judged.error();
        }
        if (auto attributes = judgeAttributes(); !attributes) return attributes.error();
        for (TableUse& use : facts_.tables)
            use.maybe_cte = use.table.schema.empty() && std::ranges::find(ctes_, use.table.name) != ctes_.end();
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
            case Node::relation: return judgeRelation(node);
            case Node::expression: return judgeOperator(nameOf(node, "name"));
            case Node::sub_link: return judgeOperator(nameOf(node, "operName"));
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
        return judgeCall(nameOf(node, "funcname"), Rule::function_not_allowed);
    }

    Result<void> judgeCall(ObjectName name, Rule if_unknown) {
        const FunctionClass known = functionClass(name.schema, name.name);
        const bool unsafe = known == FunctionClass::unsafe;
        if (unsafe || known == FunctionClass::unknown) {
            const bool opened = policy_.opensFunction(name.schema, name.name, unsafe) ||
                                (path_ == Path::write && (!unsafe || writeMayCall(name.name)));
            if (!opened) return refuse(unsafe ? Rule::function_unsafe : if_unknown, written(name));
        }
        if (known != FunctionClass::safe) facts_.has_volatile = true;
        addOnce(facts_.functions, std::move(name));
        return {};
    }

    // (x).f is a field of a composite value or the call f(x); which one only the types tell.
    Result<void> judgeAttribute(std::string_view name) {
        if (isFunctionColumn(name)) return {};
        return judgeCall({{}, std::string(name)}, Rule::attribute_not_allowed);
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
        for (const AttributeUses::Use& use : attributes_.possibleCalls()) {
            here_ = use.position;
            if (auto judged = judgeAttribute(use.name); !judged) return judged;
        }
        return {};
    }

    Result<void> judgeRelation(const object& node) {
        ObjectName name{std::string(textOf(node, "schemaname")), std::string(textOf(node, "relname"))};
        if (isSecretRelation(name.schema, name.name)) return refuse(Rule::relation_secret, written(name));
        if (isCatalogRelation(name.schema, name.name)) facts_.reads_catalog = true;
        addOnce(facts_.tables, TableUse{std::move(name), false});
        return {};
    }

    Result<void> judgeOperator(ObjectName name) {
        if (name.name.empty()) return {};
        // BETWEEN and its kin stand here as a word; the grammar turns them into >= and <=.
        if (startsUpper(name.name) && name.schema.empty()) return {};
        const bool builtin = (name.schema.empty() || name.schema == "pg_catalog") && isBuiltinOperator(name.name);
        if (!builtin && path_ == Path::read && !policy_.opensOperator(name.schema, name.name))
            return refuse(Rule::operator_not_allowed, written(name));
        addOnce(facts_.operators, std::move(name));
        return {};
    }

    Result<void> noteType(const object& node) {
        ObjectName name = nameOf(node, "names");
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
    std::uint32_t here_;
    Facts facts_;
    std::vector<std::string> ctes_;
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

Result<Facts> judgeTree(const std::string& sql, const TextScan& scan, const Policy& policy, Path path) {
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
        judged = Walk(sql, scan, policy, path).judge(root);
    return judged;
}

}  // namespace howdah::guard
