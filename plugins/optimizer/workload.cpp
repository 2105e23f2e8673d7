#include "plugins/optimizer/workload.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace howdah::optimizer {
namespace {

constexpr Statement kWhere{
    "select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace"
    " where e.extname = 'pg_stat_statements'"};

constexpr std::array<std::string_view, 16> kEndsFrom{"where",  "group", "order",     "limit",    "having", "union",
                                                     "on",     "using", "intersect", "except",   "window", "offset",
                                                     "select", "fetch", "for",       "returning"};
constexpr std::array<std::string_view, 9> kNoAlias{"join",  "left",    "right",       "inner", "full",
                                                   "cross", "natural", "tablesample", "as"};

template <std::size_t kCount>
bool isOneOf(const Token& token, const std::array<std::string_view, kCount>& words) {
    return token.kind == Token::Kind::word && std::find(words.begin(), words.end(), token.text) != words.end();
}

class Filler {
public:
    Filler(std::string_view sql, const Catalog& catalog, bool number_first)
        : sql_(sql),
          catalog_(catalog),
          number_first_(number_first),
          tokens_(tokensOf(sql)),
          tables_(tablesIn(tokens_)) {}

    std::string run() const {
        std::vector<Edit> edits;
        for (std::size_t at = 0; at < tokens_.size(); ++at) {
            if (tokens_[at].kind == Token::Kind::parameter)
                edits.push_back({tokens_[at].begin, tokens_[at].end, valueAt(at)});
        }
        return edited(sql_, std::move(edits));
    }

private:
    const Token& token(std::size_t at) const {
        static const Token kNone{Token::Kind::symbol, 0, 0, ""};
        return at < tokens_.size() ? tokens_[at] : kNone;
    }

    std::string valueAt(std::size_t at) const {
        const Token& before = token(at - 1);
        if (before.is("limit") || before.is("first") || before.is("next")) return "100";
        if (before.is("offset")) return "0";
        if (before.is("(") && token(at - 2).is("extract")) return "year";
        if (before.is("(") && (token(at - 2).is("date_trunc") || token(at - 2).is("date_part"))) return "'year'";
        if (before.is("interval") || (token(at + 1).is("::") && token(at + 2).is("interval"))) return "'1 day'";
        const bool date = before.is("date") || before.is("timestamp") || before.is("timestamptz") ||
                          (token(at + 1).is("::") && (token(at + 2).is("date") || token(at + 2).is("timestamp") ||
                                                      token(at + 2).is("timestamptz")));
        const std::size_t left = before.is("date") || before.is("timestamp") || before.is("timestamptz") ? at - 1 : at;
        if (const auto sampled = sample(left)) return *sampled;
        if (date) return "'2000-01-01'";
        return number_first_ ? "1" : "'1'";
    }

    // From the column that is compared with what begins at that place.
    std::optional<std::string> sample(std::size_t at) const {
        if (at == 0) return std::nullopt;
        std::size_t op = at - 1;
        if (token(op).is("and") && token(op - 1).kind == Token::Kind::parameter) {  // between $1 and $2
            op -= 2;
            while (op > 0 && (token(op).is("date") || token(op).is("timestamp")))
                --op;
            if (!token(op).is("between")) return std::nullopt;
        }
        while (op > 0 && (token(op).is(",") || token(op).kind == Token::Kind::parameter))
            --op;  // in ($1, $2
        if (token(op).is("(") && op > 0 && (token(op - 1).is("in") || token(op - 1).is("any"))) --op;
        if (token(op).is("any") && op > 0) --op;
        const bool like = token(op).is("like") || token(op).is("ilike") || token(op).is("~~") || token(op).is("~~*");
        const bool compares = like || token(op).is("=") || token(op).is("<") || token(op).is(">") ||
                              token(op).is("<=") || token(op).is(">=") || token(op).is("<>") || token(op).is("!=") ||
                              token(op).is("between") || token(op).is("in");
        if (compares && op > 0) {
            std::size_t end = op - 1;
            if (token(end).is("not") && end > 0) --end;
            if (const Column* column = columnEnding(end)) return valueOf(*column, like);
        }
        const Token& behind = token(at + 1);  // $1 = col
        if (behind.is("=") || behind.is("<") || behind.is(">") || behind.is("<=") || behind.is(">=")) {
            const std::size_t end = token(at + 3).is(".") ? at + 4 : at + 2;
            if (const Column* column = columnEnding(end)) return valueOf(*column, false);
        }
        return std::nullopt;
    }

