#include "plugins/optimizer/tokens.hpp"

#include <algorithm>
#include <array>

namespace howdah::optimizer {
namespace {

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}
bool beginsWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool goesOn(char c) {
    return beginsWord(c) || isDigit(c) || c == '$';
}
bool isBlank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool isOperator(char c) {
    return std::string_view("+-*/<>=~!@#%^&|`?").find(c) != std::string_view::npos;
}

class Scanner {
public:
    explicit Scanner(std::string_view sql) : sql_(sql) {}

    std::vector<Token> run() {
        while (at_ < sql_.size()) {
            const char c = sql_[at_];
            if (isBlank(c)) {
                ++at_;
            } else if (startsWith("--")) {
                at_ = std::min(sql_.find('\n', at_), sql_.size());
            } else if (startsWith("/*")) {
                skipComment();
            } else {
                next(c);
            }
        }
        return std::move(tokens_);
    }

private:
    bool startsWith(std::string_view prefix) const { return sql_.substr(at_).starts_with(prefix); }
    char ahead() const { return at_ + 1 < sql_.size() ? sql_[at_ + 1] : '\0'; }

    void skipComment() {
        std::size_t depth = 0;
        do {
            if (startsWith("/*")) {
                ++depth;
                at_ += 2;
            } else if (startsWith("*/")) {
                --depth;
                at_ += 2;
            } else {
                ++at_;
            }
        } while (depth > 0 && at_ < sql_.size());
        at_ = std::min(at_, sql_.size());
    }

    void next(char c) {
        if (c == '\'' || ((c == 'e' || c == 'E' || c == 'b' || c == 'B' || c == 'x' || c == 'X') && ahead() == '\'')) {
            const bool escapes = c == 'e' || c == 'E';
            return add(Token::Kind::string, endOfQuoted(c == '\'' ? at_ + 1 : at_ + 2, '\'', escapes));
        }
        if (c == '"') return addQuotedName();
        if (c == '$' && isDigit(ahead())) return add(Token::Kind::parameter, endOf(at_ + 1, isDigit));
        if (c == '$') return addDollarQuoted();
        if (isDigit(c) || (c == '.' && isDigit(ahead()))) return addNumber();
        if (beginsWord(c)) return addWord();
        if (isOperator(c)) return addOperator();
        add(Token::Kind::symbol, at_ + (startsWith("::") ? 2 : 1));
    }

    template <typename Test>
    std::size_t endOf(std::size_t from, Test test) const {
        while (from < sql_.size() && test(sql_[from]))
            ++from;
        return from;
    }
    std::size_t endOfQuoted(std::size_t from, char quote, bool escapes) const {
        while (from < sql_.size()) {
            if (escapes && sql_[from] == '\\') {
                from += 2;
            } else if (sql_[from] != quote) {
                ++from;
            } else if (from + 1 < sql_.size() && sql_[from + 1] == quote) {
                from += 2;
            } else {
                return from + 1;
            }
        }
        return sql_.size();
    }
    void add(Token::Kind kind, std::size_t end) {
        tokens_.push_back({kind, at_, end, std::string(sql_.substr(at_, end - at_))});
        at_ = end;
    }
    void addWord() {
        add(Token::Kind::word, endOf(at_, goesOn));
        for (char& c : tokens_.back().text)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    void addQuotedName() {
        add(Token::Kind::quoted_name, endOfQuoted(at_ + 1, '"', false));
        std::string name;
        const std::string& quoted = tokens_.back().text;
        for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
            name += quoted[i];
            if (quoted[i] == '"') ++i;
        }
        tokens_.back().text = std::move(name);
    }
    void addDollarQuoted() {
        const std::size_t tag_end = endOf(at_ + 1, [](char c) { return beginsWord(c) || isDigit(c); });
        if (tag_end == sql_.size() || sql_[tag_end] != '$') return add(Token::Kind::symbol, at_ + 1);
        const std::string_view tag = sql_.substr(at_, tag_end + 1 - at_);
        const std::size_t close = sql_.find(tag, tag_end + 1);
        add(Token::Kind::string, close == std::string_view::npos ? sql_.size() : close + tag.size());
    }
    void addNumber() {
        std::size_t end = endOf(at_, [](char c) { return isDigit(c) || c == '.'; });
        if (end < sql_.size() && (sql_[end] == 'e' || sql_[end] == 'E')) {
            std::size_t exponent = end + 1;
            if (exponent < sql_.size() && (sql_[exponent] == '-' || sql_[exponent] == '+')) ++exponent;
            if (exponent < sql_.size() && isDigit(sql_[exponent])) end = endOf(exponent, isDigit);
        }
        add(Token::Kind::number, end);
    }
    // A comment ends an operator.
    void addOperator() {
        std::size_t end = at_;
        while (end < sql_.size() && isOperator(sql_[end]) && sql_.substr(end, 2) != "--" && sql_.substr(end, 2) != "/*")
            ++end;
        add(Token::Kind::symbol, end);
    }

