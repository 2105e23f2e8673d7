#include "kernel/schema/pattern_parser.hpp"

#include <algorithm>
#include <string>

namespace howdah::kernel {

namespace {

using Ranges = std::vector<Pattern::Range>;
constexpr char32_t kLast = 0x10ffff;
constexpr std::uint32_t kRepeatMax = 1000;
constexpr std::size_t kGroupDepthMax = 32;  // the parser and the compiler recurse once a group

Ranges normalized(Ranges ranges) {
    std::sort(ranges.begin(), ranges.end(), [](auto& a, auto& b) { return a.first < b.first; });
    Ranges out;
    for (const auto& range : ranges) {
        if (!out.empty() && range.first <= out.back().last + 1) {
            out.back().last = std::max(out.back().last, range.last);
        } else {
            out.push_back(range);
        }
    }
    return out;
}

Ranges complement(const Ranges& ranges) {
    Ranges out;
    char32_t from = 0;
    for (const auto& range : normalized(ranges)) {
        if (range.first > from) out.push_back({from, range.first - 1});
        from = range.last + 1;
    }
    if (from <= kLast) out.push_back({from, kLast});
    return out;
}

const Ranges kDigits = {{'0', '9'}};
const Ranges kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kSpace = {{0x09, 0x0d},     {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
                       {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
const Ranges kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class Parser {
public:
    explicit Parser(std::string_view source) : source_(source) {}

    Result<PatternNode> parse() {
        PatternNode root = choice(0);
        if (problem_.empty() && at_ < source_.size()) fail("\")\" without \"(\"");
        if (!problem_.empty()) return Error::invalidArgument(problem_);
        return root;
    }

private:
    bool failed() const { return !problem_.empty(); }
    void fail(std::string_view why) {
        if (problem_.empty()) problem_ = concat("pattern at byte ", at_, ": ", why);
        at_ = source_.size();
    }
    bool more() const { return at_ < source_.size(); }
    char peek() const { return more() ? source_[at_] : '\0'; }
    bool take(char c) {
        if (!more() || source_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool takeText(std::string_view text) {
        if (!source_.substr(at_).starts_with(text)) return false;
        at_ += text.size();
        return true;
    }

    static PatternNode set(Ranges ranges) {
        PatternNode node;
        node.kind = PatternNode::Kind::set;
        node.ranges = std::move(ranges);
        return node;
    }

    PatternNode choice(std::size_t depth) {
        PatternNode node;
        node.kind = PatternNode::Kind::choice;
        do
            node.parts.push_back(sequence(depth));
        while (take('|'));
        if (node.parts.size() == 1) return std::move(node.parts.front());
        return node;
    }

    PatternNode sequence(std::size_t depth) {
        PatternNode node;
        while (more() && peek() != '|' && peek() != ')') {
            PatternNode part = atom(depth);
            if (failed()) break;
            node.parts.push_back(quantified(std::move(part)));
        }
        return node;
    }

    PatternNode atom(std::size_t depth) {
        PatternNode node;
        switch (peek()) {
            case '^': ++at_, node.kind = PatternNode::Kind::begin; return node;
            case '$': ++at_, node.kind = PatternNode::Kind::end; return node;
            case '.': ++at_; return set(complement(kLineEnds));
            case '(': return group(depth);
            case '[': ++at_; return set(characterClass());
            case '\\': ++at_; return set(escape(false));
            case '*':
            case '+':
            case '?': fail("nothing to repeat"); return node;
            case '{': fail("write a literal { as \\{"); return node;
            default: break;
        }
        const char32_t point = codePoint();
        return set({{point, point}});
    }

    PatternNode group(std::size_t depth) {
        ++at_;
        if (depth == kGroupDepthMax) fail("groups nest too deeply");
        if (peek() == '?' && !takeText("?:")) fail("look-around and named groups are not supported");
        PatternNode node = failed() ? PatternNode() : choice(depth + 1);
        if (!failed() && !take(')')) fail("\")\" is missing");
        return node;
    }

    PatternNode quantified(PatternNode body) {
        std::uint32_t min = 0;
        std::optional<std::uint32_t> max;
        if (take('*')) {
        } else if (take('+')) {
            min = 1;
        } else if (take('?')) {
            max = 1;
        } else if (take('{')) {
            min = count();
            if (!take(',')) {
                max = min;
            } else if (peek() != '}') {
                max = count();
            }
            if (!failed() && !take('}')) fail("\"}\" is missing");
            if (!failed() && max && *max < min) fail("repetition ends before it begins");
        } else {
            return body;
        }
        take('?');  // lazy: the same texts match
        if (body.kind == PatternNode::Kind::begin || body.kind == PatternNode::Kind::end) fail("nothing to repeat");
        PatternNode node;
        node.kind = PatternNode::Kind::repeat;
        node.min = min;
        node.max = max;
        node.parts.push_back(std::move(body));
        return node;
    }

    std::uint32_t count() {
        if (peek() < '0' || peek() > '9') fail("a number is missing in {}");
        std::uint32_t number = 0;
        while (peek() >= '0' && peek() <= '9') {
            number = number * 10 + static_cast<std::uint32_t>(source_[at_++] - '0');
            if (number > kRepeatMax) {
                fail(concat("repetition above ", kRepeatMax));
                return 0;
            }
        }
        return number;
    }

    Ranges characterClass() {
        const bool negated = take('^');
        Ranges ranges;
        while (!failed() && !take(']')) {
            if (!more()) {
                fail("\"]\" is missing");
                break;
            }
            Ranges first = classMember();
            if (peek() == '-' && at_ + 1 < source_.size() && source_[at_ + 1] != ']') {
                ++at_;
                Ranges last = classMember();
                if (failed()) break;
                const bool single = first.size() == 1 && last.size() == 1 && first[0].first == first[0].last &&
                                    last[0].first == last[0].last;
                if (!single || first[0].first > last[0].first) {
                    fail("range out of order in []");
                    break;
                }
                ranges.push_back({first[0].first, last[0].first});
            } else {
                ranges.insert(ranges.end(), first.begin(), first.end());
            }
        }
        return negated ? complement(ranges) : normalized(std::move(ranges));
    }

    Ranges classMember() {
        if (take('\\')) return escape(true);
        const char32_t point = codePoint();
        return {{point, point}};
    }

    Ranges escape(bool in_class) {
        if (!more()) {
            fail("ends in a backslash");
            return {};
        }
        auto one = [](char32_t point) { return Ranges{{point, point}}; };
        const char c = source_[at_++];
        switch (c) {
            case 'd': return kDigits;
            case 'D': return complement(kDigits);
            case 'w': return kWord;
            case 'W': return complement(kWord);
            case 's': return kSpace;
            case 'S': return complement(kSpace);
            case 't': return one('\t');
            case 'n': return one('\n');
            case 'r': return one('\r');
            case 'f': return one('\f');
            case 'v': return one('\v');
            case '0': return one(0);
            case 'x': return one(hex(2));
            case 'u': return one(unicode());
            case 'c':
                if (std::isalpha(static_cast<unsigned char>(peek()))) return one(source_[at_++] & 0x1f);
                break;
            case 'b':
                if (in_class) return one('\b');
                break;
            case '-':
                if (in_class) return one('-');
                break;
            default:
                if (std::string_view("^$\\.*+?()[]{}|/").find(c) != std::string_view::npos) return one(c);
                break;
        }
        --at_;
        fail(concat("\"\\", std::string_view(&c, 1), "\" is not supported"));
        return {};
    }

    char32_t hex(std::size_t digits) {
        char32_t point = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            const char c = peek();
            if (!std::isxdigit(static_cast<unsigned char>(c))) {
                fail("hexadecimal digits are missing");
                return 0;
            }
            point = point * 16 + static_cast<char32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
            ++at_;
        }
        return point;
    }

    char32_t unicode() {
        if (take('{')) {
            std::size_t digits = 0;
            while (at_ + digits < source_.size() && source_[at_ + digits] != '}')
                ++digits;
            const char32_t point = digits == 0 || digits > 6 ? kLast + 1 : hex(digits);
            if (!take('}') || point > kLast) fail("not a code point in \\u{}");
            return point;
        }
        const char32_t high = hex(4);
        if (high >= 0xd800 && high <= 0xdbff && takeText("\\u")) {
            const char32_t low = hex(4);
            if (low < 0xdc00 || low > 0xdfff) fail("half a surrogate pair");
            return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        }
        return high;
    }

    char32_t codePoint() {
        const auto lead = static_cast<unsigned char>(source_[at_++]);
        if (lead < 0x80) return lead;
        std::size_t left = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;  // schemas are valid UTF-8 by parseJson()
        char32_t point = lead & (0x3fu >> left);
        for (; left > 0 && more(); --left)
            point = (point << 6) | (static_cast<unsigned char>(source_[at_++]) & 0x3f);
        return point;
    }

    std::string_view source_;
    std::size_t at_ = 0;
    std::string problem_;
};

}  // namespace

Result<PatternNode> parsePattern(std::string_view source) {
    return Parser(source).parse();
}

}  // namespace howdah::kernel
