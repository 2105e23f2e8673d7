// What one validation of typical tools/call arguments costs. Prints nanoseconds; run by hand.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "kernel/schema/schema.hpp"

using namespace howdah::kernel;

int main() {
    auto schema =
        Schema::compile(Json::parse(R"({"type":"object","required":["sql"],"additionalProperties":false,"properties":{
        "sql":{"type":"string","minLength":1,"maxLength":65536},"limit":{"type":"integer","minimum":1,"maximum":1000},
        "format":{"enum":["json","csv","markdown"]},"database":{"type":"string","maxLength":64},
        "parameters":{"type":"array","maxItems":100,"items":{"type":["string","number","boolean","null"]}}}})"));
    if (!schema) return std::puts(schema.error().message.c_str()), EXIT_FAILURE;
    simdjson::dom::parser parser;
    simdjson::dom::element arguments = parser.parse(std::string_view(
        R"({"sql":"select * from orders where customer_id = $1 and total > $2","limit":100,"format":"csv","database":"main","parameters":[42,"9.99"]})"));
    constexpr int kRounds = 2000000;
    auto start = std::chrono::steady_clock::now();
    int refused = 0;
    for (int i = 0; i < kRounds; ++i)
        refused += schema->validate(arguments).has_value();
    auto spent = std::chrono::steady_clock::now() - start;
    std::printf("validate 5 arguments: %.0f ns\n", std::chrono::duration<double, std::nano>(spent).count() / kRounds);
    return refused == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
