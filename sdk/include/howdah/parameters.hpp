// A JSON array of a call's arguments as the parameters of a statement: $1 is the first element.
//
// Owns: nothing but what it had to write anew; the array must outlive it.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <howdah/call.hpp>

namespace howdah {

class Parameters {
public:
    // `array` is valid by the tool's schema: an array, or null when the argument is absent.
    explicit Parameters(const Json& array) {
        if (!array.is_array()) return;
        texts_.reserve(array.size());  // never moved again: values point into it
        values_.reserve(array.size());
        for (const Json& element : array)
            values_.push_back(valueOf(element));
    }
    Parameters(const Parameters&) = delete;
    Parameters& operator=(const Parameters&) = delete;

    const Values& values() const { return values_; }

private:
    Value valueOf(const Json& element) {
        switch (element.type()) {
            case Json::value_t::null: return nullptr;
            case Json::value_t::boolean: return element.get<bool>();
            case Json::value_t::string: return element.get_ref<const std::string&>();
            case Json::value_t::number_float: return element.get<double>();
            case Json::value_t::number_integer: return element.get<std::int64_t>();
            case Json::value_t::number_unsigned:
                // Above int8, PostgreSQL still takes it as numeric: in digits, not rounded.
                if (element.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
                    return texts_.emplace_back(element.dump());
                }
                return element.get<std::int64_t>();
            default: return Value::json(texts_.emplace_back(element.dump()));
        }
    }

    std::vector<std::string> texts_;
    Values values_;
};

}  // namespace howdah
