// Whether a json or jsonb value can be spliced into an answer as it is, so that every reader sees the same value.
//
// Refused: text that is not JSON, more than 32 levels, a number that does not survive a double, a key twice in one
// object (readers disagree on which wins), a lone surrogate or bytes that are not UTF-8 (readers disagree or fail).
//
// Threads: one at a time. Owns: the keys of the value being looked at; reused from value to value.
// Source:  RFC 8259; RFC 7493 (I-JSON) sections 2.1 to 2.3.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/json_text.hpp>
#include <howdah/values/number.hpp>

namespace howdah {

inline constexpr int kSpliceDepthMax = 32;

class JsonCheck {
public:
    // jsonb never holds a key twice, so the costly part can be left out for it.
    bool splices(std::string_view text, bool keys_known_unique) {
        at_ = text.data();
        end_ = at_ + text.size();
        watch_keys_ = !keys_known_unique;
        keys_.clear();
        decoded_.clear();
        skipSpace();
        if (!value(0)) return false;
        skipSpace();
        return at_ == end_;
    }

private:
    void skipSpace() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
            ++at_;
    }
    bool take(char expected) {
        if (at_ == end_ || *at_ != expected) return false;
        ++at_;
        return true;
    }
    bool take(std::string_view word) {
        if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) return false;
        at_ += word.size();
        return true;
    }

    bool value(int depth) {  // recursion is bounded by kSpliceDepthMax
        if (at_ == end_) return false;
        switch (*at_) {
            case '{': return depth < kSpliceDepthMax && object(depth + 1);
            case '[': return depth < kSpliceDepthMax && array(depth + 1);
            case '"': return string();
            case 't': return take("true");
            case 'f': return take("false");
            case 'n': return take("null");
            default: return number();
        }
    }

    bool number() {
        std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
        JsonNumber found = scanJsonNumber(rest);
        if (found.size == 0) return false;
        at_ += found.size;
        return survivesDouble(rest.substr(0, found.size), found);
    }

    bool array(int depth) {
        ++at_;
        skipSpace();
        if (take(']')) return true;
        do {
            skipSpace();
            if (!value(depth)) return false;
            skipSpace();
        } while (take(','));
        return take(']');
    }

    bool object(int depth) {
        ++at_;
        skipSpace();
        if (take('}')) return true;
        const std::size_t first_key = keys_.size();
        do {
            skipSpace();
            if (at_ == end_ || *at_ != '"' || !key()) return false;
            skipSpace();
            if (!take(':')) return false;
            skipSpace();
            if (!value(depth)) return false;
            skipSpace();
        } while (take(','));
        return take('}') && keysDiffer(first_key);
    }

    bool key() {
        const char* start = at_ + 1;
        if (!string()) return false;
        if (!watch_keys_) return true;
        std::string_view raw(start, static_cast<std::size_t>(at_ - 1 - start));
        if (raw.find('\\') != std::string_view::npos) raw = decoded_.emplace_back(decode(raw));
        keys_.push_back(raw);
        return true;
    }

    bool keysDiffer(std::size_t first_key) {
        if (!watch_keys_) return true;
        auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(first_key);
        std::sort(begin, keys_.end());
        bool differ = std::adjacent_find(begin, keys_.end()) == keys_.end();
        keys_.erase(begin, keys_.end());
        return differ;
    }

    bool string() {
        ++at_;
        while (true) {
            at_ += detail::plainPrefix(at_, end_);
            if (at_ == end_) return false;
            const auto byte = static_cast<unsigned char>(*at_);
            if (byte == '"') {
                ++at_;
                return true;
            }
            if (byte == '\\') {
                if (!escape()) return false;
            } else if (byte >= 0x80) {
                std::size_t length = detail::utf8Sequence(at_, end_);
                if (length == 0) return false;
                at_ += length;
            } else {
                return false;  // a control character
            }
        }
    }

    bool escape() {
        ++at_;
        if (at_ == end_) return false;
        if (*at_ != 'u') return std::string_view("\"\\/bfnrt").find(*at_++) != std::string_view::npos;
        ++at_;
        std::int32_t unit = hex4(at_, end_);
        if (unit < 0) return false;
        at_ += 4;
        if (unit < 0xd800 || unit > 0xdfff) return true;
        if (unit > 0xdbff || !take("\\u")) return false;  // a lone surrogate
        std::int32_t low = hex4(at_, end_);
        if (low < 0xdc00 || low > 0xdfff) return false;
        at_ += 4;
        return true;
    }

    static std::int32_t hex4(const char* at, const char* end) {
        if (end - at < 4) return -1;
        std::int32_t unit = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = at[i];
            const char lower = static_cast<char>(c | 0x20);
            if (detail::isDigit(c)) {
                unit = unit * 16 + (c - '0');
            } else if (lower >= 'a' && lower <= 'f') {
                unit = unit * 16 + (lower - 'a' + 10);
            } else {
                return -1;
            }
        }
        return unit;
    }

    // The text of a key whose escapes string() found sound.
    static std::string decode(std::string_view raw) {
        std::string out;
        for (std::size_t i = 0; i < raw.size(); ++i) {
            if (raw[i] != '\\') {
                out += raw[i];
                continue;
            }
            switch (raw[++i]) {
                case 'b': out += '\b'; break;
                case 'f': out += '\f'; break;
                case 'n': out += '\n'; break;
                case 'r': out += '\r'; break;
                case 't': out += '\t'; break;
                case 'u': {
                    auto unitAt = [&](std::size_t from) {
                        return static_cast<std::uint32_t>(hex4(raw.data() + from, raw.data() + raw.size()));
                    };
                    std::uint32_t point = unitAt(i + 1);
                    i += 4;
                    if (point >= 0xd800 && point <= 0xdbff) {
                        point = 0x10000 + ((point - 0xd800) << 10) + (unitAt(i + 3) - 0xdc00);
                        i += 6;
                    }
                    appendUtf8(out, point);
                    break;
                }
                default: out += raw[i];
            }
        }
        return out;
    }

    static void appendUtf8(std::string& out, std::uint32_t point) {
        auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
        if (point < 0x80) {
            out += static_cast<char>(point);
        } else if (point < 0x800) {
            out += static_cast<char>(0xc0 | (point >> 6)), tail(0);
        } else if (point < 0x10000) {
            out += static_cast<char>(0xe0 | (point >> 12)), tail(6), tail(0);
        } else {
            out += static_cast<char>(0xf0 | (point >> 18)), tail(12), tail(6), tail(0);
        }
    }

    const char* at_ = nullptr;
    const char* end_ = nullptr;
    bool watch_keys_ = true;
    std::vector<std::string_view> keys_;  // of the objects that are open, innermost last
    std::deque<std::string> decoded_;     // keys that were spelt with escapes; keys_ points here, so nothing may move
};

}  // namespace howdah
