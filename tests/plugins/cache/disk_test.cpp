// The file and its seal: what is damaged is told, set aside, and never believed.
#include "plugins/cache/disk.hpp"

#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <sstream>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "plugins/cache/vault.hpp"
#include "tests/plugins/cache/folder.hpp"

using namespace howdah;
using namespace howdah::cache;
using namespace howdah::cache::test;

namespace {

constexpr Budget kPlenty{1000, 64u << 20};

struct Opened {
    explicit Opened(const Folder& folder, Budget budget = kPlenty, std::uint64_t ledger = 1)
        : disk(folder.path(), budget, ledger, [this](std::string_view line) { told.emplace_back(line); }) {
        auto found = disk.open(0);
        REQUIRE(found);
        ids = std::move(*found);
    }
    std::string sealed(std::int64_t id) {
        auto row = disk.get(id);
        return row && *row ? (*row)->sealed : "";
    }
    std::vector<std::string> told;
    Disk disk;
    std::vector<std::int64_t> ids;
};

Disk::Row row(std::int64_t id, std::string sealed = "sealed", std::int64_t born = 0, std::int64_t ends = 1000) {
    return {id, born, ends, std::move(sealed)};
}

std::string bytesOf(const std::string& path) {
    std::ostringstream all;
    all << std::ifstream(path, std::ios::binary).rdbuf();
    return std::move(all).str();
}
void setBytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

unsigned modeOf(const std::string& path) {
    struct stat found{};
    REQUIRE(stat(path.c_str(), &found) == 0);
    return found.st_mode & 0777;
}

}  // namespace

TEST_CASE("disk: rows are there after it was opened again, as long as the ledger is the same") {
    const Folder folder;
    {
        Opened file(folder);
        REQUIRE(file.disk.put({row(1, "one"), row(2, "two")}, 0));
        CHECK(file.sealed(1) == "one");
        CHECK(file.sealed(3).empty());
    }
    {
        Opened file(folder);
        CHECK(file.ids == std::vector<std::int64_t>{1, 2});
        CHECK(file.sealed(2) == "two");
        CHECK(file.disk.load().entries == 2);
    }
    Opened other(folder, kPlenty, 2);
    CHECK(other.ids.empty());
    CHECK(other.sealed(1).empty());
    CHECK(other.told.empty());
}

TEST_CASE("disk: nobody else may read the file") {
    const Folder folder;
    Opened file(folder);
    CHECK(modeOf(folder.path() + "/answers.db") == 0600);
}

TEST_CASE("disk: at its budget of rows it is full, beyond it the oldest leave") {
    const Folder folder;
    Opened file(folder, {16, 64u << 20});
    std::vector<Disk::Row> rows;
    for (int i = 0; i < 16; ++i)
        rows.push_back(row(i, "x", i));
    auto left = file.disk.put(rows, 0);
    REQUIRE(left);
    CHECK(left->empty());
    left = file.disk.put({row(100, "x", 100)}, 0);
    REQUIRE(left);
    CHECK_FALSE(left->empty());
    CHECK(left->front() == 0);
    CHECK(file.disk.load().entries == 17 - left->size());
    CHECK(file.sealed(100) == "x");
}

TEST_CASE("disk: rows that are over leave before rows that are old") {
    const Folder folder;
    Opened file(folder, {2, 64u << 20});
    REQUIRE(file.disk.put({row(1, "old", 0, 1000), row(2, "over", 5, 10)}, 0));
    auto left = file.disk.put({row(3, "new", 20, 1000)}, 20);
    REQUIRE(left);
    CHECK(*left == std::vector<std::int64_t>{2});
}

