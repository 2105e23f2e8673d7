#include "plugins/guard/text_scan.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <pg_query.h>
#include <simdjson.h>

#include "plugins/guard/rules.hpp"

namespace howdah::guard {
namespace {

// Values of enum Token in pg_query.proto of libpg_query 15; a test scans one of each.
enum Token : std::uint64_t {
    kParenOpen = 40,
    kParenClose = 41,
    kPlus = 43,
    kMinus = 45,
    kSemicolon = 59,
    kBracketOpen = 91,
    kBracketClose = 93,
    kOperator = 265,
    kLineComment = 275,
    kBlockComment = 276,
    kCase = 321,
    kEnd = 401,
    kNot = 528,
    kNotBeforeLike = 737,
};

struct ScannedToken {
    std::uint64_t begin = 0, end = 0, kind = 0;
};

// Reads the protobuf wire format of ScanResult: field 2 repeats ScanToken {1 start, 2 end, 4 token}, all else is
// skipped. The writer is the library in this process, so a malformed message is a fault of ours; it ends the reading
// early.
class TokenReader {
public:
    TokenReader(const char* data, std::size_t size) : at_(data), end_(data + size) {}

    bool next(ScannedToken& token) {
        while (at_ < end_) {
            const std::uint64_t tag = varint();
            if ((tag & 7) != 2) {
                varint();
                continue;
            }
            const std::size_t length = std::min<std::size_t>(varint(), end_ - at_);
            const char* message_end = at_ + length;
            token = {};
            while (at_ < message_end) {
                const std::uint64_t field = varint();
                const std::uint64_t value = varint();
                if (field >> 3 == 1) token.begin = value;
                if (field >> 3 == 2) token.end = value;
                if (field >> 3 == 4) token.kind = value;
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

std::size_t firstInvalidByte(const std::string& sql) {
    std::size_t at = 0;
    while (at < sql.size()) {
        const auto lead = static_cast<unsigned char>(sql[at]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (at + length > sql.size() || !simdjson::validate_utf8(sql.data() + at, length)) break;
        at += length;
    }
    return at;
}

Result<void> checkBytes(const std::string& sql, const Limits& limits) {
    if (sql.size() > limits.text_bytes_max)
        return refusal(Rule::text_too_long, concat(sql.size(), " bytes of at most ", limits.text_bytes_max),
                       characterAt(sql, limits.text_bytes_max));
    if (const auto nul = sql.find('\0'); nul != std::string::npos)
        return refusal(Rule::nul_byte, "", characterAt(sql, nul));
    if (!simdjson::validate_utf8(sql.data(), sql.size()))
        return refusal(Rule::not_utf8, "", characterAt(sql, firstInvalidByte(sql)));
    if (sql.starts_with("\xEF\xBB\xBF")) return refusal(Rule::byte_order_mark, "", 1);
    return {};
}

// What a byte is, as far as a look without the scanner needs to know; more than one bit may be set.
enum ByteClass : std::uint8_t {
    kBlank = 1,
    kDigit = 2,
    kLetter = 4,  // what else a word is made of
    kOperatorPart = 8,
    kOpening = 16,
    kMayNest = 32,  // the first letter of CASE and NOT
};

constexpr auto kByteClass = [] {
    std::array<std::uint8_t, 256> classes{};
    const auto mark = [&](std::string_view bytes, std::uint8_t as) {
        for (char c : bytes)
            classes[static_cast<unsigned char>(c)] |= as;
    };
    mark(" \t\n\r\f", kBlank);
    mark("0123456789", kDigit);
    mark("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$", kLetter);
    for (std::size_t byte = 0x80; byte < 0x100; ++byte)
        classes[byte] = kLetter;
    mark("+-*/<>=~!@#%^&|`?", kOperatorPart);
    mark("([", kOpening);
    mark("cCnN", kMayNest);
    return classes;
}();

std::uint8_t classOf(char c) {
    return kByteClass[static_cast<unsigned char>(c)];
}
bool hasWordAt(const std::string& sql, std::size_t at, std::string_view word) {
    for (std::size_t i = 0; i < word.size(); ++i)
        if ((sql[at + i] | 0x20) != word[i]) return false;  // the NUL at the end is no letter
    return true;
}

// A text without anything that could hide where its statement ends, and that keeps within the limits even if all its
// brackets were nested: its bounds are its first and last visible bytes. That spares the scanner, a third of the cost
// of a judgement, for most. Counted is too much rather than too little: what stands in a string, each sign of an
// operator.
std::optional<TextScan> boundsOfPlainText(const std::string& sql, const Limits& limits) {
    std::size_t begin = 0, end = sql.size();
    while (begin < end && classOf(sql[begin]) == kBlank)
        ++begin;
    while (end > begin && (classOf(sql[end - 1]) == kBlank || sql[end - 1] == ';'))
        --end;
    if (begin == end) return std::nullopt;

    std::uint32_t tokens = 0, opened = 0, prefixes = 0;
    std::uint8_t last = kBlank;
    for (std::size_t i = begin; i < end; ++i) {
        const char c = sql[i];
        const std::uint8_t is = classOf(c), before = std::exchange(last, is);
        if (is & (kDigit | kLetter)) {
            // A number ends where a letter begins.
            const bool goes_on = (before & kLetter) || (before & is & kDigit);
            tokens += !goes_on;
            if (is & kMayNest) {
                if (hasWordAt(sql, i, "case")) ++opened;
                if (hasWordAt(sql, i, "not")) ++prefixes;
            }
            continue;
        }
        if (is & kBlank) continue;
        const char next = sql[i + 1];  // at the end the NUL
        if (c == ';' || c == '\v' || (c == '-' && next == '-') || (c == '/' && next == '*')) return std::nullopt;
        ++tokens;
        opened += (is & kOpening) != 0;
        prefixes += (is & kOperatorPart) != 0;
    }
    const std::uint32_t nesting = std::max(opened, prefixes);
    if (tokens > limits.tokens_max || nesting > limits.nesting_max) return std::nullopt;
    return TextScan{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), tokens, nesting};
}

bool isPrefixOperator(std::uint64_t kind) {
    return kind == kPlus || kind == kMinus || kind == kOperator || kind == kNot || kind == kNotBeforeLike;
}

}  // namespace

Result<TextScan> scanText(const std::string& sql, const Limits& limits) {
    if (auto checked = checkBytes(sql, limits); !checked) return checked.error();

    if (auto plain = boundsOfPlainText(sql, limits)) return *plain;

    PgQueryScanResult scanned = pg_query_scan(sql.c_str());
    const auto freed = std::unique_ptr<PgQueryScanResult, void (*)(PgQueryScanResult*)>(
        &scanned, [](PgQueryScanResult* result) { pg_query_free_scan_result(*result); });
    if (scanned.error) return refusal(Rule::syntax, scanned.error->message, std::max(scanned.error->cursorpos, 1));

    TextScan scan;
    std::uint32_t depth = 0, prefix_run = 0;
    bool in_body = false, behind_body = false;
    TokenReader reader(scanned.pbuf.data, scanned.pbuf.len);
    for (ScannedToken token; reader.next(token);) {
        if (token.kind == kLineComment || token.kind == kBlockComment) continue;
        if (++scan.tokens > limits.tokens_max)
            return refusal(Rule::too_many_tokens, concat("more than ", limits.tokens_max),
                           characterAt(sql, token.begin));
        if (token.kind == kSemicolon) {
            if (in_body && depth == 0) behind_body = true;
            continue;
        }
        if (behind_body && depth == 0) return refusal(Rule::several_statements, "", characterAt(sql, token.begin));
        if (!in_body) scan.body_begin = static_cast<std::uint32_t>(token.begin);
        in_body = true;
        scan.body_end = static_cast<std::uint32_t>(token.end);

        const bool opens = token.kind == kParenOpen || token.kind == kBracketOpen || token.kind == kCase;
        const bool closes = token.kind == kParenClose || token.kind == kBracketClose || token.kind == kEnd;
        if (opens) ++depth;
        if (closes && depth > 0) --depth;
        prefix_run = isPrefixOperator(token.kind) ? prefix_run + 1 : 0;
        scan.nesting = std::max({scan.nesting, depth, prefix_run});
        if (scan.nesting > limits.nesting_max)
            return refusal(Rule::too_deep, concat("more than ", limits.nesting_max, " levels"),
                           characterAt(sql, token.begin));
    }
    if (!in_body) return refusal(Rule::empty_statement, "", 1);
    return scan;
}

Result<void> checkScanner() {
    // Each token of enum Token once: what is skipped, opened, closed and counted shows in the numbers.
    const auto scan = scanText("/* c */ (a[case not - + ~ 1 end]) ; -- d", {});
    const auto refused = scanText("(1;) ; 2", {});
    if (scan && scan->body_begin == 8 && scan->body_end == 33 && scan->tokens == 13 && scan->nesting == 4 && !refused &&
        refused.error().rule == id(Rule::several_statements))
        return {};
    return Error::internal(
        "the loaded libpg_query numbers its tokens differently; the guard is built for libpg_query 15");
}

std::uint32_t characterAt(std::string_view sql, std::size_t byte_offset) {
    std::uint32_t characters = 1;
    for (char byte : sql.substr(0, std::min(byte_offset, sql.size())))
        if ((static_cast<unsigned char>(byte) & 0xc0) != 0x80) ++characters;
    return characters;
}

}  // namespace howdah::guard
