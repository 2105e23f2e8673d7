// The audit log on disk: what is in it, who can read it, and that nothing disappears from it unseen.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <doctest/doctest.h>
#include <unistd.h>

#include "plugins/multi_tenant/audit/files.hpp"
#include "plugins/multi_tenant/audit/log.hpp"

using namespace howdah;
using namespace howdah::multi_tenant;
namespace fs = std::filesystem;

namespace {

const std::string kFirst = "k1 " + std::string(64, '1') + "\n";
const std::string kSecond = "k2 " + std::string(64, '2') + "\n";
constexpr std::uint64_t kRoom = 1u << 24;

class Folder {
public:
    Folder() {
        static int number = 0;
        path_ = (fs::temp_directory_path() / concat("multi-tenant-audit-", ::getpid(), "-", ++number)).string();
    }
    ~Folder() { fs::remove_all(path_); }
    const std::string& path() const { return path_; }
    std::string file(const char* name, const char* tenant = "acme") const {
        return concat(path_, "/", tenant, "/", name);
    }
    std::string text(const char* name = "audit.jsonl", const char* tenant = "acme") const {
        std::ifstream in(file(name, tenant), std::ios::binary);
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }
    void put(const std::string& bytes, const char* name = "audit.jsonl", const char* tenant = "acme") const {
        std::ofstream(file(name, tenant), std::ios::binary | std::ios::trunc) << bytes;
    }
    AuditLog log(const std::string& keys = kFirst, std::uint64_t room = kRoom) const {
        auto ring = KeyRing::parse(keys, "keys");
        REQUIRE_MESSAGE(ring, ring.error().message);
        return AuditLog(path_, std::move(*ring), room, false);
    }

private:
    std::string path_;
};

Result<void> put(const AuditLog& log, const char* tenant, int from, int to) {
    std::vector<Entry> entries;
    for (int i = from; i <= to; ++i)
        entries.push_back({"2026-11-30T10:00:00.000Z", nlohmann::json{{"name", concat("call ", i)}}.dump()});
    return log.append(tenant, entries);
}

Verified seen(const AuditLog& log, const char* tenant = "acme", std::size_t newest = 0) {
    auto found = log.verify(tenant, newest);
    REQUIRE_MESSAGE(found, found.error().message);
    return std::move(*found);
}

std::vector<std::string> linesOf(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        lines.push_back(line + '\n');
    return lines;
}
std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines)
        text += line;
    return text;
}

}  // namespace

TEST_CASE("log: every record is there as it was written, sealed, and in files of its owner alone") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 3));
    REQUIRE(put(log, "acme", 4, 4));
    const Verified found = seen(log, "acme", 2);
    CHECK(found.problem.empty());
    CHECK(found.first == 1);
    CHECK(found.last == 4);
    REQUIRE(found.newest.size() == 2);
    CHECK(found.newest[1]["name"] == "call 4");
    CHECK(found.newest[1]["seq"] == 4);
    CHECK(folder.text().find("call") == std::string::npos);
    for (const char* name : {"audit.jsonl", "head", "salt", "lock"})
        CHECK(fs::status(folder.file(name)).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("log: a byte changed anywhere is found, and names the record") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 4));
    const std::string sound = folder.text();
    const std::size_t second = linesOf(sound)[0].size(), third = second + linesOf(sound)[1].size();
    std::size_t found = 0, tried = 0;
    for (std::size_t at = second; at < third; ++at) {
        std::string changed = sound;
        changed[at] = changed[at] == 'x' ? 'y' : 'x';
        folder.put(changed);
        const Verified verified = seen(log);
        ++tried;
        found += !verified.problem.empty() && verified.broken_record == 2;
    }
    CHECK(found == tried);
    CHECK(tried > 250);
}

TEST_CASE("log: a line taken out, doubled, exchanged or cut off at the end is found") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 5));
    const auto lines = linesOf(folder.text());
    REQUIRE(lines.size() == 5);
    const auto objection = [&](std::vector<std::string> changed) {
        folder.put(joined(changed));
        const Verified verified = seen(log);
        return std::pair(verified.broken_record, !verified.problem.empty());
    };
    for (std::size_t i = 1; i < 5; ++i) {
        auto without = lines;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
        CHECK(objection(without) == std::pair<std::uint64_t, bool>(i + 1, true));
    }
    CHECK(objection({lines[0], lines[1], lines[1], lines[2]}) == std::pair<std::uint64_t, bool>(3, true));
    CHECK(objection({lines[0], lines[2], lines[1], lines[3], lines[4]}) == std::pair<std::uint64_t, bool>(2, true));
    CHECK(objection({lines[0], lines[1]}) == std::pair<std::uint64_t, bool>(3, true));
    CHECK(objection(lines) == std::pair<std::uint64_t, bool>(0, false));
    // The first line missing is what a file looks like whose beginning was moved away: it is told by `first`.
    folder.put(joined({lines[1], lines[2], lines[3], lines[4]}));
    CHECK(seen(log).first == 2);
}

