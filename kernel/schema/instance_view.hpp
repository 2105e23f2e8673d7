// One way to look at an instance, whoever parsed it: simdjson (tool arguments), nlohmann (configuration, constants of a
// schema) or a bare text (a property's name). The validator is written once over these.
//
// Threads: any. Owns: nothing.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "kernel/base/json.hpp"

namespace howdah::kernel {

// Every int64, uint64 and double is exact in it (x86-64: 64-bit mantissa; AArch64: 113-bit).
using Number = long double;

// Bits, so that a set of types is one test.
enum : std::uint8_t {
    kNull = 1,
    kBoolean = 2,
    kObject = 4,
    kArray = 8,
    kString = 16,
    kInteger = 32,   // also 1.0: what counts is the value
    kFraction = 64,  // a number that is no integer
    kNumber = kInteger | kFraction,
    kAnyType = 127,
};

inline std::uint8_t numberType(double number) {
    return std::trunc(number) == number ? kInteger : kFraction;
}

class SimdjsonView {
public:
    explicit SimdjsonView(simdjson::dom::element element) : element_(element) {}

    std::uint8_t type() const {
        switch (element_.type()) {
            case simdjson::dom::element_type::ARRAY: return kArray;
            case simdjson::dom::element_type::OBJECT: return kObject;
            case simdjson::dom::element_type::INT64:
            case simdjson::dom::element_type::UINT64: return kInteger;
            case simdjson::dom::element_type::DOUBLE: return numberType(element_.get_double().value_unsafe());
            case simdjson::dom::element_type::STRING: return kString;
            case simdjson::dom::element_type::BOOL: return kBoolean;
            case simdjson::dom::element_type::NULL_VALUE: return kNull;
        }
        return kNull;
    }
    Number number() const {
        switch (element_.type()) {
            case simdjson::dom::element_type::INT64: return element_.get_int64().value_unsafe();
            case simdjson::dom::element_type::UINT64: return element_.get_uint64().value_unsafe();
            default: return element_.get_double().value_unsafe();
        }
    }
    bool truth() const { return element_.get_bool().value_unsafe(); }
    std::string_view text() const { return element_.get_string().value_unsafe(); }

    // Stop and return false when the visitor does.
    template <typename Visitor>
    bool forEachElement(Visitor visit) const {
        const simdjson::dom::array elements = element_.get_array().value_unsafe();
        for (simdjson::dom::element element : elements) {
            if (!visit(SimdjsonView(element))) return false;
        }
        return true;
    }
    template <typename Visitor>
    bool forEachMember(Visitor visit) const {
        const simdjson::dom::object members = element_.get_object().value_unsafe();
        for (simdjson::dom::key_value_pair member : members) {
            if (!visit(member.key, SimdjsonView(member.value))) return false;
        }
        return true;
    }

private:
    simdjson::dom::element element_;
};

class JsonView {
public:
    explicit JsonView(const Json& json) : json_(&json) {}

    std::uint8_t type() const {
        switch (json_->type()) {
            case Json::value_t::array: return kArray;
            case Json::value_t::object: return kObject;
            case Json::value_t::number_integer:
            case Json::value_t::number_unsigned: return kInteger;
            case Json::value_t::number_float: return numberType(json_->get<double>());
            case Json::value_t::string: return kString;
            case Json::value_t::boolean: return kBoolean;
            default: return kNull;
        }
    }
    Number number() const {
        if (json_->is_number_unsigned()) return static_cast<Number>(json_->get<std::uint64_t>());
        if (json_->is_number_integer()) return static_cast<Number>(json_->get<std::int64_t>());
        return json_->get<double>();
    }
    bool truth() const { return json_->get<bool>(); }
    std::string_view text() const { return json_->get_ref<const std::string&>(); }

    template <typename Visitor>
    bool forEachElement(Visitor visit) const {
        for (const Json& element : *json_) {
            if (!visit(JsonView(element))) return false;
        }
        return true;
    }
    template <typename Visitor>
    bool forEachMember(Visitor visit) const {
        for (const auto& [key, value] : json_->get_ref<const Json::object_t&>()) {
            if (!visit(std::string_view(key), JsonView(value))) return false;
        }
        return true;
    }

private:
    const Json* json_;
};

class TextView {
public:
    explicit TextView(std::string_view text) : text_(text) {}

    std::uint8_t type() const { return kString; }
    Number number() const { return 0; }
    bool truth() const { return false; }
    std::string_view text() const { return text_; }
    template <typename Visitor>
    bool forEachElement(Visitor) const {
        return true;
    }
    template <typename Visitor>
    bool forEachMember(Visitor) const {
        return true;
    }

private:
    std::string_view text_;
};

}  // namespace howdah::kernel
