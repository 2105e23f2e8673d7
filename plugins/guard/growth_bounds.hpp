// Upper bounds of one expression: what it gives, and what PostgreSQL makes on the way to it.
//
// Columns of tables are taken for ordinary data (1,000 bytes, numbers up to 10,000); what a statement makes itself is
// bounded by what it is made of.
//
// Threads: values and pure functions.
// Source:  PostgreSQL manual, "String Functions", "Numeric Types"; source, utils/adt/varlena.c, numeric.c.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

constexpr double kAnything = 2147483648.0;  // a number, or bytes, of which nothing is known
constexpr double kNothing = 1e-9;           // the same of how near to 0 a divisor may be
constexpr double kMost = 1e30;              // so that sums and products stay numbers

// What a text is; noBound() is none of them.
constexpr std::uint8_t kNoForm = 0, kPlain = 1, kJson = 2, kXml = 4;

struct Bound {
    double bytes = 64;       // of the value, as text
    double number = 10'000;  // of it, whatever its sign
    double least = 1;        // the same from below, where it is not 0
    double grain = 1;        // its digits go down to this, so a sum of such values is 0 or no nearer to it
    double grown = 0;        // bytes of it that come from the statement itself: constants, and what grows out of them
    double parts = 1;        // of the expression, with columns written out
    double made = 0;         // bytes of values made on the way, as often as they are made
    double work = 0;         // steps in which nothing looks at a time limit
    double brackets = 0;     // that it may open one in another, read as a document
    bool data = false;       // depends on rows
    std::uint8_t forms = kPlain;   // of its text: those of one form are put together without escapes
    std::uint64_t selves = 0;      // columns of the recursion around that it is made of, by their place
    std::uint64_t doubled = 0;     // of them those that it has twice
    std::uint64_t parameters = 0;  // it is made of: $1 is bit 0, those from $64 on are bit 63

    void widen(const Bound& other) {
        bytes = std::max(bytes, other.bytes);
        number = std::max(number, other.number);
        least = std::min(least, other.least);
        grain = std::min(grain, other.grain);
        grown = std::max(grown, other.grown);
        brackets = std::max(brackets, other.brackets);
        forms |= other.forms;
        selves |= other.selves;
        doubled |= other.doubled;
        note(other);
    }
    // The same of two columns of one name, of which one alone is used.
    void beEither(const Bound& other) {
        const Bound before = *this;
        widen(other);
        parts = std::max(before.parts, other.parts);
        made = std::max(before.made, other.made);
        work = std::max(before.work, other.work);
    }
    // What it costs besides, whatever becomes of its value.
    void note(const Bound& other) {
        parts += other.parts;
        made += other.made;
        work += other.work;
        data = data || other.data;
        parameters |= other.parameters;
    }
};

inline bool isConstant(const Bound& bound) {
    return !bound.data && bound.parameters == 0;
}
constexpr double kDigitsMax = 150'000;   // of a numeric
constexpr double kHeldOfConstants = 64;  // bytes that a byte of a constant costs once it is an array, a document, a row

constexpr double kEnlarged = 16;  // bytes that are made of one of data count as one

inline double product(double left, double right) {
    return std::min(left * right, kMost);
}
inline bool isOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
}

inline Bound dataBound() {
    Bound data;
    data.bytes = 1'000;
    data.data = true;
    return data;
}
inline Bound unknownBound() {
    Bound unknown;
    unknown.bytes = unknown.number = unknown.grown = unknown.brackets = kAnything;
    unknown.least = unknown.grain = kNothing;
    return unknown;
}
// Of a column that is in none of the sources: nothing is known of it, but that no value is larger.
inline Bound missingBound() {
    Bound missing = unknownBound();
    missing.bytes = 1024 * 1024;
    missing.grown = missing.bytes / 128;
    return missing;
}
// No part, no byte: to add to.
inline Bound noBound() {
    Bound none;
    none.bytes = none.number = none.parts = 0;
    none.forms = kNoForm;
    return none;
}

// The largest number that a text may be read as, and the least other than 0: PostgreSQL takes 0x7f, 1_000 and 1e9, and
// its types many forms with numbers in them.
struct Numbers {
    double largest = 0, least = 1;
    double grain = 1;
    double digits = 0;  // that are made of exponents
};
Numbers numbersIn(std::string_view text);

Bound constantBound(const NodeView& constant);
Bound operatorBound(std::string_view op, const Bound& left, const Bound& right);
// `args` are those of the call as it is written; of an aggregate too.
Bound callBound(std::string_view name, const NodeView& call, std::span<const Bound> args);
// char(n) and bit(n) pad.
Bound castBound(const NodeView& type, const Bound& value);
// Bytes that a type's modifier pads to, in an array each element; 0 if it pads nothing.
double paddedBytes(const NodeView& type, const Bound& value);
// What of a row or of an array its text is at most: each \ and " in a part is written twice.
Bound quoted(Bound bound);
// Of an element of a document that is built: what is not of that form is escaped, up to six bytes for one.
Bound escapedIn(std::uint8_t form, Bound part);

// The sum of parts that are put together, and the same as alternatives of which one is given.
Bound together(std::span<const Bound> parts);
void put(Bound& sum, const Bound& part);  // one part more
Bound anyOf(std::span<const Bound> parts);

}  // namespace howdah::guard
