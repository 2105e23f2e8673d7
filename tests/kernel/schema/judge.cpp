// Judges schemas and instances from outside: one JSON line {"schema": ..., "instances": [...]} in, one line out, either
// {"refused": "why"} or {"valid": [true, false, ...]}. Both ways an instance can come in (simdjson and nlohmann) are
// asked.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "kernel/schema/schema.hpp"

using namespace howdah::kernel;

namespace {

Json judge(const std::string& line) {
    auto parsed = parseJson(line);
    if (!parsed) return {{"unreadable", parsed.error().message}};
    simdjson::dom::parser parser;
    simdjson::dom::element elements;
    if (auto error = parser.parse(line)["instances"].get(elements); error) {
        return {{"unreadable", simdjson::error_message(error)}};
    }
    auto schema = Schema::compile((*parsed)["schema"]);
    if (!schema) return {{"refused", schema.error().message}};
    Json valid = Json::array();
    std::size_t index = 0;
    const simdjson::dom::array instances = elements.get_array().value_unsafe();
    for (simdjson::dom::element instance : instances) {
        const auto fast = schema->validate(instance);
        const auto slow = schema->validate((*parsed)["instances"][index++]);
        if (fast.has_value() != slow.has_value())
            std::fprintf(stderr, "two parsers, two answers: %s\n", line.c_str()), std::exit(1);
        valid.push_back(!fast.has_value());
    }
    return {{"valid", valid}};
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);)
        std::cout << dumpJson(judge(line)) << '\n';
    return std::cout.flush() ? EXIT_SUCCESS : EXIT_FAILURE;
}
