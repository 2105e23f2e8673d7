// One value of PostgreSQL's text format into JSON, by the type contract (docs/types.md).
//
// Threads: any; nothing is shared.
// Owns:    nothing. A plan is chosen once per column, then each value costs one indirect call and no allocation
//          (array elements spelt with backslashes excepted).
// Errors:  none. A text that is not what its type promises is written as a JSON string: never invalid JSON, never lost.
// Source:  PostgreSQL manual, "Date/Time Output" (ISO style), "Binary Data Types", "Arrays".
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/json_text.hpp>
#include <howdah/values/array_text.hpp>
#include <howdah/values/number.hpp>
#include <howdah/values/type_table.hpp>

namespace howdah {

enum class BytesForm : std::uint8_t {
    base64,  // RFC 4648 section 4, padded
    hex,     // \x0a1b, as PostgreSQL writes and reads it
};

struct ValueOptions {
    BytesForm bytes = BytesForm::base64;
};

// How the values of one column are written.
struct ColumnPlan {
    using Write = void (*)(std::string& out, std::string_view text, const ColumnPlan& plan);
    Write write = nullptr;          // a whole value
    Write write_element = nullptr;  // arrays: one element
    Form form = Form::opaque;
    bool is_array = false;
    char delimiter = ',';
    bool splice = false;  // json: every value of the column passed JsonCheck
    BytesForm bytes = BytesForm::base64;
};

namespace detail {

inline void writeString(std::string& out, std::string_view text, const ColumnPlan&) {
    appendJsonString(out, text);
}

inline void writeNothing(std::string& out, std::string_view, const ColumnPlan&) {
    out += "null";
}

inline void writeInteger(std::string& out, std::string_view text, const ColumnPlan&) {
    if (isSafeInteger(text)) {
        out += text;
    } else {
        appendJsonString(out, text);
    }
}

inline void writeFloating(std::string& out, std::string_view text, const ColumnPlan&) {
    if (text == "-0") {
        out += "-0.0";  // many readers take -0 for an integer, which has no sign then
    } else if (isFiniteNumber(text)) {
        out += text;
    } else {
        appendJsonString(out, text);
    }
}

inline void writeBoolean(std::string& out, std::string_view text, const ColumnPlan&) {
    if (text == "t") {
        out += "true";
    } else if (text == "f") {
        out += "false";
    } else {
        appendJsonString(out, text);
    }
}

// Where "2024-01-31 12:..." has its blank; 0 when this is no ISO timestamp (infinity, another DateStyle).
inline std::size_t dateEnd(std::string_view text) {
    std::size_t year = 0;
    while (year < text.size() && isDigit(text[year]))
        ++year;
    if (year < 4 || text.size() < year + 8) return 0;
    const char* rest = text.data() + year;
    bool iso = rest[0] == '-' && isDigit(rest[1]) && isDigit(rest[2]) && rest[3] == '-' && isDigit(rest[4]) &&
               isDigit(rest[5]) && rest[6] == ' ' && isDigit(rest[7]);
    return iso ? year + 6 : 0;
}

inline void writeTimestamp(std::string& out, std::string_view text, const ColumnPlan&) {
    const std::size_t blank = dateEnd(text);
    const std::size_t start = out.size() + 1;  // behind the quote
    appendJsonString(out, text);
    if (blank != 0) out[start + blank] = 'T';  // nothing before it needs an escape
}

// PostgreSQL leaves out the minutes of an offset when they are zero, ISO 8601's extended format does not.
inline void writeZoned(std::string& out, std::string_view text, const ColumnPlan&) {
    constexpr std::string_view kBeforeChrist = " BC";
    const std::size_t blank = dateEnd(text);
    if (blank == 0) return appendJsonString(out, text);
    const bool before_christ = text.ends_with(kBeforeChrist);
    if (before_christ) text.remove_suffix(kBeforeChrist.size());
    const char sign = text[text.size() - 3];
    const std::size_t start = out.size() + 1;
    out += '"';
    appendEscaped(out, text);
    out[start + blank] = 'T';
    if (sign == '+' || sign == '-') out += ":00";
    if (before_christ) out += kBeforeChrist;
    out += '"';
}

// Takes bytes one by one, writes base64 to where there is room for it.
class Base64Writer {
public:
    explicit Base64Writer(char* to) : to_(to) {}
    static std::size_t sizeFor(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

    void add(unsigned byte) {
        group_ = group_ << 8 | byte;
        if (++count_ == 3) flush();
    }
    // Where the text ends.
    char* finish() {
        if (count_ == 0) return to_;
        const int missing = 3 - count_;
        group_ <<= 8 * missing;
        flush();
        std::fill(to_ - missing, to_, '=');
        return to_;
    }

private:
    void flush() {
        static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (int shift = 18; shift >= 0; shift -= 6)
            *to_++ = kAlphabet[group_ >> shift & 63];
        group_ = 0;
        count_ = 0;
    }
    char* to_;
    unsigned group_ = 0;
    int count_ = 0;
};

inline constexpr auto kHexValues = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < 10; ++i)
        values['0' + i] = static_cast<std::int8_t>(i);
    for (std::size_t i = 0; i < 6; ++i) {
        values['a' + i] = static_cast<std::int8_t>(10 + i);
        values['A' + i] = static_cast<std::int8_t>(10 + i);
    }
    return values;
}();

// "\x0aff"; false when there is another character between.
inline bool addHexBytes(std::string_view text, Base64Writer& base64) {
    if (text.size() % 2 != 0) return false;
    for (std::size_t i = 2; i < text.size(); i += 2) {
        const int byte =
            kHexValues[static_cast<unsigned char>(text[i])] * 16 | kHexValues[static_cast<unsigned char>(text[i + 1])];
        if (byte < 0) return false;
        base64.add(static_cast<unsigned>(byte));
    }
    return true;
}

// bytea_output = escape: printable bytes as they are, \\ and \ooo. A value in hex never looks like one of these.
inline bool addEscapedBytes(std::string_view text, Base64Writer& base64) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            base64.add(static_cast<unsigned char>(text[i]));
        } else if (i + 1 < text.size() && text[i + 1] == '\\') {
            base64.add('\\');
            ++i;
        } else {
            if (i + 3 >= text.size()) return false;
            unsigned byte = 0;
            for (std::size_t j = i + 1; j <= i + 3; ++j) {
                if (text[j] < '0' || text[j] > '7') return false;
                byte = byte * 8 + static_cast<unsigned>(text[j] - '0');
            }
            if (byte > 0xff) return false;
            base64.add(byte);
            i += 3;
        }
    }
    return true;
}

