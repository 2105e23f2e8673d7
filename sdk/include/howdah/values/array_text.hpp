// Walks PostgreSQL's text form of an array: {1,2,NULL}, {{"a b","c\"d"},{e,f}}, [0:1]={1,2}.
//
// Source: PostgreSQL manual, "Arrays", section "Array Input and Output Syntax".
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <howdah/values/byte_set.hpp>
#include <howdah/values/number.hpp>

namespace howdah {

inline constexpr int kArrayDimensionsMax = 6;  // MAXDIM of PostgreSQL

// The bounds an array carries when one of them does not start at 1: "[0:1][2:3]", else "".
inline std::string_view arrayBounds(std::string_view text) {
    if (text.empty() || text.front() != '[') return {};
    return text.substr(0, text.find('='));
}

// The array without its bounds.
inline std::string_view arrayBody(std::string_view text) {
    std::string_view bounds = arrayBounds(text);
    return bounds.empty() ? text : text.substr(std::min(text.size(), bounds.size() + 1));
}

// Lower bounds of "[0:1][-2:3]" go to `bound` one by one, as text; false when it is spelt otherwise.
template <typename Take>
bool walkLowerBounds(std::string_view bounds, Take&& bound) {
    auto isInteger = [](std::string_view text) {
        JsonNumber number = scanJsonNumber(text);
        return number.integer && number.size != 0 && number.size == text.size();
    };
    int dimensions = 0;
    while (!bounds.empty()) {
        std::size_t colon = bounds.find(':');
        std::size_t close = bounds.find(']');
        if (bounds.front() != '[' || close == std::string_view::npos || colon > close) return false;
        std::string_view lower = bounds.substr(1, colon - 1);
        if (!isInteger(lower) || !isInteger(bounds.substr(colon + 1, close - colon - 1))) return false;
        if (++dimensions > kArrayDimensionsMax) return false;
        bound(lower);
        bounds.remove_prefix(close + 1);
    }
    return dimensions > 0;
}

namespace detail {

// Reads one element at the start of `rest` and cuts it off. `room` keeps what had backslashes.
struct ArrayElement {
    std::string_view text;
    bool is_null = false;
    bool sound = false;
};
inline ArrayElement takeElement(std::string_view& rest, char delimiter, std::string& room) {
    ArrayElement element;
    if (!rest.empty() && rest.front() == '"') {
        room.clear();
        static constexpr ByteSet kSpecial("\"\\");
        std::size_t from = 1;
        std::size_t at = kSpecial.firstIn(rest, from);
        while (at + 1 < rest.size() && rest[at] == '\\') {
            room.append(rest, from, at - from);
            room += rest[at + 1];
            from = at + 2;
            at = kSpecial.firstIn(rest, from);
        }
        if (at >= rest.size() || rest[at] != '"') return element;
        if (from == 1) {
            element.text = rest.substr(1, at - 1);  // no backslash: the text can be read where it is
        } else {
            room.append(rest, from, at - from);
            element.text = room;
        }
        rest.remove_prefix(at + 1);
    } else {
        std::size_t size = 0;
        while (size != rest.size() && rest[size] != delimiter && rest[size] != '}') {
            if (rest[size] == '{' || rest[size] == '"' || rest[size] == '\\') return element;
            ++size;
        }
        if (size == 0) return element;
        element.text = rest.substr(0, size);
        element.is_null = element.text == "NULL";
        rest.remove_prefix(size);
    }
    element.sound = true;
    return element;
}

}  // namespace detail

// Calls visitor.open(), close(), separator(), null() and element(std::string_view) in order. False as soon as the text
// is not an array body; the visitor may have been called by then.
template <typename Visitor>
bool walkArray(std::string_view body, char delimiter, Visitor& visitor) {
    std::string room;
    std::string_view rest = body;
    int depth = 0;
    bool item_next = true;
    if (rest.empty() || rest.front() != '{') return false;
    do {
        if (rest.empty()) return false;
        const char c = rest.front();
        if (item_next && c == '{') {
            if (++depth > kArrayDimensionsMax) return false;
            visitor.open();
            rest.remove_prefix(1);
            item_next = rest.empty() || rest.front() != '}';  // {} has no item
        } else if (item_next) {
            detail::ArrayElement element = detail::takeElement(rest, delimiter, room);
            if (!element.sound) return false;
            if (element.is_null) {
                visitor.null();
            } else if (!visitor.element(element.text)) {
                return false;
            }
            item_next = false;
        } else if (c == '}') {
            visitor.close();
            rest.remove_prefix(1);
            --depth;
        } else if (c == delimiter) {
            visitor.separator();
            rest.remove_prefix(1);
            item_next = true;
        } else {
            return false;
        }
    } while (depth > 0);
    return rest.empty();
}

}  // namespace howdah