TEST_CASE("log: after tampering nothing is appended, so that it is not covered up") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 3));
    const auto lines = linesOf(folder.text());
    folder.put(joined({lines[0], lines[1]}));
    auto refused = put(log, "acme", 4, 4);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().rule == "audit-broken");
    folder.put(joined(lines));
    folder.put("", "head");
    CHECK_FALSE(put(log, "acme", 4, 4));
}

TEST_CASE("log: a record of another tenant, and one made without the key, do not fit in") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 1));
    REQUIRE(put(log, "globex", 1, 1));
    // The whole folder of a tenant, put where another's is.
    for (const char* name : {"audit.jsonl", "salt"})
        fs::copy_file(folder.file(name, "globex"), folder.file(name), fs::copy_options::overwrite_existing);
    auto moved = log.verify("acme", 0);
    CHECK((!moved || !moved->problem.empty()));

    Folder other;
    REQUIRE(put(other.log(), "acme", 1, 1));
    fs::copy_file(other.file("salt"), folder.file("salt", "globex"), fs::copy_options::overwrite_existing);
    const AuditLog stranger = folder.log(kSecond);
    CHECK_FALSE(put(stranger, "globex", 2, 2));
}

TEST_CASE("log: what a crash left behind is taken in when it is whole and cut off when it is not") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 2));
    const std::string head = folder.text("head");
    REQUIRE(put(log, "acme", 3, 3));
    folder.put(head, "head");  // killed between the record and the head
    REQUIRE(put(log, "acme", 4, 4));
    CHECK(seen(log).last == 4);
    folder.put(folder.text() + R"({"seq":5,"at":"20)");  // killed within a record
    CHECK_FALSE(seen(log).last != 4);
    REQUIRE(put(log, "acme", 5, 5));
    const Verified found = seen(log);
    CHECK(found.problem.empty());
    CHECK(found.last == 5);
}

TEST_CASE("log: keys rotate without a break, and a record whose key is gone is named") {
    Folder folder;
    REQUIRE(put(folder.log(kFirst), "acme", 1, 2));
    REQUIRE(put(folder.log(kSecond + kFirst), "acme", 3, 4));
    CHECK(seen(folder.log(kSecond + kFirst)).problem.empty());
    const Verified found = seen(folder.log(kSecond));
    CHECK(found.broken_record == 1);
    CHECK(found.problem == "line 1: its key k1 is not in the key file");
}

TEST_CASE("log: destroying the salt destroys what was sealed") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 2));
    fs::remove(folder.file("salt"));
    auto found = log.verify("acme", 2);
    REQUIRE_FALSE(found);
    CHECK(found.error().message.find("its salt is gone") != std::string::npos);
    CHECK_FALSE(put(log, "acme", 3, 3));
}

TEST_CASE("log: full is refused; moved away it goes on with the same chain") {
    Folder folder;
    REQUIRE(put(folder.log(), "acme", 1, 3));
    const auto room = static_cast<std::uint64_t>(folder.text().size());
    const AuditLog log = folder.log(kFirst, room + 10);
    auto refused = put(log, "acme", 4, 4);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().rule == "audit-full");
    fs::rename(folder.file("audit.jsonl"), folder.file("audit.2026"));
    REQUIRE(put(log, "acme", 4, 4));
    const Verified found = seen(log);
    CHECK(found.problem.empty());
    CHECK(found.first == 4);
    std::string last = linesOf(folder.text("audit.2026")).back(), next = linesOf(folder.text()).front();
    last.pop_back();  // the line breaks
    next.pop_back();
    CHECK(Record::parse(next)->prev == Record::parse(last)->hash);
}

TEST_CASE("log: instances that write beside each other make one chain") {
    Folder folder;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&folder] {
            auto ring = KeyRing::parse(kFirst, "keys");
            const AuditLog log(folder.path(), std::move(*ring), kRoom, false);
            for (int round = 0; round < 25; ++round)
                if (!put(log, "acme", 1, 2)) return;
        });
    for (std::thread& thread : threads)
        thread.join();
    const Verified found = seen(folder.log());
    CHECK(found.problem.empty());
    CHECK(found.last == 200);
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
