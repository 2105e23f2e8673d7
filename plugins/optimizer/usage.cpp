#include "plugins/optimizer/usage.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "plugins/optimizer/syntax.hpp"
#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {
namespace {

using Uses = std::map<std::string, TableUse, std::less<>>;  // by alias, which a plan has once

constexpr std::array<std::string_view, 5> kSkipped{"One-Time Filter", "TID Cond", "Cache Key", "Function Call",
                                                   "Order By"};

// Of that alias, or of any table where it is empty.
bool hasColumn(const Json& node, std::string_view alias = {}) {
    bool found = false;
    eachOf(node, "ColumnRef", [&](const Json& body) {
        const auto names = namesOf(body);
        found = found || alias.empty() || (!names.empty() && names.front() == alias);
    });
    return found;
}

// A constant as SQL: 'x'::text gives 'x'.
std::string constantText(const Json& node) {
    if (typeOf(node) == "TypeCast") return constantText(bodyOf(node).value("arg", Json::object()));
    const Json& body = bodyOf(node);
    if (typeOf(node) != "A_Const") return {};
    if (body.contains("sval")) {
        std::string out = "'";
        for (const char c : body["sval"].value("sval", "")) {
            out += c;
            if (c == '\'') out += c;
        }
        return out.find('\\') == std::string::npos ? out + '\'' : std::string{};
    }
    if (body.contains("ival")) return std::to_string(body["ival"].value("ival", 0));
    if (body.contains("fval")) return body["fval"].value("fval", "");
    return {};
}

std::optional<Comparing> howOf(std::string_view op, const std::string& constant) {
    if (op == "=") return Comparing::equal;
    if (op == "<" || op == ">" || op == "<=" || op == ">=" || op == "~>=~" || op == "~<~") return Comparing::range;
    if (op == "~~")
        return constant.size() > 2 && constant[1] != '%' && constant[1] != '_' ? Comparing::prefix : Comparing::pattern;
    if (op == "~~*" || op == "~" || op == "~*" || op == "%") return Comparing::pattern;
    if (op == "@>" || op == "<@" || op == "&&" || op == "?" || op == "?|" || op == "?&" || op == "@@" || op == "@?")
        return Comparing::contains;
    return std::nullopt;
}

class Reader {
public:
    explicit Reader(const Plan& plan) : plan_(plan) {}

    std::vector<TableUse> run() {
        collect(plan_.root, 1);
        eachNode(plan_.root, [this](const PlanNode& node) { read(node); });
        std::vector<TableUse> uses;
        for (auto& [alias, use] : uses_)
            uses.push_back(std::move(use));
        return uses;
    }

private:
    // Aliases first: conditions name them from anywhere. The inner side of a nested loop runs once a row of the outer.
    void collect(const PlanNode& node, double loops) {
        if (node.isScan()) {
            TableUse& use = uses_[node.alias];
            use.schema = node.schema, use.table = node.relation, use.alias = node.alias;
            use.scan_cost = node.total_cost, use.scan_rows = node.plan_rows;
            use.scan_type = node.type, use.scan_index = node.index;
            use.loops = loops;
        }
        for (std::size_t i = 0; i < node.children.size(); ++i) {
            const bool inner = node.type.starts_with("Nested Loop") && i == 1;
            collect(node.children[i], inner ? loops * std::max(1.0, node.children[0].plan_rows) : loops);
        }
    }

    void read(const PlanNode& node) {
        for (const auto& [name, text] : node.conditions) {
            if (std::find(kSkipped.begin(), kSkipped.end(), name) != kSkipped.end()) continue;
            if (const auto tree = parseExpression(text)) condition(*tree, text, false);
        }
        // A scan, and what only hands its rows on, may give whole rows since that is cheap: what is needed of them
        // stands further up.
        const bool hands_on = node.isScan() || node.type == "Hash" || node.type == "Materialize";
        if (&node == &plan_.root || !hands_on) {
            for (const std::string& text : node.output)
                noteColumns(text);
        }
        sortKeys(node.sort_keys);
        for (const std::string& text : node.group_keys) {
            const auto tree = parseExpression(text);
            if (!tree) continue;
            noteColumns(*tree);
            if (auto [use, column] = columnOf(*tree); use) use->groups.push_back(column);
        }
    }

    void noteColumns(const std::string& text) {
        if (const auto tree = parseExpression(text)) noteColumns(*tree);
    }
    void noteColumns(const Json& tree) {
        eachOf(tree, "ColumnRef", [this](const Json& body) {
            const auto names = namesOf(body);
            if (names.size() == 2) {
                if (auto use = uses_.find(names[0]); use != uses_.end()) use->second.columns.insert(names[1]);
            } else if (names.size() == 1 && uses_.size() == 1) {
                uses_.begin()->second.columns.insert(names[0]);  // EXPLAIN names no table where there is only one
            }
        });
    }

    std::pair<TableUse*, std::string> columnOf(const Json& node) {
        if (typeOf(node) != "ColumnRef") return {};
        const auto names = namesOf(bodyOf(node));
        if (names.size() != 2) return {};
        const auto use = uses_.find(names[0]);
        return use == uses_.end() ? std::pair<TableUse*, std::string>{} : std::pair(&use->second, names[1]);
    }

