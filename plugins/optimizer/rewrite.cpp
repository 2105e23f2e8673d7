#include "plugins/optimizer/rewrite.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace howdah::optimizer {
namespace {

// A run of tokens [begin, end).
struct Range {
    std::size_t begin = 0, end = 0;
};

bool isComparison(const Token& token) {
    return token.is("=") || token.is("<") || token.is(">") || token.is("<=") || token.is(">=");
}
bool isTime(const std::string& type) {
    return type == "timestamp" || type == "timestamptz";
}
bool isWhole(const std::string& type) {
    return type == "int2" || type == "int4" || type == "int8";
}

class Rewriter {
public:
    Rewriter(std::string_view sql, const std::vector<TableUse>& uses, const Catalog& catalog)
        : sql_(sql), uses_(uses), catalog_(catalog), tokens_(tokensOf(sql)) {}

    std::vector<Rewrite> run() {
        for (std::size_t at = 0; at < tokens_.size(); ++at) {
            castToRange(at);
            truncToRange(at);
            yearToRange(at);
            wholeConstant(at);
            moveConstant(at);
            countToExists(at);
        }
        return std::move(made_);
    }

private:
    const Token& token(std::size_t at) const {
        static const Token kNone{Token::Kind::symbol, 0, 0, ""};
        return at < tokens_.size() ? tokens_[at] : kNone;
    }
    std::string text(Range range) const {
        return std::string(
            sql_.substr(tokens_[range.begin].begin, tokens_[range.end - 1].end - tokens_[range.begin].begin));
    }
    void add(const char* rule, const char* why, Range range, std::string with) {
        const Edit edit{tokens_[range.begin].begin, tokens_[range.end - 1].end, std::move(with)};
        const auto same =
            std::find_if(made_.begin(), made_.end(), [&](const Rewrite& one) { return one.rule == rule; });
        if (same != made_.end()) return same->edits.push_back(edit);
        made_.push_back({rule, why, {edit}});
    }

    // "col" or "t.col" that begins here, and nothing that could be more than a column.
    std::optional<Range> column(std::size_t at) const {
        if (!token(at).isName()) return std::nullopt;
        if (at > 0 && (token(at - 1).is(".") || token(at - 1).is("::"))) return std::nullopt;
        std::size_t end = at + 1;
        if (token(end).is(".") && token(end + 1).isName()) end += 2;
        if (token(end).is(".") || token(end).is("(") || token(end).is("[")) return std::nullopt;
        return Range{at, end};
    }
    // Its type, where all tables that have such a column agree on it.
    std::string typeOf(Range column) const {
        const std::string& name = token(column.end - 1).text;
        const std::string alias = column.end - column.begin == 3 ? token(column.begin).text : "";
        std::string type;
        for (const TableUse& use : uses_) {
            if (!alias.empty() && use.alias != alias) continue;
            const Table* table = catalog_.find(use.schema, use.table);
            const Column* known = table ? table->column(name) : nullptr;
            if (!known) continue;
            if (!type.empty() && type != known->type) return {};
            type = known->type;
        }
        return type;
    }

    // A date that begins here, as text that is a date: date '...', '...'::date, '...'.
    std::optional<std::pair<Range, std::string>> date(std::size_t at) const {
        Range range{at, at + 1};
        if (token(at).is("date") && token(at + 1).kind == Token::Kind::string) range.end = at + 2;
        const Token& literal = token(range.end - 1);
        if (literal.kind != Token::Kind::string || literal.end - literal.begin != 12)
            return std::nullopt;  // 'yyyy-mm-dd'
        if (token(range.end).is("::") && token(range.end + 1).is("date")) range.end += 2;
        if (token(range.end).kind == Token::Kind::symbol &&
            (token(range.end).is("+") || token(range.end).is("-") || token(range.end).is("::")))
            return std::nullopt;
        return std::pair(range, concat("date ", sql_.substr(literal.begin, literal.end - literal.begin)));
    }

