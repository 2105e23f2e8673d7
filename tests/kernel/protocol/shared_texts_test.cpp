#include "kernel/protocol/shared_texts.hpp"

#include <doctest/doctest.h>

#include "kernel/protocol/fake_shared_kv.hpp"

namespace howdah::kernel {

using namespace test;

namespace {

constexpr std::chrono::minutes kLife{1};

struct Texts {
    FakeSharedKv fake;
    GenerationStore generations;
    SharedKv kv{generations};
    Sealer sealer;
    SharedTexts texts{kv, sealer};

    std::optional<std::string> at(const std::string& key) { return fake.store.get(key, KvStore::Clock::now()); }
    void write(const std::string& key, const std::string& value) {
        REQUIRE(fake.store.set(key, value, kLife, KvStore::Clock::now()));
    }
};

}  // namespace

TEST_CASE("shared texts: what is read is what was put, of any length up to the most, and nothing where there is none") {
    Texts shared;
    CHECK_FALSE(*shared.texts.get("none"));
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, SharedTexts::kPieceBytes,
                                   SharedTexts::kPieceBytes + 1, SharedTexts::kTextMax}) {
        const std::string text(size, 'x');
        REQUIRE(shared.texts.put("key", text, kLife));
        CHECK(*shared.texts.get("key") == text);
    }
    CHECK_FALSE(shared.texts.put("key", std::string(SharedTexts::kTextMax + 1, 'x'), kLife));
    CHECK(*shared.texts.putIfAbsent("once", "a:b", kLife));
    CHECK_FALSE(*shared.texts.putIfAbsent("once", "c", kLife));
    CHECK(*shared.texts.get("once") == "a:b");
}

TEST_CASE("shared texts: pieces of two texts that were put at one key are never read as one") {
    Texts shared;
    const std::string first(2 * SharedTexts::kPieceBytes, 'a');
    const std::string second(2 * SharedTexts::kPieceBytes, 'b');
    REQUIRE(shared.texts.put("key", first, kLife));
    const auto begins = shared.at("key");
    REQUIRE(begins);
    REQUIRE(shared.texts.put("key", second, kLife));
    CHECK(*shared.texts.get("key") == second);
    shared.write("key", *begins);
    CHECK(*shared.texts.get("key") == first);
}

TEST_CASE("shared texts: what stands at another key, or was put by nobody, is not read") {
    Texts shared;
    REQUIRE(shared.texts.put("key", "text", kLife));
    shared.write("other", *shared.at("key"));
    CHECK_FALSE(shared.texts.get("other"));
    shared.write("key", "text");
    CHECK_FALSE(shared.texts.get("key"));
    for (const char* head : {"", "text", "1", "1:", "0::text", "97::text", "-1::text", "1:text"}) {
        const auto sealed = shared.texts.seal("key", head, kLife);
        REQUIRE(sealed);
        shared.write("key", *sealed);
        CHECK_FALSE(shared.texts.get("key"));
    }
}

}  // namespace howdah::kernel