    void condition(const Json& node, const std::string& text, bool alternative) {
        noteColumns(node);
        const std::string_view type = typeOf(node);
        const Json& body = bodyOf(node);
        if (type == "BoolExpr") return logical(body, text, alternative);
        if (type == "NullTest") {
            const bool null = body.value("nulltesttype", "") == "IS_NULL";
            return add(body.value("arg", Json::object()), null ? Comparing::is_null : Comparing::not_null, {}, text,
                       alternative);
        }
        if (type == "ColumnRef") return add(node, Comparing::is_true, {}, text, alternative);
        if (type == "A_Expr") compare(body, text, alternative);
    }

    void logical(const Json& body, const std::string& text, bool alternative) {
        const std::string kind = body.value("boolop", "");
        const Json args = body.value("args", Json::array());
        if (kind == "NOT_EXPR") {
            if (args.size() == 1 && typeOf(args[0]) == "ColumnRef")
                add(args[0], Comparing::is_false, {}, text, alternative);
            return;
        }
        for (const Json& arg : args)
            condition(arg, text, alternative || kind == "OR_EXPR");
    }

    void compare(const Json& body, const std::string& text, bool alternative) {
        const std::string kind = body.value("kind", ""), op = lastName(body.value("name", Json::array()));
        const Json left = body.value("lexpr", Json::object()), right = body.value("rexpr", Json::object());
        if (kind == "AEXPR_OP_ANY") {
            if (op == "=") add(left, Comparing::in_list, {}, text, alternative);
            return;
        }
        if (kind != "AEXPR_OP") return;
        const bool column_left = hasColumn(left), column_right = hasColumn(right);
        if (column_left && column_right) {
            if (op != "=") return;
            addJoin(left, right, text, alternative);
            addJoin(right, left, text, alternative);
            return;
        }
        const Json& subject = column_left ? left : right;
        const std::string constant = constantText(column_left ? right : left);
        if (const auto how = howOf(op, constant)) add(subject, *how, constant, text, alternative);
    }

    // A column of one table with something of another: its rows can be looked up by it.
    void addJoin(const Json& subject, const Json& other, const std::string& text, bool alternative) {
        const auto [use, column] = columnOf(withoutCast(subject));
        if (use && !hasColumn(other, use->alias)) add(subject, Comparing::join, {}, text, alternative);
    }

    static const Json& withoutCast(const Json& node) {
        return typeOf(node) == "TypeCast" ? bodyOf(node).find("arg").value() : node;
    }

    void add(const Json& subject, Comparing how, std::string constant, const std::string& text, bool alternative) {
        Comparison comparison;
        comparison.how = how;
        comparison.constant = std::move(constant);
        comparison.text = text;
        comparison.alternative = alternative;
        auto [use, column] = columnOf(withoutCast(subject));
        if (use) {
            comparison.column = column;
            if (typeOf(subject) == "TypeCast")
                comparison.cast_to = lastName(bodyOf(subject).value("typeName", Json::object()).value("names", Json()));
        }
        if (auto expression = expressionText(subject); expression && typeOf(subject) != "ColumnRef") {
            const auto found = uses_.find(expression->alias);
            if (found == uses_.end()) return;
            use = &found->second;
            comparison.expression = std::move(expression->text);
            comparison.expression_columns = std::move(expression->columns);
        }
        if (use && (!comparison.column.empty() || !comparison.expression.empty()))
            use->comparisons.push_back(std::move(comparison));
    }

    // "o.day DESC NULLS LAST": as EXPLAIN writes what differs from the default.
    void sortKeys(const std::vector<std::string>& keys) {
        std::vector<SortColumn> columns;
        TableUse* of = nullptr;
        bool whole = true;
        for (std::string key : keys) {
            SortColumn sorted;
            const auto cut = [&key](std::string_view suffix) {
                const bool there = key.ends_with(suffix);
                if (there) key.resize(key.size() - suffix.size());
                return there;
            };
            const bool first = cut(" NULLS FIRST"), last = cut(" NULLS LAST");
            sorted.descending = cut(" DESC");
            sorted.nulls_first = first || (sorted.descending && !last);
            const auto tree = parseExpression(key);
            if (!tree) return;
            noteColumns(*tree);
            const auto [use, column] = columnOf(*tree);
            if (!use || (of && use != of)) whole = false;
            if (!whole) continue;  // what is behind needs noting all the same
            of = use;
            sorted.column = column;
            columns.push_back(std::move(sorted));
        }
        if (of && !columns.empty()) of->sorts.push_back(std::move(columns));
    }

    const Plan& plan_;
    Uses uses_;
};

}  // namespace

std::vector<TableUse> usesOf(const Plan& plan) {
    return Reader(plan).run();
}

// EXPLAIN writes 42 as '42' where the column is a bigint, and -42 as '-42'.
void markParameters(std::vector<TableUse>& uses, std::string_view written) {
    std::set<std::string> constants;
    for (const Token& token : tokensOf(written)) {
        if (token.kind != Token::Kind::string && token.kind != Token::Kind::number) continue;
        constants.insert(token.text);
        if (token.kind == Token::Kind::number) {
            constants.insert(concat("'", token.text, "'"));
            constants.insert(concat("'-", token.text, "'"));
        }
    }
    for (TableUse& use : uses)
        for (Comparison& comparison : use.comparisons)
            comparison.parameter = !comparison.constant.empty() && !constants.contains(comparison.constant);
}

}  // namespace howdah::optimizer