    // The condition `subject op date`, whose subject (the day of a column) stands in [subject.begin, subject.end).
    void dayCondition(Range subject, Range of_column, const char* rule, const std::string& step) {
        constexpr const char* kWhy =
            "the column is converted for each row, so no index on it can be used; a range of the column itself can";
        const std::string name = text(of_column);
        const Token& op = token(subject.end);
        if (op.is("between")) {
            const auto from = date(subject.end + 1);
            if (!from || !token(from->first.end).is("and")) return;
            const auto to = date(from->first.end + 1);
            if (!to) return;
            return add(rule, kWhy, {subject.begin, to->first.end},
                       concat("(", name, " >= ", from->second, " and ", name, " < ", to->second, step, ")"));
        }
        if (!isComparison(op)) return;
        const auto day = date(subject.end + 1);
        if (!day) return;
        const std::string next = concat(day->second, step);
        std::string with;
        if (op.is("=")) with = concat("(", name, " >= ", day->second, " and ", name, " < ", next, ")");
        if (op.is(">=") || op.is("<")) with = concat(name, ' ', op.text, ' ', day->second);
        if (op.is(">")) with = concat(name, " >= ", next);
        if (op.is("<=")) with = concat(name, " < ", next);
        add(rule, kWhy, {subject.begin, day->first.end}, std::move(with));
    }

    // col::date = '2024-05-01', cast(col as date) = ..., date(col) = ...
    void castToRange(std::size_t at) {
        std::optional<Range> of;
        std::size_t end = 0;
        if (token(at).is("cast") && token(at + 1).is("(")) {
            of = column(at + 2);
            if (!of || !token(of->end).is("as") || !token(of->end + 1).is("date") || !token(of->end + 2).is(")"))
                return;
            end = of->end + 3;
        } else if (token(at).is("date") && token(at + 1).is("(")) {
            of = column(at + 2);
            if (!of || !token(of->end).is(")")) return;
            end = of->end + 1;
        } else {
            of = column(at);
            if (!of || !token(of->end).is("::") || !token(of->end + 1).is("date")) return;
            end = of->end + 2;
        }
        if (isTime(typeOf(*of))) dayCondition({at, end}, *of, "cast_to_range", " + 1");
    }

    // date_trunc('month', col) = date '2024-05-01': only of a first day, which is what it can be equal to.
    void truncToRange(std::size_t at) {
        if (!token(at).is("date_trunc") || !token(at + 1).is("(") || token(at + 2).kind != Token::Kind::string ||
            !token(at + 3).is(","))
            return;
        const auto of = column(at + 4);
        if (!of || !token(of->end).is(")") || !token(of->end + 1).is("=")) return;
        const std::string unit = token(at + 2).text;
        const auto day = date(of->end + 2);
        const std::string type = typeOf(*of);
        if (!day || (!isTime(type) && type != "date")) return;
        const bool first_of_month = day->second.ends_with("-01'");
        const bool first_of_year = day->second.ends_with("-01-01'");
        if (!(unit == "'day'" || (unit == "'month'" && first_of_month) || (unit == "'year'" && first_of_year))) return;
        dayCondition({at, of->end + 1}, *of, "trunc_to_range",
                     concat(" + interval '1 ", std::string_view(unit).substr(1, unit.size() - 2), "'"));
    }

    // extract(year from col) = 1995, date_part('year', col) = 1995
    void yearToRange(std::size_t at) {
        std::optional<Range> of;
        if (token(at).is("extract") && token(at + 1).is("(") && token(at + 2).is("year") && token(at + 3).is("from"))
            of = column(at + 4);
        if (token(at).is("date_part") && token(at + 1).is("(") && token(at + 2).text == "'year'" &&
            token(at + 3).is(","))
            of = column(at + 4);
        if (!of || !token(of->end).is(")") || !token(of->end + 1).is("=")) return;
        const Token& year = token(of->end + 2);
        const std::string type = typeOf(*of);
        int number = 0;
        const auto read = std::from_chars(year.text.data(), year.text.data() + year.text.size(), number);
        if (year.kind != Token::Kind::number || read.ptr != year.text.data() + year.text.size() || number < 1000 ||
            number > 9998 || (!isTime(type) && type != "date"))
            return;
        const std::string name = text(*of);
        add("year_to_range",
            "the year is taken from each row, so no index on the column can be used; a range of the column itself can",
            {at, of->end + 3},
            concat("(", name, " >= date '", number, "-01-01' and ", name, " < date '", number + 1, "-01-01')"));
    }