TEST_CASE("disk: the file does not grow past its budget of bytes") {
    const Folder folder;
    constexpr std::size_t kBytes = 2u << 20;
    {
        Opened file(folder, {100'000, kBytes});
        for (int i = 0; i < 400; ++i)
            REQUIRE(file.disk.put({row(i, std::string(20'000, 'x'), i)}, 0));
        CHECK(file.disk.load().bytes <= kBytes);
        CHECK(file.sealed(399).size() == 20'000);
        CHECK(file.sealed(0).empty());
    }
    CHECK(std::filesystem::file_size(folder.path() + "/answers.db") <= kBytes + (1u << 20));
}

TEST_CASE("disk: what is no SQLite file is set aside, told once, and a new one begins") {
    const Folder folder;
    setBytes(folder.path() + "/answers.db", "this is not a database, but it is long enough to be looked at as one");
    Opened file(folder);
    CHECK(file.ids.empty());
    REQUIRE(file.told.size() == 1);
    CHECK(file.told[0].find("answers.db.damaged") != std::string::npos);
    CHECK(bytesOf(folder.path() + "/answers.db.damaged").starts_with("this is not"));
    REQUIRE(file.disk.put({row(1, "one")}, 0));
    CHECK(file.sealed(1) == "one");
    CHECK(file.disk.load().set_aside == 1);
}

TEST_CASE("disk: what it holds is told while somebody works on the file") {
    const Folder folder;
    setBytes(folder.path() + "/answers.db", "this is not a database, but it is long enough to be looked at as one");
    std::future<std::size_t> load;
    bool told_at_once = false;
    std::optional<Disk> disk;
    disk.emplace(folder.path(), kPlenty, 1, [&](std::string_view) {  // called in the middle of open()
        load = std::async(std::launch::async, [&] { return disk->load().set_aside; });
        told_at_once = load.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    });
    REQUIRE(disk->open(0));
    CHECK(told_at_once);
    CHECK(load.get() == 1);
}

TEST_CASE("disk: a file damaged at any place gives what was put there, or nothing") {
    const Folder folder;
    const std::string path = folder.path() + "/answers.db";
    {
        Opened file(folder);
        std::vector<Disk::Row> rows;
        for (int i = 1; i <= 40; ++i)
            rows.push_back(row(i, std::string(500, static_cast<char>('A' + i % 26))));
        REQUIRE(file.disk.put(rows, 0));
    }
    const std::string sound = bytesOf(path);
    const Folder keys;
    const auto vault = Vault::open(keys.path() + "/key", true);
    REQUIRE(vault);
    std::size_t changed = 0, set_aside = 0;
    for (std::size_t at = 0; at < sound.size(); at += sound.size() / 150 + 1) {
        CAPTURE(at);
        std::string bytes = sound;
        if (at % 3 == 0) {
            bytes.resize(at);
        } else {
            bytes[at] = static_cast<char>(bytes[at] ^ 0x5a);
        }
        std::filesystem::remove(path + "-wal");
        std::filesystem::remove(path + "-shm");
        setBytes(path, bytes);
        Opened file(folder);
        set_aside += file.told.size();
        for (int i = 1; i <= 40; ++i) {
            const std::string found = file.sealed(i);
            if (found.empty() || found == std::string(500, static_cast<char>('A' + i % 26))) continue;
            ++changed;  // SQLite has no checksums: this is what the seal is for
            CHECK_FALSE(vault->open("scope", "about", found));
        }
    }
    CHECK(changed > 0);
    CHECK(set_aside > 0);
}

TEST_CASE("vault: what was sealed is opened again, also after the key was read again") {
    const Folder folder;
    std::string sealed;
    {
        const auto vault = Vault::open(folder.path() + "/key", true);
        REQUIRE(vault);
        sealed = vault->seal("tenant a", "row 1", "a secret");
        CHECK(sealed.find("secret") == std::string::npos);
        CHECK(vault->seal("tenant a", "row 1", "a secret") != sealed);
    }
    CHECK(modeOf(folder.path() + "/key") == 0600);
    const auto vault = Vault::open(folder.path() + "/key", true);
    REQUIRE(vault);
    CHECK(vault->open("tenant a", "row 1", sealed) == "a secret");
    CHECK_FALSE(vault->open("tenant b", "row 1", sealed));
    CHECK_FALSE(vault->open("tenant a", "row 2", sealed));
    const Folder other;
    CHECK_FALSE(Vault::open(other.path() + "/key", true)->open("tenant a", "row 1", sealed));
}

TEST_CASE("vault: a digest depends on every part, on where it ends, and on the key") {
    const Folder folder, other;
    const auto vault = Vault::open(folder.path() + "/key", true);
    REQUIRE(vault);
    const std::string digest = vault->digest({"row", "ab", "c"});
    CHECK(digest.size() == 32);
    CHECK(vault->digest({"row", "ab", "c"}) == digest);
    CHECK(Vault::open(folder.path() + "/key", true)->digest({"row", "ab", "c"}) == digest);
    CHECK(vault->digest({"row", "a", "bc"}) != digest);
    CHECK(vault->digest({"row", "abc"}) != digest);
    CHECK(Vault::open(other.path() + "/key", true)->digest({"row", "ab", "c"}) != digest);
}

TEST_CASE("vault: nothing is sealed for a scope without a name") {
    const Folder folder;
    const auto vault = Vault::open(folder.path() + "/key", true);
    REQUIRE(vault);
    CHECK(vault->seal("", "about", "text").empty());
}

TEST_CASE("vault: no byte of it can be changed or left out") {
    const Folder folder;
    const auto vault = Vault::open(folder.path() + "/key", true);
    REQUIRE(vault);
    const std::string sealed = vault->seal("s", "a", "some text");
    for (std::size_t at = 0; at < sealed.size(); ++at) {
        std::string other = sealed;
        other[at] = static_cast<char>(other[at] ^ 1);
        CHECK_FALSE(vault->open("s", "a", other));
        CHECK_FALSE(vault->open("s", "a", std::string_view(sealed).substr(0, at)));
    }
    CHECK(vault->open("s", "a", vault->seal("s", "a", "")) == "");
}

TEST_CASE("vault: a key file that others may read, or of another size, is refused") {
    const Folder folder;
    const std::string path = folder.path() + "/key";
    CHECK(Vault::open(path, false).error().code == Code::unavailable);
    setBytes(path, std::string(31, 'k'));
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    CHECK(Vault::open(path, false).error().message.find("must have 32 bytes, it has 31") != std::string::npos);
    setBytes(path, std::string(32, 'k'));
    CHECK(Vault::open(path, false));
    std::filesystem::permissions(path, std::filesystem::perms(0640));
    CHECK(Vault::open(path, false).error().message.find("chmod 600") != std::string::npos);
}
