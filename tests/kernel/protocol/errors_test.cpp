#include "kernel/protocol/errors.hpp"

#include <doctest/doctest.h>

using namespace howdah;
using namespace howdah::kernel;

namespace {

// The lines of the caret, for a position in a statement.
std::string caret(std::string_view statement, std::uint32_t position) {
    std::string text = errorText(Error::database("42601", "m").at(position), statement);
    text.erase(0, std::string_view("database: m\n").size());
    return text.substr(0, text.find("\nSQLSTATE"));
}

}  // namespace

TEST_CASE("errors: the caret stands under the character, whatever the line") {
    CHECK(caret("selec 1", 1) == "line 1: selec 1\n        ^");
    CHECK(caret("select\n  fro t", 10) == "line 2:   fro t\n          ^");
    CHECK(caret("select '\xC3\xA9\xC3\xA9', x", 13) == "line 1: select '\xC3\xA9\xC3\xA9', x\n                    ^");
    CHECK(caret("a\nb", 2) == "line 1: a\n         ^");
    CHECK(caret("ab", 99) == "line 1: ab\n          ^");
    CHECK(caret("\n\n", 3) == "line 3: \n        ^");
}

TEST_CASE("errors: who lacks a scope is told all that the request needs") {
    Error error = Error::refused("this needs the scope b");
    error.rule = "insufficient_scope";
    const Refusal refusal = scopeRefusal(error, {"a", "b"});
    CHECK(refusal.http_status == 403);
    CHECK(refusal.code == kInvalidRequest);
    CHECK(refusal.data == R"({"code":"refused","message":"this needs the scope b","rule":"insufficient_scope",)"
                          R"("required_scopes":["a","b"]})");
}

TEST_CASE("errors: of a long line only the part around the caret is shown") {
    std::string statement = std::string(5000, 'x') + " here " + std::string(5000, 'y');
    std::string text = caret(statement, 5002);
    CHECK(text.size() < 300);
    CHECK(text.find("here") != std::string::npos);
}

TEST_CASE("errors: an error without an id leaves the member out") {
    CHECK(errorResponse("", {.code = kParseError, .message = "a \"b\""}) ==
          R"({"jsonrpc":"2.0","error":{"code":-32700,"message":"a \"b\""}})");
    CHECK(errorResponse("7", {.code = 1, .message = "m", .data = "{}"}) ==
          R"({"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"m","data":{}}})");
}
