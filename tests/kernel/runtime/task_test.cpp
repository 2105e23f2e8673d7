#include "kernel/runtime/task.hpp"

#include <array>
#include <memory>

#include <doctest/doctest.h>

using namespace howdah::kernel;

TEST_CASE("task: a small and a large function are called, moved and destroyed once") {
    auto owner = std::make_shared<int>(0);
    std::array<char, 200> large{};
    {
        Task small = [owner] { ++*owner; };
        Task big = [owner, large] { *owner += 10 + large[0]; };
        CHECK(owner.use_count() == 3);
        Task moved = std::move(small);
        Task moved_big;
        moved_big = std::move(big);
        CHECK_FALSE(small);  // NOLINT: what is left behind is empty
        CHECK_FALSE(big);    // NOLINT
        moved();
        moved_big();
        CHECK(*owner == 11);
        CHECK(owner.use_count() == 3);
        moved.reset();
        CHECK(owner.use_count() == 2);
    }
    CHECK(owner.use_count() == 1);
}

TEST_CASE("task: a function that can only be moved is accepted") {
    auto value = std::make_unique<int>(41);
    int seen = 0;
    Task task = [value = std::move(value), &seen] { seen = *value + 1; };
    task();
    CHECK(seen == 42);
}
