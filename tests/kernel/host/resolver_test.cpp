#include "kernel/host/resolver.hpp"

#include <doctest/doctest.h>

namespace howdah::kernel {

TEST_CASE("resolver: providers start before those who use them, else as configured") {
    auto done = resolve({{"tool", {}, {"sql"}, {}}, {"alone", {}, {}, {}}, {"pool", {"sql"}, {}, {"kv"}}}, {}, {"kv"});
    REQUIRE(done);
    CHECK(done->order == std::vector<std::size_t>{2, 0, 1});
    CHECK(done->providers[0].at(0).second == 2);
    CHECK(done->blocked.empty());
}

TEST_CASE("resolver: a circle is printed whole") {
    auto done = resolve({{"a", {"A"}, {"B"}, {}}, {"b", {"B"}, {"C"}, {}}, {"c", {"C"}, {"A"}, {}}}, {}, {});
    REQUIRE_FALSE(done);
    CHECK(done.error().message == "plugins need each other in a circle: a -> b -> c -> a");
}

TEST_CASE("resolver: of two providers the configuration chooses, and nothing else does") {
    const std::vector<ResolveItem> items{{"one", {"sql"}, {}, {}}, {"two", {"sql"}, {}, {}}, {"user", {}, {"sql"}, {}}};
    auto none = resolve(items, {}, {});
    REQUIRE_FALSE(none);
    CHECK(none.error().message.find("both one and two offer sql") == 0);

    auto chosen = resolve(items, {{"sql", "two"}}, {});
    REQUIRE(chosen);
    CHECK(chosen->providers[2].at(0).second == 1);

    auto wrong = resolve(items, {{"sql", "three"}}, {});
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message.find("\"three\"") != std::string::npos);
}

TEST_CASE("resolver: a choice is checked although no plugin asks for the service, unless its manifest is unknown") {
    const std::vector<ResolveItem> items{{"one", {"sql"}, {}, {}}, {"two", {}, {}, {}}};
    auto wrong = resolve(items, {{"sql", "two"}}, {});
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message ==
          "services.sql: plugin \"two\" is not configured or does not offer it; it is offered by one");
    CHECK(resolve(items, {{"sql", "one"}}, {}));
    CHECK(resolve({{"two", {}, {}, {}, false}}, {{"sql", "two"}}, {}));
}

TEST_CASE("resolver: what needs a service nobody offers is blocked, and so is all that needs it") {
    auto done = resolve(
        {{"a", {"A"}, {"missing"}, {}}, {"b", {"B"}, {"A"}, {}}, {"c", {}, {"B"}, {}}, {"d", {}, {}, {"A", "missing"}}},
        {}, {});
    REQUIRE(done);
    CHECK(done->order == std::vector<std::size_t>{3});
    CHECK(done->blocked.at(0) == "needs the service missing, which no configured plugin offers");
    CHECK(done->blocked.at(1).find("needs A of a, which does not run: ") == 0);
    CHECK(done->blocked.at(2).find("needs B of b, which does not run: ") == 0);
}

}  // namespace howdah::kernel
