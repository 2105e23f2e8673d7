#include "kernel/base/base64.hpp"

#include <doctest/doctest.h>

#include <howdah/content.hpp>

using namespace howdah::kernel;

TEST_CASE("base64: RFC 4648 section 10, both ways and in both alphabets") {
    const std::pair<std::string, std::string> kVectors[] = {{"", ""},
                                                            {"f", "Zg=="},
                                                            {"fo", "Zm8="},
                                                            {"foo", "Zm9v"},
                                                            {"foob", "Zm9vYg=="},
                                                            {"fooba", "Zm9vYmE="},
                                                            {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : kVectors) {
        CHECK(howdah::toBase64(plain) == coded);
        CHECK(fromBase64(coded) == plain);
        const std::string bare = coded.substr(0, coded.find('='));
        CHECK(toBase64Url(plain) == bare);
        CHECK(fromBase64Url(bare) == plain);
    }
    CHECK(toBase64Url("\xfb\xff") == "-_8");
    CHECK(howdah::toBase64("\xfb\xff") == "+/8=");
}

TEST_CASE("base64: another spelling of the same bytes is refused") {
    for (const char* wrong : {"Zg", "Zg=", "Zh==", "Z===", "Zm9 ", "Zm9v\n", "-_8=", "Zg==Zg=="})
        CHECK_MESSAGE(!fromBase64(wrong), wrong);
    for (const char* wrong : {"Zg==", "Zh", "Z", "+/8", "Zm9v\n"})
        CHECK_MESSAGE(!fromBase64Url(wrong), wrong);
}
