// The promise of text_scan.hpp about the stack, held against the shapes that cost most.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/guard/classify.hpp"
#include "tests/plugins/guard/stack_thread.hpp"

namespace howdah::guard {
namespace {

struct Shape {
    std::string_view before, open, middle, close, after;

    std::string ofBytes(std::size_t bytes) const {
        std::string text(before), tail;
        while (text.size() + tail.size() + open.size() + middle.size() + close.size() + after.size() <= bytes) {
            text += open;
            tail += close;
        }
        return text.append(middle).append(tail).append(after);
    }
};

const std::vector<Shape> kShapes{
    {"select ", "1+", "1", "", ""},
    {"select ", "1+1*", "1", "", ""},
    {"select ", "-+ ", "a", "", ""},
    {"select ", "~ ", "a", "", ""},
    {"select ", "not ", "true", "", ""},
    {"select ", "(", "1", ")", ""},
    {"", "select(", "1", ")", ""},
    {"", "select*from(", "select 1", ")a", ""},
    {"", "values((", "1", "))", ""},
    {"select ", "f(", "1", ")", ""},
    {"select ", "a[", "1", "]", ""},
    {"select array", "[", "1", "]", ""},
    {"select ", "case when ", "1", " then 1 end", ""},
    {"select a", ".b", "", "", ""},
    {"select a", "::int", "", "", ""},
    {"select 1", "isnull", "", "", ""},
    {"select 1", " and 1 or 1", "", "", ""},
    {"select 1", " union select 1", "", "", ""},
    {"select from a", " cross join a", "", "", ""},
    {"", "with a as(", "select 1", ")select 1", ""},
    {"select ", "row(", "1", ")", ""},
    {"select a", " collate c", "", "", ""},
};

std::size_t worstStack(std::size_t bytes, const Policy& policy) {
    std::size_t worst = 0;
    for (const Shape& shape : kShapes) {
        const std::string sql = shape.ofBytes(bytes);
        const std::size_t used = test::runOnStack(kLargeStack, [&] {
            auto judged = classify(sql, policy);
            auto written = classifyWrite(sql, policy);
            if (judged) CHECK(judged->body_end == sql.size());
            CHECK((!written || !judged || written->tables == judged->tables));
        });
        worst = std::max(worst, used);
    }
    return worst;
}

}  // namespace

TEST_CASE("guard: a text that may be parsed inline needs less than 512 KiB of stack, whatever its shape") {
    const auto policy = Policy::make({"f"}, {}, {.nesting_max = 1000}, 1);
    REQUIRE(policy);
    const std::size_t used = worstStack(kInlineBytes, *policy);
    MESSAGE("stack at " << kInlineBytes << " bytes of text: " << used / 1024 << " KiB");
    CHECK(used > 0);
#if defined(HOWDAH_ASAN)  // its frames are four times as large; a fiber has 1 MiB
    CHECK(used < 960 * 1024);
#elif !defined(HOWDAH_TSAN)  // its runtime lives on the thread's stack as well
    CHECK(used < 512 * 1024);
#endif
}

TEST_CASE("guard: the longest text needs a tenth of the large stack, whatever its shape") {
    const auto policy = Policy::make({"f"}, {}, {.nesting_max = 1000}, 1);
    REQUIRE(policy);
    // 19,900 bytes of "1+" are just below the token limit, which cuts most shapes short at the full length.
    const std::size_t used =
        std::max(worstStack(policy->limits().text_bytes_max, *policy), worstStack(19'900, *policy));
    MESSAGE("stack at " << policy->limits().text_bytes_max << " bytes of text: " << used / 1024 << " KiB");
    CHECK(used < kLargeStack / 10);
}

TEST_CASE("guard: only texts longer than the inline bound ask for the large stack") {
    CHECK_FALSE(needsLargeStack(std::string(kInlineBytes, ' ')));
    CHECK(needsLargeStack(std::string(kInlineBytes + 1, ' ')));
}

}  // namespace howdah::guard
