#include "plugins/optimizer/tokens.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include <pg_query.h>

namespace howdah::optimizer {
namespace {

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}
bool beginsWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
// Reads the protobuf wire format of libpg_query's ScanResult: field 2 repeats ScanToken {1 start, 2 end, ...}, all else
// is skipped. What a token is shows in its first byte, so nothing here depends on how the library numbers them. The
// guard decodes the same message (plugins/guard/text_scan.cpp): plugins share nothing but the SDK, which knows no
// libpg_query.
class Places {
public:
    explicit Places(const PgQueryProtobuf& scanned) : at_(scanned.data), end_(scanned.data + scanned.len) {}

    bool next(std::size_t& begin, std::size_t& end) {
        while (at_ < end_) {
            if ((varint() & 7) != 2) {
                varint();
                continue;
            }
            const std::uint64_t length = varint();
            const char* const message_end = at_ + std::min(length, static_cast<std::uint64_t>(end_ - at_));
            begin = end = 0;
            while (at_ < message_end) {
                const std::uint64_t field = varint() >> 3, value = varint();
                if (field == 1) begin = value;
                if (field == 2) end = value;
            }
            at_ = message_end;
            return true;
        }
        return false;
    }

private:
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; at_ < end_ && shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(*at_++);
            value |= std::uint64_t(byte & 0x7f) << shift;
            if (byte < 0x80) break;
        }
        return value;
    }

    const char* at_;
    const char* end_;
};

Token::Kind kindOf(std::string_view text) {
    const char first = text.front(), second = text.size() > 1 ? text[1] : '\0';
    if (first == '"') return Token::Kind::quoted_name;
    if (first == '\'') return Token::Kind::string;
    if (first == '$') return isDigit(second) ? Token::Kind::parameter : Token::Kind::string;
    if (isDigit(first) || (first == '.' && isDigit(second))) return Token::Kind::number;
    if (!beginsWord(first)) return Token::Kind::symbol;
    return text.back() == '\'' ? Token::Kind::string : Token::Kind::word;  // e'..', b'..', x'..'
}

// u&'..', u&".."
bool isUnicodeQuoted(std::string_view text) {
    return text.size() > 2 && (text[0] == 'u' || text[0] == 'U') && text[1] == '&' &&
           (text[2] == '\'' || text[2] == '"');
}

Token tokenOf(std::string_view sql, std::size_t begin, std::size_t end) {
    const std::string_view text = sql.substr(begin, end - begin);
    Token token{kindOf(text), begin, end, std::string(text)};
    if (token.kind == Token::Kind::word) {
        for (char& c : token.text)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    } else if (token.kind == Token::Kind::quoted_name) {
        token.text.clear();
        for (std::size_t i = 1; i + 1 < text.size(); ++i) {
            token.text += text[i];
            if (text[i] == '"') ++i;
        }
    }
    return token;
}

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

Result<std::vector<Token>> scanned(std::string_view sql) {
    const std::size_t nul = sql.find('\0');
    if (nul != std::string_view::npos)
        return Error::invalidArgument("the statement holds a NUL character at byte ", nul + 1);
    const PgQueryScanResult result = pg_query_scan(std::string(sql).c_str());
    const std::unique_ptr<const PgQueryScanResult, void (*)(const PgQueryScanResult*)> freed(
        &result, [](const PgQueryScanResult* whole) { pg_query_free_scan_result(*whole); });
    if (result.error) return Error::invalidArgument("the statement does not parse: ", result.error->message);
    std::vector<Token> tokens;
    Places places(result.pbuf);
    for (std::size_t begin = 0, end = 0; places.next(begin, end);) {
        end = std::min(end, sql.size());
        // libpg_query 15 does not tell where these end.
        if (isUnicodeQuoted(sql.substr(std::min(begin, sql.size()))))
            return Error::invalidArgument("strings and names with U& are not read");
        if (begin >= end) continue;
        const std::string_view text = sql.substr(begin, 2);
        if (text != "--" && text != "/*") tokens.push_back(tokenOf(sql, begin, end));
    }
    return tokens;
}

std::vector<Token> tokensOf(std::string_view sql) {
    auto tokens = scanned(sql);
    return tokens ? std::move(*tokens) : std::vector<Token>{};
}

std::string withoutConstants(std::string_view sql) {
    std::string out;
    std::size_t copied = 0;
    for (const Token& token : tokensOf(sql)) {
        if (token.begin > copied && !out.empty()) out += ' ';  // in place of blanks and comments
        copied = token.end;
        if (token.kind == Token::Kind::string) {
            out += "''";
        } else if (token.kind == Token::Kind::number) {
            out += '0';
        } else {
            out += sql.substr(token.begin, token.end - token.begin);
        }
    }
    return out;
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
