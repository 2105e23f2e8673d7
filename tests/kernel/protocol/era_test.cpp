#include "kernel/protocol/era.hpp"

#include <doctest/doctest.h>

#include "kernel/protocol/recent_clients.hpp"

using namespace howdah::kernel;

TEST_CASE("era: a header value is taken as it is, or decoded when it has the sentinel form") {
    CHECK(decodedHeader("us-west1") == "us-west1");
    CHECK(decodedHeader("=?base64?SGVsbG8sIOS4lueVjA==?=") == "Hello, \xE4\xB8\x96\xE7\x95\x8C");
    CHECK(decodedHeader("=?base64?IHBhZGRlZCA=?=") == " padded ");
    CHECK(decodedHeader("=?base64?bGluZTEKbGluZTI=?=") == "line1\nline2");
    CHECK(decodedHeader("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=") == "=?base64?literal?=");
    CHECK(decodedHeader("=?BASE64?eA==?=") == "=?BASE64?eA==?=");
    CHECK(decodedHeader("=?base64?"
                        "?=") == "");
    CHECK(decodedHeader("=?base64?=") == "=?base64?=");
}

TEST_CASE("era: bad Base64 and bytes a header must not have are refused") {
    CHECK_FALSE(decodedHeader("=?base64?eA?="));
    CHECK_FALSE(decodedHeader("=?base64?e A==?="));
    CHECK_FALSE(decodedHeader("=?base64?eB==?="));
    CHECK_FALSE(
        decodedHeader("=?base64?===="
                      "?="));
    CHECK_FALSE(decodedHeader("a\nb"));
    CHECK_FALSE(decodedHeader("caf\xC3\xA9"));
    CHECK(decodedHeader("a\tb") == "a\tb");
}

TEST_CASE("era: what each revision has") {
    CHECK(revisionNamed("2025-06-18") == Revision::v2025_06_18);
    CHECK_FALSE(revisionNamed("2025-06-19"));
    CHECK_FALSE(hasStructuredContent(Revision::v2025_03_26));
    CHECK(hasStructuredContent(Revision::v2025_06_18));
    CHECK(allowsBatches(Revision::v2025_03_26));
    CHECK_FALSE(allowsBatches(Revision::v2025_06_18));
    CHECK_FALSE(argumentErrorsAreResults(Revision::v2025_06_18));
    CHECK(argumentErrorsAreResults(Revision::v2025_11_25));
    CHECK_FALSE(isModern(Revision::v2025_11_25));
    CHECK(isModern(Revision::v2026_07_28));
}

TEST_CASE("recent clients: the newest of a stripe are remembered, memory stays bounded") {
    RecentClients recent;
    constexpr std::size_t kMany = 20 * RecentClients::kStripes * RecentClients::kPerStripe;
    for (std::size_t i = 0; i < kMany; ++i)
        recent.remember(std::to_string(i));
    CHECK(recent.seen(std::to_string(kMany - 1)));
    CHECK_FALSE(recent.seen("0"));
}
