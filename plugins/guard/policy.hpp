// What the operator has opened beyond PostgreSQL's own safe names, and the limits of a text.
//
// Threads: immutable after make(), shared by all.
// Errors:  invalid_argument names the entry and the accepted forms.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/result.hpp>

namespace howdah::guard {

struct Limits {
    std::uint32_t text_bytes_max = 64 * 1024;  // 1..65536, the large stack is measured for this
    std::uint32_t tokens_max = 20'000;         // 1..20000
    std::uint32_t nesting_max = 500;           // 1..1000, parentheses, brackets, CASE and runs of prefix operators
    std::uint32_t parameters_max = 1'000;      // 1..65535
};

// What the operator vouches for, by name.
struct Opened {
    std::vector<std::string> functions;
    std::vector<std::string> operators;
    std::vector<std::string> extensions;  // whose functions that are not VOLATILE only read
    std::vector<std::string> relations;   // schema.name or schema.*
};

class Policy {
public:
    Policy() = default;

    // An entry is a name as it stands in the statement ("similarity", "public.similarity"); a trailing * opens a family
    // ("st_*", "geo.*") but never one of PostgreSQL's own unsafe functions, which need their exact name.
    static Result<Policy> make(Opened opened, Limits limits, std::uint64_t generation);
    static Result<Policy> make(std::vector<std::string> functions_allowed, std::vector<std::string> operators_allowed,
                               Limits limits, std::uint64_t generation) {
        return make({std::move(functions_allowed), std::move(operators_allowed), {}, {}}, limits, generation);
    }

    bool opensFunction(std::string_view schema, std::string_view function, bool exact_only) const;
    bool opensOperator(std::string_view schema, std::string_view op) const;
    bool opensExtension(std::string_view extension) const;
    bool opensRelation(std::string_view schema, std::string_view relation) const;
    const Limits& limits() const { return limits_; }
    std::uint64_t generation() const { return generation_; }  // differs between policies: part of every cache key

private:
    Opened opened_;
    Limits limits_;
    std::uint64_t generation_ = 0;
};

}  // namespace howdah::guard
