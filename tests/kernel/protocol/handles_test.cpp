// Handles that clients bring back: sessions, tasks, sealed texts. One of somebody else's must not be told from one that
// never was, by what it costs either. Costs are counted, not timed: what takes noticeable time here is memory that is
// taken, and cryptography, which depends on the length of a text alone.
#include <cstdlib>
#include <functional>
#include <new>
#include <string>

#include <doctest/doctest.h>

#include "kernel/base/sealer.hpp"
#include "kernel/protocol/session.hpp"
#include "kernel/protocol/tasks.hpp"
#include "kernel/runtime/runtime.hpp"

using namespace howdah::kernel;
using namespace howdah;
using namespace std::chrono_literals;

namespace {
thread_local std::size_t taken_bytes = 0;
thread_local std::size_t taken_count = 0;
}  // namespace

void* operator new(std::size_t size) {
    ++taken_count;
    taken_bytes += size;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace {

struct Cost {
    std::size_t count = 0;
    std::size_t bytes = 0;
    bool operator==(const Cost&) const = default;
};

Cost costOf(const std::function<void()>& work) {
    const Cost before{taken_count, taken_bytes};
    work();
    return {taken_count - before.count, taken_bytes - before.bytes};
}

const Principal kAda{.subject = "ada", .tenant = "t"};
const Principal kBob{.subject = "bob", .tenant = "t"};

}  // namespace

TEST_CASE("handles: a session of somebody else's costs what an unknown one costs") {
    SessionStore store({});
    auto session = store.create(Revision::v2025_11_25, {}, kAda);
    REQUIRE(session);
    const std::string id = (*session)->id, unknown(id.size(), '0');
    bool opened = false;
    const auto find = [&](const std::string& asked) {
        return costOf([&] { opened |= store.find(asked, kBob) != nullptr; });
    };
    const auto end = [&](const std::string& asked) { return costOf([&] { opened |= store.end(asked, kBob); }); };
    CHECK(find(id) == find(unknown));
    CHECK(end(id) == end(unknown));
    CHECK_FALSE(opened);
    CHECK(store.find(id, kAda) != nullptr);
    CHECK(costOf([&] { opened = !std::string(100, 'x').empty(); }) == Cost{1, 101});  // it counts at all
}

TEST_CASE("handles: a task of somebody else's costs what an unknown one costs") {
    auto runtime = Runtime::start({.shards = 1});
    REQUIRE(runtime);
    TaskStore store({});
    auto task = store.create(kAda, 1h, (*runtime)->shard(0));
    REQUIRE(task);
    const std::string unknown((*task)->id.size(), '0');
    bool opened = false;
    const auto find = [&](const std::string& asked) {
        return costOf([&] { opened |= store.find(asked, kBob) != nullptr; });
    };
    CHECK(find((*task)->id) == find(unknown));
    CHECK_FALSE(opened);
    CHECK(store.find((*task)->id, kAda) == *task);
    task->reset();
    (*runtime)->stop(Deadline::in(5s));
}

TEST_CASE("handles: a sealed text of somebody else's costs what an altered one costs, with one key and with several") {
    const auto now = Sealer::Clock::now();
    Sealer one, several;
    several.useKeys({std::string(32, 'a'), std::string(32, 'b'), std::string(32, 'c')});
    for (const Sealer* sealer : {&one, &several}) {
        const std::string sealed = *sealer->seal(std::string(500, 's'), "ada", now + 1h);
        std::string altered = sealed;
        altered[altered.size() / 2] = altered[altered.size() / 2] == 'A' ? 'B' : 'A';
        std::string foreign_error, altered_error;
        const Cost foreign = costOf([&] { foreign_error = sealer->open(sealed, "bob", now).error().message; });
        const Cost made_up = costOf([&] { altered_error = sealer->open(altered, "bob", now).error().message; });
        CHECK(foreign == made_up);
        CHECK(foreign_error == altered_error);
        CHECK(sealer->open(sealed, "ada", now));
    }
}
