// A schema and, behind a NUL, an instance: compiled and validated within its bounds, and both ways an instance can come
// in give the same verdict.
#include "kernel/schema/schema.hpp"

#include <simdjson.h>

#include "fuzz/input.hpp"

using namespace howdah::kernel;
using howdah::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    std::string_view rest = howdah::fuzz::textOf(bytes, size);
    const std::string_view schema_text = howdah::fuzz::takePart(rest);
    auto schema_json = parseJson(schema_text);
    if (!schema_json) return 0;
    auto schema = Schema::compile(*schema_json, {.bytes_max = 4096, .subschemas_max = 500, .steps_max = 5000});
    if (!schema) {
        must(!schema.error().message.empty(), "a refusal says why");
        return 0;
    }
    simdjson::dom::parser parser;
    simdjson::dom::element instance;
    if (parser.parse(rest.data(), rest.size()).get(instance)) return 0;
    const auto fast = schema->validate(instance);
    auto same = parseJson(rest);
    if (!same) return 0;  // deeper than 64, or a key twice
    const auto slow = schema->validate(*same);
    must(fast.has_value() == slow.has_value(), "one verdict");
    if (fast) must(!fast->message.empty(), "a violation says what is wrong");
    return 0;
}
