#include "kernel/host/mirrored.hpp"

#include <doctest/doctest.h>

using namespace howdah::kernel;
using namespace howdah;

namespace {

Result<std::vector<MirroredParameter>> found(const char* properties, const char* more = "") {
    return mirroredParameters(Json::parse(concat(R"({"type":"object","properties":{)", properties, "}", more, "}")));
}

}  // namespace

TEST_CASE("x-mcp-header: parameters are found where property names alone lead") {
    auto parameters = found(R"("a":{"type":"string","x-mcp-header":"A"},"plain":{"type":"string"},
        "deep":{"type":"object","properties":{"b":{"type":"integer","x-mcp-header":"B"}}},
        "x-mcp-header":{"type":"string"},"c":{"const":{"x-mcp-header":"no annotation"}})");
    REQUIRE(parameters);
    REQUIRE(parameters->size() == 2);
    CHECK((*parameters)[0].header == "A");
    CHECK((*parameters)[0].path == std::vector<std::string>{"a"});
    CHECK((*parameters)[1].path == std::vector<std::string>{"deep", "b"});
    CHECK(found("")->empty());
}

TEST_CASE("x-mcp-header: an annotation anywhere else, of another type or with a bad name is refused") {
    const auto refused = [](const char* properties, const char* more = "") {
        return found(properties, more).error().code == Code::invalid_argument;
    };
    for (const char* name : {R"("")", R"("a b")", R"("a\r\nb")", R"("a:b")", R"("\u00e4")", "7", "null"})
        CHECK(refused(concat(R"("a":{"type":"string","x-mcp-header":)", name, "}").c_str()));
    for (const char* type : {R"("number")", R"("object")", R"("array")", R"(["string"])", "null"})
        CHECK(refused(concat(R"("a":{"x-mcp-header":"A","type":)", type, "}").c_str()));
    CHECK(refused(R"("a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"})"));
    constexpr const char* kMarked = R"({"type":"string","x-mcp-header":"A"})";
    CHECK(refused(concat(R"("a":{"type":"array","items":)", kMarked, "}").c_str()));
    CHECK(refused("", concat(R"(,"$defs":{"a":)", kMarked, "}").c_str()));
    CHECK(refused("", concat(R"(,"anyOf":[)", kMarked, "]").c_str()));
    CHECK(refused("", concat(R"(,"anyOf":[{"properties":{"a":)", kMarked, "}}]").c_str()));
    CHECK(refused("", R"(,"x-mcp-header":"A")"));
}