    std::string_view sql_;
    std::size_t at_ = 0;
    std::vector<Token> tokens_;
};

// The words that are no names without quotes (reserved, and those that are only names of functions and types).
constexpr auto kReserved = std::to_array<std::string_view>({"all",
                                                            "analyse",
                                                            "analyze",
                                                            "and",
                                                            "any",
                                                            "array",
                                                            "as",
                                                            "asc",
                                                            "asymmetric",
                                                            "authorization",
                                                            "binary",
                                                            "both",
                                                            "case",
                                                            "cast",
                                                            "check",
                                                            "collate",
                                                            "collation",
                                                            "column",
                                                            "concurrently",
                                                            "constraint",
                                                            "create",
                                                            "cross",
                                                            "current_catalog",
                                                            "current_date",
                                                            "current_role",
                                                            "current_schema",
                                                            "current_time",
                                                            "current_timestamp",
                                                            "current_user",
                                                            "default",
                                                            "deferrable",
                                                            "desc",
                                                            "distinct",
                                                            "do",
                                                            "else",
                                                            "end",
                                                            "except",
                                                            "false",
                                                            "fetch",
                                                            "for",
                                                            "foreign",
                                                            "freeze",
                                                            "from",
                                                            "full",
                                                            "grant",
                                                            "group",
                                                            "having",
                                                            "ilike",
                                                            "in",
                                                            "initially",
                                                            "inner",
                                                            "intersect",
                                                            "into",
                                                            "is",
                                                            "isnull",
                                                            "join",
                                                            "lateral",
                                                            "leading",
                                                            "left",
                                                            "like",
                                                            "limit",
                                                            "localtime",
                                                            "localtimestamp",
                                                            "natural",
                                                            "not",
                                                            "notnull",
                                                            "null",
                                                            "offset",
                                                            "on",
                                                            "only",
                                                            "or",
                                                            "order",
                                                            "outer",
                                                            "overlaps",
                                                            "placing",
                                                            "primary",
                                                            "references",
                                                            "returning",
                                                            "right",
                                                            "select",
                                                            "session_user",
                                                            "similar",
                                                            "some",
                                                            "symmetric",
                                                            "system_user",
                                                            "table",
                                                            "tablesample",
                                                            "then",
                                                            "to",
                                                            "trailing",
                                                            "true",
                                                            "union",
                                                            "unique",
                                                            "user",
                                                            "using",
                                                            "variadic",
                                                            "verbose",
                                                            "when",
                                                            "where",
                                                            "window",
                                                            "with"});
static_assert(std::ranges::is_sorted(kReserved));

}  // namespace

std::vector<Token> tokensOf(std::string_view sql) {
    return Scanner(sql).run();
}

std::string edited(std::string_view sql, std::vector<Edit> edits) {
    std::sort(edits.begin(), edits.end(), [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    std::string out;
    std::size_t copied = 0;
    for (const Edit& edit : edits) {
        if (edit.begin < copied) continue;  // inside of what another one has replaced
        out += sql.substr(copied, edit.begin - copied);
        out += edit.text;
        copied = edit.end;
    }
    out += sql.substr(copied);
    return out;
}

std::string quoteName(std::string_view name) {
    const bool plain = !name.empty() && !isDigit(name.front()) && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || isDigit(c) || c == '_';
    });
    if (plain && !std::ranges::binary_search(kReserved, name)) return std::string(name);
    std::string out = "\"";
    for (const char c : name) {
        out += c;
        if (c == '"') out += c;
    }
    return out + '"';
}

std::string quoteText(std::string_view text) {
    const bool escapes = text.find('\\') != std::string_view::npos;
    std::string out = escapes ? "E'" : "'";
    for (const char c : text) {
        out += c;
        if (c == '\'' || c == '\\') out += c;
    }
    return out + '\'';
}

}  // namespace howdah::optimizer
