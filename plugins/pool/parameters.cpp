#include "parameters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include <howdah/values/type_table.hpp>

#include "array_literal.hpp"

namespace howdah::pool {
namespace {

std::string numberText(double number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return concat(number);  // shortest form that reads back as the same number
}

Error holdsNul(std::size_t index) {
    return Error::invalidArgument("parameter $", index + 1,
                                  " holds a NUL character, which PostgreSQL cannot store in text");
}

std::string textOf(const howdah_value& value) {
    switch (value.type) {
        case HOWDAH_VALUE_BOOL: return value.integer ? "t" : "f";
        case HOWDAH_VALUE_INTEGER: return std::to_string(value.integer);
        case HOWDAH_VALUE_NUMBER: return numberText(value.number);
        default: return std::string(value.text.data, value.text.size);
    }
}

}  // namespace

Result<Parameters> Parameters::from(std::span<const howdah_value> values) {
    constexpr std::size_t kMost = 65535;  // the protocol counts them in 16 bits
    if (values.size() > kMost) {
        return Error::invalidArgument("a statement takes at most ", kMost, " parameters, got ", values.size());
    }
    Parameters out;
    out.texts_.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const howdah_value& value = values[i];
        if (value.type > HOWDAH_VALUE_JSON) {
            return Error::invalidArgument("parameter $", i + 1, " has the unknown type ", value.type);
        }
        out.nulls_.push_back(value.type == HOWDAH_VALUE_NULL);
        out.texts_.push_back(out.nulls_.back() ? std::string{} : textOf(value));
        if (out.texts_.back().find('\0') != std::string::npos) {
            return holdsNul(i);
        }
        if (value.type == HOWDAH_VALUE_JSON && value.type_oid == 0 && out.texts_.back().starts_with('[')) {
            out.arrays_.push_back(i);
        }
        out.types_.push_back(value.type_oid);
        out.typed_ = out.typed_ || value.type_oid != 0;
    }
    out.pointAtTexts();
    return out;
}

Parameters Parameters::ofTexts(std::vector<std::string> texts) {
    Parameters out;
    out.texts_ = std::move(texts);
    out.nulls_.assign(out.texts_.size(), false);
    out.types_.assign(out.texts_.size(), 0);
    out.pointAtTexts();
    return out;
}

std::vector<Oid> Parameters::unknownOf(const std::vector<Oid>& types) const {
    std::vector<Oid> unknown;
    for (std::size_t i : arrays_) {
        if (i < types.size() && typeName(types[i]).empty()) unknown.push_back(types[i]);
    }
    return unknown;
}

Result<Parameters> Parameters::withArrays(const std::vector<Oid>& types,
                                          const std::vector<ArrayType>& array_types) const {
    Parameters out;
    out.texts_ = texts_;
    out.nulls_ = nulls_;
    out.types_ = types_;
    out.typed_ = typed_;
    for (std::size_t i : arrays_) {
        if (i >= types.size()) break;  // the statement has fewer; the server says so
        const TypeShape shape = typeShape(types[i]);
        const auto found = std::ranges::find(array_types, types[i], &ArrayType::oid);
        if (!shape.is_array && found == array_types.end()) continue;
        const auto array = nlohmann::json::parse(texts_[i], nullptr, false);
        if (!array.is_array()) continue;
        const char delimiter = shape.is_array ? shape.delimiter : found->delimiter;
        out.texts_[i] = arrayLiteral(array, delimiter, shape.form == Form::json);
        if (out.texts_[i].find('\0') != std::string::npos) return holdsNul(i);
    }
    out.pointAtTexts();
    return out;
}

void Parameters::pointAtTexts() {
    values_.reserve(texts_.size());
    for (std::size_t i = 0; i < texts_.size(); ++i)
        values_.push_back(nulls_[i] ? nullptr : texts_[i].c_str());
}

}  // namespace howdah::pool