inline void writeBytes(std::string& out, std::string_view text, const ColumnPlan& plan) {
    if (plan.bytes == BytesForm::hex) return appendJsonString(out, text);
    const std::size_t start = out.size();
    const bool hex = text.starts_with("\\x");
    out += '"';
    out.resize(start + 1 + Base64Writer::sizeFor(hex ? text.size() / 2 : text.size()));
    Base64Writer base64(out.data() + start + 1);
    if (!(hex ? addHexBytes(text, base64) : addEscapedBytes(text, base64))) {
        out.resize(start);
        return appendJsonString(out, text);
    }
    out.resize(static_cast<std::size_t>(base64.finish() - out.data()));
    out += '"';
}

inline void writeJson(std::string& out, std::string_view text, const ColumnPlan& plan) {
    if (!plan.splice) return appendJsonString(out, text);
    const std::size_t start = out.size();
    out += text;
    // A line break can only stand between tokens, and messages on stdio are lines.
    for (char line_break : {'\n', '\r'}) {
        for (std::size_t at = out.find(line_break, start); at != std::string::npos; at = out.find(line_break, at)) {
            out[at] = ' ';
        }
    }
}

class ArrayWriter {
public:
    ArrayWriter(std::string& out, const ColumnPlan& plan) : out_(out), plan_(plan) {}
    void open() { out_ += '['; }
    void close() { out_ += ']'; }
    void separator() { out_ += ','; }
    void null() { out_ += "null"; }
    bool element(std::string_view text) {
        plan_.write_element(out_, text, plan_);
        return true;
    }

private:
    std::string& out_;
    const ColumnPlan& plan_;
};

inline void writeArray(std::string& out, std::string_view text, const ColumnPlan& plan) {
    const std::size_t start = out.size();
    const std::string_view bounds = arrayBounds(text);
    bool sound = true;
    if (!bounds.empty()) {
        out += "{\"lower_bounds\":";
        char before = '[';
        sound = walkLowerBounds(bounds, [&](std::string_view lower) {
            out += before;
            out += lower;
            before = ',';
        });
        out += "],\"values\":";
    }
    ArrayWriter writer(out, plan);
    sound = sound && walkArray(arrayBody(text), plan.delimiter, writer);
    if (!sound) {
        out.resize(start);
        return appendJsonString(out, text);
    }
    if (!bounds.empty()) out += '}';
}

constexpr ColumnPlan::Write writerOf(Form form) {
    switch (form) {
        case Form::string:
        case Form::opaque: return writeString;
        case Form::integer: return writeInteger;
        case Form::floating: return writeFloating;
        case Form::boolean: return writeBoolean;
        case Form::timestamp: return writeTimestamp;
        case Form::zoned: return writeZoned;
        case Form::bytes: return writeBytes;
        case Form::json: return writeJson;
        case Form::nothing: return writeNothing;
    }
    return writeString;
}

}  // namespace detail

inline ColumnPlan planFor(std::uint32_t type_oid, const ValueOptions& options = {}) {
    const TypeShape shape = typeShape(type_oid);
    ColumnPlan plan;
    plan.form = shape.form;
    plan.is_array = shape.is_array;
    plan.delimiter = shape.delimiter;
    plan.bytes = options.bytes;
    plan.write_element = detail::writerOf(shape.form);
    plan.write = shape.is_array ? detail::writeArray : plan.write_element;
    return plan;
}

// What a reader must do with the strings of a column; arrays of it have "[]" behind. docs/types.md explains each.
constexpr std::string_view encodingName(const ColumnPlan& plan) {
    switch (plan.form) {
        case Form::string: return plan.is_array ? "string[]" : "string";
        case Form::opaque: return plan.is_array ? "text[]" : "text";
        case Form::integer:
        case Form::floating: return plan.is_array ? "number[]" : "number";
        case Form::boolean: return plan.is_array ? "boolean[]" : "boolean";
        case Form::timestamp:
        case Form::zoned: return plan.is_array ? "string[]" : "string";
        case Form::bytes:
            if (plan.bytes == BytesForm::hex) return plan.is_array ? "hex[]" : "hex";
            return plan.is_array ? "base64[]" : "base64";
        case Form::json:
            if (plan.splice) return plan.is_array ? "json[]" : "json";
            return plan.is_array ? "text[]" : "text";
        case Form::nothing: return "null";
    }
    return "text";
}

// One value that stands alone, e.g. in a tool's own answer. json and jsonb are written as their text.
inline void appendJsonValue(std::string& out, std::uint32_t type_oid, std::string_view text,
                            const ValueOptions& options = {}) {
    const ColumnPlan plan = planFor(type_oid, options);
    plan.write(out, text, plan);
}

}  // namespace howdah
