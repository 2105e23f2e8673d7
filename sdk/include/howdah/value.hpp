// A tool argument or a statement parameter.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/abi/base.h>

namespace howdah {

// Borrows its text. Parameters of statements: NULL, boolean, numbers, text, or JSON text; types are inferred by the
// server unless type_oid is given.
class Value {
public:
    Value() : raw_{} {}
    Value(std::nullptr_t) : raw_{} {}  // NOLINT: implicit by design
    template <std::same_as<bool> Bool>
    Value(Bool truth) : raw_{} {
        raw_.type = HOWDAH_VALUE_BOOL, raw_.integer = truth;
    }  // NOLINT
    template <std::integral Integer>
        requires(!std::is_same_v<Integer, bool>)
    Value(Integer number) : raw_{} {  // NOLINT
        raw_.type = HOWDAH_VALUE_INTEGER;
        raw_.integer = static_cast<std::int64_t>(number);
    }
    Value(double number) : raw_{} { raw_.type = HOWDAH_VALUE_NUMBER, raw_.number = number; }  // NOLINT
    Value(std::string_view text) : raw_{} { setText(HOWDAH_VALUE_TEXT, text); }               // NOLINT
    Value(const char* text) : Value(std::string_view{text}) {}                                // NOLINT
    Value(const std::string& text) : Value(std::string_view{text}) {}                         // NOLINT
    explicit Value(const howdah_value& raw) : raw_(raw) {}

    static Value json(std::string_view text) {
        Value value;
        value.setText(HOWDAH_VALUE_JSON, text);
        return value;
    }

    const howdah_value& raw() const { return raw_; }
    std::uint32_t type() const { return raw_.type; }
    bool isNull() const { return raw_.type == HOWDAH_VALUE_NULL; }
    std::string_view text() const { return {raw_.text.data, static_cast<std::size_t>(raw_.text.size)}; }
    std::int64_t integer() const { return raw_.integer; }
    double number() const {
        return raw_.type == HOWDAH_VALUE_INTEGER ? static_cast<double>(raw_.integer) : raw_.number;
    }
    bool boolean() const { return raw_.integer != 0; }

private:
    void setText(std::uint32_t type, std::string_view text) {
        raw_.type = type;
        raw_.text = {text.data(), text.size()};
    }
    howdah_value raw_;
};
static_assert(sizeof(Value) == sizeof(howdah_value), "arrays of Value are arrays of howdah_value");

using Values = std::vector<Value>;

inline const howdah_value* toAbi(const Values& values) {
    return reinterpret_cast<const howdah_value*>(values.data());
}

}  // namespace howdah
