#include "kernel/base/percent.hpp"

#include <doctest/doctest.h>

namespace howdah::kernel {

TEST_CASE("percent: whole escapes become their bytes, whatever is none stays as it is") {
    CHECK(percentDecoded("a%20b%2Fc%2f%C3%A9") == "a b/c/\xC3\xA9");
    CHECK(percentDecoded("%2541") == "%41");
    CHECK(percentDecoded("%00") == std::string(1, '\0'));
    for (const char* text : {"", "plain", "%", "%4", "100%", "%zz", "%4z", "%-1", "%+1", "% 1", "%0x"})
        CHECK(percentDecoded(text) == text);
}

}  // namespace howdah::kernel
