// JSON Schema 2020-12 with bounds: compiled once into a node tree, then run against tool arguments (simdjson) and
// configuration (nlohmann) alike.
//
// What holds: every keyword of 2020-12; references lead to places in the same schema only ($id, $anchor, JSON
// pointers); format and content* are annotations; `pattern` is the linear-time subset of kernel/schema/pattern.hpp.
// What is not supported is refused by compile(), never ignored. Keywords the standard does not know are annotations. A
// key of `properties` written twice in one object is a violation.
//
// Threads: compile() any; a Schema is immutable and cheap to copy (shared), validate() runs on any number of threads.
// Errors:  compile() says where in the schema (JSON pointer) and why. validate() returns the first violation.
// Bounds:  SchemaLimits; a validation that takes more than steps_max node visits is a violation, not a hang.
// Source:  https://json-schema.org/draft/2020-12/json-schema-core, .../json-schema-validation
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <simdjson.h>

#include "kernel/base/json.hpp"

namespace howdah::kernel {

struct SchemaLimits {
    std::size_t bytes_max = 256u << 10;  // of the schema, as compact text
    std::size_t subschemas_max = 10000;  // all nodes together
    std::size_t depth_max = 64;          // nesting of the schema
    std::size_t steps_max = 1000000;     // node visits of one validation
};

// What does not fit, in words a person or a model can act on.
struct Violation {
    std::string pointer;   // JSON pointer into the instance; "" is the whole
    std::string message;   // `"limit" must be an integer between 1 and 1000, got "5m"`
    std::string expected;  // the same without the name and what was met: `must be an integer between 1 and 1000`
    std::string met;       // `"5m"`; "" if it would add nothing. Leave it out where the value may be a secret
};

class Schema {
public:
    Schema() = default;  // accepts everything

    static Result<Schema> compile(const Json& schema, SchemaLimits limits = {});

    std::optional<Violation> validate(simdjson::dom::element instance) const;
    std::optional<Violation> validate(const Json& instance) const;

    struct Program;  // kernel/schema/program.hpp

private:
    std::shared_ptr<const Program> program_;
};

}  // namespace howdah::kernel
