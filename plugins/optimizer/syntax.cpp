#include "plugins/optimizer/syntax.hpp"

#include <algorithm>

#include <pg_query.h>

#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {
namespace {

const Json kNothing = Json::object();

// "(SubPlan 1)", "(hashed SubPlan 1)", "(alternatives: SubPlan 1 or hashed SubPlan 2)", "(InitPlan 1).col1": values
// that come from elsewhere, like a parameter.
std::string withoutSubplans(std::string_view text) {
    std::string out(text);
    for (const std::string_view mark : {"(SubPlan ", "(hashed SubPlan ", "(alternatives: ", "(InitPlan "}) {
        for (std::size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at)) {
            const std::size_t close = out.find(')', at);
            if (close == std::string::npos) break;
            std::size_t end = close + 1;
            if (out.compare(end, 4, ".col") == 0)
                end = std::min(out.find_first_not_of("0123456789", end + 4), out.size());
            out.replace(at, end - at, "($1)");
        }
    }
    return out;
}

class Writer {
public:
    bool write(const Json& node) {
        const std::string_view type = typeOf(node);
        const Json& body = bodyOf(node);
        if (type == "ColumnRef") return column(body);
        if (type == "A_Const") return constant(body);
        if (type == "TypeCast") return cast(body);
        if (type == "FuncCall") return function(body);
        if (type == "A_Expr") return operation(body);
        return false;
    }
    ExpressionText made;

private:
    static constexpr int kDepthMax = 20;  // an index over more than that is none to suggest

    bool column(const Json& body) {
        auto names = namesOf(body);
        if (names.size() != 2 || (!made.alias.empty() && made.alias != names[0])) return false;
        made.alias = names[0];
        made.text += quoteName(names[1]);
        made.columns.push_back(std::move(names[1]));
        return true;
    }
    bool constant(const Json& body) {
        if (body.contains("sval")) {
            made.text += quoteText(body["sval"].value("sval", ""));
        } else if (body.contains("ival")) {
            made.text += std::to_string(body["ival"].value("ival", 0));
        } else if (body.contains("fval")) {
            made.text += body["fval"].value("fval", "0");
        } else if (body.contains("boolval")) {
            made.text += body["boolval"].value("boolval", false) ? "true" : "false";
        } else {
            return false;
        }
        return true;
    }
    bool cast(const Json& body) {
        const Json& type = body.value("typeName", kNothing);
        if (type.contains("typmods") || type.contains("arrayBounds")) return false;
        made.text += '(';
        if (!below(body.value("arg", kNothing))) return false;
        made.text += ")::";
        bool first = true;
        for (const Json& name : type.value("names", Json::array())) {
            made.text += concat(first ? "" : ".", quoteName(bodyOf(name).value("sval", "")));
            first = false;
        }
        return !first;
    }
    bool function(const Json& body) {
        if (body.value("agg_star", false) || body.value("agg_distinct", false) || body.contains("over")) return false;
        bool first = true;
        for (const Json& name : body.value("funcname", Json::array())) {
            made.text += concat(first ? "" : ".", quoteName(bodyOf(name).value("sval", "")));
            first = false;
        }
        made.text += '(';
        first = true;
        for (const Json& argument : body.value("args", Json::array())) {
            if (!first) made.text += ", ";
            first = false;
            if (!below(argument)) return false;
        }
        made.text += ')';
        return true;
    }
    bool operation(const Json& body) {
        if (body.value("kind", "") != "AEXPR_OP" || body.value("name", Json::array()).size() != 1) return false;
        made.text += '(';
        if (body.contains("lexpr") && !below(body["lexpr"])) return false;
        made.text += concat(' ', lastName(body["name"]), ' ');
        if (!below(body.value("rexpr", kNothing))) return false;
        made.text += ')';
        return true;
    }
    bool below(const Json& node) {
        if (++depth_ > kDepthMax) return false;
        const bool done = write(node);
        --depth_;
        return done;
    }
    int depth_ = 0;
};

}  // namespace

Result<Json> parseStatement(std::string_view sql) {
    const PgQueryParseResult parsed = pg_query_parse(std::string(sql).c_str());
    Json tree;
    std::string problem;
    if (parsed.error) {
        problem = parsed.error->message;
    } else {
        tree = Json::parse(parsed.parse_tree, nullptr, false);
    }
    pg_query_free_parse_result(parsed);
    if (!problem.empty()) return Error::invalidArgument("the statement does not parse: ", problem);
    if (!tree.is_object() || !tree.contains("stmts") || tree["stmts"].size() != 1)
        return Error::invalidArgument("one statement is expected");
    return std::move(tree["stmts"][0]["stmt"]);
}

Result<Json> parseExpression(std::string_view text) {
    auto tree = parseStatement(concat("select ", withoutSubplans(text)));
    if (!tree) return tree;
    Json targets = bodyOf(*tree).value("targetList", Json::array());
    if (targets.size() != 1) return Error::invalidArgument("one expression is expected");
    return bodyOf(targets[0]).value("val", kNothing);
}

std::string_view typeOf(const Json& node) {
    return node.is_object() && node.size() == 1 ? std::string_view(node.begin().key()) : std::string_view{};
}

const Json& bodyOf(const Json& node) {
    return node.is_object() && node.size() == 1 && node.begin()->is_object() ? *node.begin() : kNothing;
}

std::vector<std::string> namesOf(const Json& column_ref) {
    std::vector<std::string> names;
    for (const Json& field : column_ref.value("fields", Json::array())) {
        if (typeOf(field) != "String") return {};
        names.push_back(bodyOf(field).value("sval", ""));
    }
    return names;
}

std::string lastName(const Json& list) {
    return list.is_array() && !list.empty() ? bodyOf(list.back()).value("sval", "") : std::string{};
}

std::optional<ExpressionText> expressionText(const Json& node) {
    Writer writer;
    if (!writer.write(node) || writer.made.columns.empty()) return std::nullopt;
    return std::move(writer.made);
}

}  // namespace howdah::optimizer