    // id = 42.0: numeric, to which the column is converted.
    void wholeConstant(std::size_t at) {
        const auto of = column(at);
        if (!of || !isComparison(token(of->end))) return;
        const std::size_t value = of->end + 1;
        const Token& number = token(value);
        if (number.kind != Token::Kind::number) return;
        std::size_t end = value + 1;
        std::string whole = number.text;
        const std::size_t point = whole.find('.');
        const bool cast = token(end).is("::") && (token(end + 1).is("numeric") || token(end + 1).is("decimal"));
        if (cast) end += 2;
        if (point != std::string::npos) {
            if (whole.find_first_not_of('0', point + 1) != std::string::npos) return;
            whole.resize(point);
        } else if (!cast) {
            return;
        }
        const bool goes_on = token(end).kind == Token::Kind::symbol && !token(end).is(")") && !token(end).is(",") &&
                             !token(end).is(";") && end < tokens_.size();
        if (whole.empty() || whole.size() > 9 || goes_on || !isWhole(typeOf(*of))) return;
        add("whole_constant",
            "the constant is numeric, so the column is converted to numeric for each row and no index on it can be "
            "used",
            {at, end}, concat(text(*of), ' ', token(of->end).text, ' ', whole));
    }

    // id + 5 = 10
    void moveConstant(std::size_t at) {
        const auto of = column(at);
        if (!of || (at > 0 && token(at - 1).kind == Token::Kind::symbol && !token(at - 1).is("("))) return;
        const Token& sign = token(of->end);
        const Token& by = token(of->end + 1);
        const Token& op = token(of->end + 2);
        const Token& other = token(of->end + 3);
        const Token& after = token(of->end + 4);
        const bool numbers = by.kind == Token::Kind::number && other.kind == Token::Kind::number &&
                             by.text.find_first_not_of("0123456789") == std::string::npos &&
                             other.text.find_first_not_of("0123456789") == std::string::npos && by.text.size() <= 9 &&
                             other.text.size() <= 9;
        if ((!sign.is("+") && !sign.is("-")) || !numbers || !isComparison(op) || !isWhole(typeOf(*of))) return;
        if (after.kind == Token::Kind::symbol && of->end + 4 < tokens_.size() && !after.is(")") && !after.is(",") &&
            !after.is(";"))
            return;
        add("move_constant", "the column is computed with for each row, so no index on it can be used",
            {at, of->end + 4}, concat(text(*of), ' ', op.text, ' ', other.text, sign.is("+") ? " - " : " + ", by.text));
    }

    // (select count(*) from ... ) > 0: all are counted where one would do.
    void countToExists(std::size_t at) {
        if (!token(at).is("(") || !token(at + 1).is("select") || !token(at + 2).is("count") || !token(at + 3).is("(") ||
            !token(at + 4).is("*") || !token(at + 5).is(")") || !token(at + 6).is("from"))
            return;
        std::size_t depth = 1, end = at + 6;
        for (; end < tokens_.size() && depth > 0; ++end) {
            if (token(end).is("(")) ++depth;
            if (token(end).is(")")) --depth;
            const bool groups = token(end).is("group") || token(end).is("having") || token(end).is("union") ||
                                token(end).is("limit") || token(end).is("offset");
            if (depth == 1 && groups) return;
        }
        if (depth > 0) return;
        const bool some =
            (token(end).is(">") && token(end + 1).text == "0") || (token(end).is(">=") && token(end + 1).text == "1");
        const bool none = token(end).is("=") && token(end + 1).text == "0";
        if (!some && !none) return;
        const std::string from(sql_.substr(tokens_[at + 6].begin, tokens_[end - 1].end - tokens_[at + 6].begin));
        add("count_to_exists", "all rows are counted to learn whether there is one; exists stops at the first",
            {at, end + 2}, concat(none ? "not " : "", "exists (select 1 ", from));
    }

    const std::string_view sql_;
    const std::vector<TableUse>& uses_;
    const Catalog& catalog_;
    const std::vector<Token> tokens_;
    std::vector<Rewrite> made_;
};

}  // namespace

std::vector<Rewrite> rewritesOf(std::string_view sql, const std::vector<TableUse>& uses, const Catalog& catalog) {
    return Rewriter(sql, uses, catalog).run();
}

}  // namespace howdah::optimizer