    const Column* columnEnding(std::size_t end) const {
        if (!token(end).isName()) return nullptr;
        const bool qualified = end >= 2 && token(end - 1).is(".") && token(end - 2).isName();
        for (const NamedTable& named : tables_) {
            if (qualified && named.alias != token(end - 2).text) continue;
            const Table* table = catalog_.find(named.schema, named.table);
            if (const Column* column = table ? table->column(token(end).text) : nullptr) return column;
        }
        return nullptr;
    }

    static std::string valueOf(const Column& column, bool like) {
        const std::string& value = !column.middle.empty() ? column.middle : column.common;
        if (value.empty()) return column.category == "D" ? "'2000-01-01'" : column.category == "N" ? "1" : "'1'";
        if (like) return quoteText(value.substr(0, 3) + "%");
        return quoteText(value);
    }

    const std::string_view sql_;
    const Catalog& catalog_;
    const bool number_first_;
    const std::vector<Token> tokens_;
    const std::vector<NamedTable> tables_;
};

}  // namespace

const std::array<const Statement*, 1>& workloadStatements() {
    static constexpr std::array<const Statement*, 1> kAll{&kWhere};
    return kAll;
}

Result<std::vector<WorkloadStatement>> readWorkload(Call& call, std::string_view database, std::size_t count) {
    auto where = call.query(kWhere, {}, database);
    if (!where) return std::move(where).error();
    auto there = where->next();
    if (!there) return std::move(there).error();
    if (!*there) {
        return Error::unavailable("the extension pg_stat_statements is not in this database")
            .withHint(
                "add it to shared_preload_libraries and run: create extension pg_stat_statements; or pass queries");
    }
    // Its schema is known now only, so this is client text, which the guard judges like any other.
    const std::string sql = concat(
        "select s.query, s.calls from ", quoteName(where->text(0)),
        ".pg_stat_statements s join pg_catalog.pg_database d on d.oid = s.dbid and d.datname = current_database()"
        " where s.query ~* '^\\s*(select|with)\\M' and s.query !~* '(hypopg|pg_catalog\\.|pg_stat_|information_schema)'"
        " order by s.total_exec_time desc");
    QueryLimits limits;
    limits.rows_max = count;
    auto rows = call.query(sql, {}, database, limits);
    if (!rows) return std::move(rows).error();
    std::vector<WorkloadStatement> statements;
    for (;;) {
        auto row = rows->next();
        if (!row) return std::move(row).error();
        if (!*row) return statements;
        statements.push_back({std::string(rows->text(0)), std::strtod(std::string(rows->text(1)).c_str(), nullptr)});
    }
}

std::vector<NamedTable> tablesIn(const std::vector<Token>& tokens) {
    std::vector<NamedTable> tables;
    std::vector<bool> in_from{false};  // at each depth of parentheses
    bool expected = false;
    for (std::size_t at = 0; at < tokens.size(); ++at) {
        const Token& token = tokens[at];
        if (token.is("(")) in_from.push_back(false);
        if (token.is(")") && in_from.size() > 1) in_from.pop_back();
        if (token.is("from") || token.is("join")) {
            in_from.back() = expected = true;
        } else if (token.is("on") || token.is("using")) {
            expected = false;  // the list goes on behind it
        } else if (isOneOf(token, kEndsFrom)) {
            in_from.back() = expected = false;
        } else if (token.is(",")) {
            expected = in_from.back();
        } else if (expected && token.isName() && !token.is("only") && !token.is("lateral")) {
            expected = false;
            NamedTable named{"", token.text, token.text};
            if (at + 2 < tokens.size() && tokens[at + 1].is(".") && tokens[at + 2].isName()) {
                named = {token.text, tokens[at + 2].text, tokens[at + 2].text};
                at += 2;
            }
            if (at + 1 < tokens.size() && tokens[at + 1].is("(")) continue;  // a function
            std::size_t next = at + 1;
            if (next < tokens.size() && tokens[next].is("as")) ++next;
            if (next < tokens.size() && tokens[next].isName() && !isOneOf(tokens[next], kEndsFrom) &&
                !isOneOf(tokens[next], kNoAlias))
                named.alias = tokens[next].text;
            tables.push_back(std::move(named));
        }
    }
    return tables;
}

std::string withValues(std::string_view sql, const Catalog& catalog, bool number_first) {
    return Filler(sql, catalog, number_first).run();
}

}  // namespace howdah::optimizer
