#include "plugins/analytics/pattern.hpp"

#include <howdah/result.hpp>

#include "plugins/analytics/hash.hpp"
#include "plugins/analytics/names.hpp"

namespace howdah::analytics {
namespace {

bool isDigit(char byte) {
    return byte >= '0' && byte <= '9';
}
bool isNamePart(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || isDigit(byte) || byte == '_' ||
           static_cast<unsigned char>(byte) >= 0x80;
}
bool isSpace(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

// Walks over SQL once and puts down what may be kept of it.
// Source: PostgreSQL manual, "Lexical Structure".
class Scrubber {
public:
    explicit Scrubber(std::string_view sql) : left_(sql) {}

    std::string run() {
        while (!left_.empty()) {
            if (isSpace(left_[0])) {
                left_.remove_prefix(1);
                space_ = true;
            } else if (left_.starts_with("--")) {
                skipTo(left_.find('\n'));
                space_ = true;
            } else if (left_.starts_with("/*")) {
                skipComment();
            } else if (left_[0] == '\'') {
                skipQuoted('\'', false);
                put("?");
            } else if (left_[0] == '"') {
                const std::string_view from = left_;
                skipQuoted('"', false);
                put(from.substr(0, from.size() - left_.size()));
            } else if (left_[0] == '$') {
                dollar();
            } else if (isDigit(left_[0]) || (left_[0] == '.' && left_.size() > 1 && isDigit(left_[1]))) {
                number();
            } else if (isNamePart(left_[0])) {
                word();
            } else {
                put(left_.substr(0, 1));
                left_.remove_prefix(1);
            }
        }
        while (!out_.empty() && (out_.back() == ';' || out_.back() == ' '))
            out_.pop_back();
        return std::move(out_);
    }

private:
    void put(std::string_view text) {
        if (space_ && !out_.empty()) out_ += ' ';
        space_ = false;
        out_ += text;
    }
    void skipTo(std::size_t position) {
        left_.remove_prefix(position == std::string_view::npos ? left_.size() : position);
    }

    void skipComment() {
        std::size_t depth = 0;
        do {
            if (left_.starts_with("/*")) {
                ++depth;
                left_.remove_prefix(2);
            } else if (left_.starts_with("*/")) {
                --depth;
                left_.remove_prefix(2);
            } else {
                left_.remove_prefix(1);
            }
        } while (depth > 0 && !left_.empty());
        space_ = true;
    }
    void skipQuoted(char quote, bool escapes) {
        left_.remove_prefix(1);
        while (!left_.empty()) {
            const bool pair =
                left_.size() > 1 && ((escapes && left_[0] == '\\') || (left_[0] == quote && left_[1] == quote));
            if (pair) {
                left_.remove_prefix(2);
                continue;
            }
            const bool end = left_[0] == quote;
            left_.remove_prefix(1);
            if (end) return;
        }
    }
    void dollar() {
        std::size_t tag = 1;
        while (tag < left_.size() && isNamePart(left_[tag]))
            ++tag;
        const bool parameter = tag > 1 && isDigit(left_[1]);
        if (parameter || tag == left_.size() || left_[tag] != '$') {
            put(left_.substr(0, tag));
            left_.remove_prefix(tag);
            return;
        }
        const std::string_view mark = left_.substr(0, tag + 1);
        left_.remove_prefix(mark.size());
        const std::size_t end = left_.find(mark);
        skipTo(end == std::string_view::npos ? end : end + mark.size());
        put("?");
    }
    void number() {
        std::size_t size = 1;
        while (size < left_.size()) {
            const bool exponent = (left_[size] == '+' || left_[size] == '-') && (left_[size - 1] | 0x20) == 'e' &&
                                  !left_.starts_with("0x") && !left_.starts_with("0X");
            if (!exponent && left_[size] != '.' && !isNamePart(left_[size])) break;
            ++size;
        }
        left_.remove_prefix(size);
        put("?");
    }
    // A name or a keyword, or the letters before a quoted constant: E'', B'', X'', N'', U&''.
    void word() {
        std::size_t size = 1;
        while (size < left_.size() && (isNamePart(left_[size]) || left_[size] == '$'))
            ++size;
        const std::string_view text = left_.substr(0, size);
        const std::string_view after = left_.substr(size);
        const char letter = static_cast<char>(text[0] | 0x20);
        if (size == 1 && after.starts_with('\'') && std::string_view("ebxn").find(letter) != std::string_view::npos) {
            left_ = after;
            skipQuoted('\'', letter == 'e');
            put("?");
        } else if (size == 1 && letter == 'u' && after.starts_with("&'")) {
            left_ = after.substr(1);
            skipQuoted('\'', false);
            put("?");
        } else {
            put(text);
            left_ = after;
        }
    }

    std::string_view left_;
    std::string out_;
    bool space_ = false;
};

PatternPtr made(std::uint64_t fingerprint, PatternKind kind, std::string_view text, std::size_t bytes_max,
                std::string_view tenant = {}) {
    std::string kept(cutText(text, bytes_max));
    if (kept.size() < text.size()) kept += "...";
    return readPattern({0, fingerprint, kind, std::move(kept), std::string(tenant)});
}

}  // namespace

std::string withoutConstants(std::string_view sql) {
    return Scrubber(sql).run();
}

PatternPtr readPattern(Pattern pattern) {
    const std::uint64_t of_kind = pattern.fingerprint ^ static_cast<std::uint64_t>(pattern.kind) << 56;
    pattern.id = SecretHash::ofProcess()(pattern.tenant, of_kind);
    return std::make_shared<const Pattern>(std::move(pattern));
}

PatternPtr statementPattern(std::uint64_t fingerprint, std::string_view normalized, std::size_t bytes_max,
                            std::string_view tenant) {
    return made(fingerprint, PatternKind::statement, withoutConstants(normalized), bytes_max, tenant);
}

PatternPtr pluginPattern(std::string_view text, std::size_t bytes_max) {
    return made(stableHash(text), PatternKind::plugin, text, bytes_max);
}

PatternPtr refusedPattern(std::string_view rule) {
    const std::string name = bounded(rule);
    return made(stableHash(concat("rule ", name)), PatternKind::refused, name, kNameBytesMax);
}

const PatternPtr& unreadPattern() {
    static const PatternPtr pattern = made(1, PatternKind::unread, "(not read)", kNameBytesMax);
    return pattern;
}

const PatternPtr& othersPattern() {
    static const PatternPtr pattern = made(0, PatternKind::others, "(others)", kNameBytesMax);
    return pattern;
}

const char* nameOf(PatternKind kind) {
    switch (kind) {
        case PatternKind::statement: return "statement";
        case PatternKind::plugin: return "plugin";
        case PatternKind::refused: return "refused";
        case PatternKind::unread: return "unread";
        case PatternKind::others: return "others";
    }
    return "others";
}

}  // namespace howdah::analytics
