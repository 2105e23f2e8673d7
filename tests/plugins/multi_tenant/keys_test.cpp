// Digests, seals, the operator's key file, and the spelling of a record.
#include "plugins/multi_tenant/audit/keys.hpp"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include <howdah/hex.hpp>

#include "plugins/multi_tenant/audit/record.hpp"

using namespace howdah;
using namespace howdah::multi_tenant;
namespace fs = std::filesystem;

namespace {

const std::string kFirst = "k1 " + std::string(64, '1') + "\n";
const std::string kSecond = "k2 " + std::string(64, '2') + "\n";

}  // namespace

TEST_CASE("crypto: digests and seals are those of the standards") {
    CHECK(sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // GCM specification, test case 14.
    const Key zero;
    auto sealed = seal(zero, std::string(12, '\0'), std::string(16, '\0'), "");
    REQUIRE(sealed);
    CHECK(toHex(*sealed) == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    CHECK(unseal(zero, std::string(12, '\0'), *sealed, "") == std::optional(std::string(16, '\0')));
    CHECK_FALSE(unseal(zero, std::string(12, '\0'), *sealed, "beside"));
    CHECK(fromHex("0aff") == std::optional(std::string("\x0a\xff")));
    for (const char* wrong : {"0", "0A", "0g"})
        CHECK_FALSE_MESSAGE(fromHex(wrong), wrong);
}

TEST_CASE("keys: each tenant, salt and purpose has its own, and a file is read whole or not at all") {
    auto ring = KeyRing::parse("# ours\n" + kFirst + "\n" + kSecond, "keys");
    REQUIRE(ring);
    const auto keys = ring->of("acme", "salt");
    REQUIRE(keys->size() == 2);
    CHECK((*keys)[0].id == "k1");
    const auto hex = [](const Key& key) { return hmacHex(key, "x"); };
    CHECK(hex((*keys)[0].body) != hex((*keys)[0].head));
    CHECK(hex((*keys)[0].body) != hex((*ring->of("globex", "salt"))[0].body));
    CHECK(hex((*keys)[0].body) != hex((*ring->of("acme", "other"))[0].body));
    for (const std::string& wrong :
         {std::string(""), std::string("k1 12\n"), kFirst + kFirst, "K 1" + kFirst, std::string("k1")}) {
        auto refused = KeyRing::parse(wrong, "keys");
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message.find(std::string(16, '1')) == std::string::npos);
    }
}

TEST_CASE("keys: a file that others may read or own is refused, and a missing one says how to make it") {
    const auto folder = fs::temp_directory_path() / concat("multi-tenant-keys-", ::getpid());
    fs::create_directories(folder);
    const std::string path = folder / "keys";
    CHECK(KeyRing::read(path).error().message.find("openssl rand -hex 32") != std::string::npos);
    std::ofstream(path) << kFirst;
    fs::permissions(path, fs::perms::owner_read | fs::perms::group_read);
    CHECK(KeyRing::read(path).error().code == Code::refused);
    CHECK(KeyRing::read(path).error().message.find("chmod 600") != std::string::npos);
    fs::permissions(path, fs::perms::owner_read);  // it is only read
    CHECK(KeyRing::read(path));
    const std::string link = folder / "link";
    fs::create_symlink(path, link);
    CHECK_FALSE(KeyRing::read(link));
    if (::geteuid() == 0) {  // nobody else can give a file away
        REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
        CHECK(KeyRing::read(path).error().code == Code::refused);
        CHECK(KeyRing::read(path).error().message.find("belongs to user 65534") != std::string::npos);
    }
    fs::remove_all(folder);
}

TEST_CASE("records: there is one spelling, and any other is none") {
    auto ring = KeyRing::parse(kFirst, "keys");
    const auto keys = ring->of("acme", "salt");
    auto line = makeLine(beginningOf("acme"), "acme", keys->front(), "2026-11-30T10:00:00.000Z", "{}");
    REQUIRE(line);
    REQUIRE(Record::parse(line->text));
    CHECK(Record::parse(line->text)->seq == 1);
    CHECK_FALSE(Record::parse(line->text + " "));
    CHECK_FALSE(Record::parse(" " + line->text));
    for (const auto& [from, to] :
         {std::pair{R"("seq":1)", R"("seq":01)"}, std::pair{R"("seq":1)", R"("seq":-1)"},
          std::pair{R"("seq":1)", R"("seq": 1)"}, std::pair{R"("seq":1)", R"("seq":99999999999999999999)"},
          std::pair{R"(,"at")", R"(,"x":1,"at")"}}) {
        std::string changed = line->text;
        changed.replace(changed.find(from), std::string_view(from).size(), to);
        CHECK_FALSE_MESSAGE(Record::parse(changed), to);
    }
}
