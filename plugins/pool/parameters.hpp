// A statement's parameters in PostgreSQL's text format, in the arrays libpq wants.
//
// Owns:   the texts; valid as long as the object.
// Errors: invalid_argument for a text with a NUL character, which PostgreSQL cannot store, or too many parameters.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <libpq-fe.h>

#include <howdah/abi/base.h>
#include <howdah/result.hpp>

namespace howdah::pool {

// A type that is not built in and turned out to be an array; the delimiter stands between its elements.
struct ArrayType {
    Oid oid;
    char delimiter;
};

class Parameters {
public:
    Parameters() = default;
    Parameters(Parameters&&) = default;  // the pointers go with the texts; a copy's would not
    Parameters& operator=(Parameters&&) = default;

    static Result<Parameters> from(std::span<const howdah_value> values);

    // For the pool's own statements.
    static Parameters ofTexts(std::vector<std::string> texts);

    int count() const { return static_cast<int>(values_.size()); }
    const char* const* values() const { return values_.data(); }
    const Oid* types() const { return types_.data(); }
    bool anyTyped() const { return typed_; }

    // JSON arrays whose type is left to the server: what they must look like depends on it, ["a"] for jsonb and {"a"}
    // for text[].
    bool hasArrays() const { return !arrays_.empty(); }
    // Given the types the server found: those of arrays that are not built in, so may be array types or not.
    std::vector<Oid> unknownOf(const std::vector<Oid>& types) const;
    // With the arrays that belong to an array type, built in or among `array_types`, in PostgreSQL's form.
    // invalid_argument for a text in one that PostgreSQL cannot store.
    Result<Parameters> withArrays(const std::vector<Oid>& types, const std::vector<ArrayType>& array_types) const;

private:
    void pointAtTexts();

    std::vector<std::string> texts_;
    std::vector<bool> nulls_;
    std::vector<const char*> values_;
    std::vector<Oid> types_;
    std::vector<std::size_t> arrays_;
    bool typed_ = false;
};

}  // namespace howdah::pool
