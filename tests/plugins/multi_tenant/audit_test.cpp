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

Entry entryOf(nlohmann::json body) {
    return {"2026-11-30T10:00:00.000Z", std::move(body)};
}

Result<void> put(const AuditLog& log, const char* tenant, int from, int to) {
    std::vector<Entry> entries;
    for (int i = from; i <= to; ++i)
        entries.push_back(entryOf({{"name", concat("call ", i)}}));
    auto done = log.append(tenant, std::move(entries));
    return done ? Result<void>{} : Result<void>(done.error());
}

// Why nothing can be written, "" if it can.
std::string objectionOf(const AuditLog& log, const char* tenant = "acme") {
    auto ready = log.ready(tenant);
    auto written = put(log, tenant, 100, 100);
    CHECK(ready.has_value() == written.has_value());
    if (written) return {};
    CHECK(written.error().rule == "audit-broken");
    CHECK(ready.error().message == written.error().message);
    return written.error().message;
}
bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
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
    for (const char* name : {"audit.jsonl", "head", "salt", "../acme.mark"})
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
    // The head says where the file begins, so that its beginning cannot go by itself.
    CHECK(objection({lines[1], lines[2], lines[3], lines[4]}) == std::pair<std::uint64_t, bool>(1, true));
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
    CHECK(has(objectionOf(log), "the mark of its end is gone"));
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
    REQUIRE_FALSE(moved);
    CHECK(moved.error().rule == "audit-broken");

    Folder other;
    REQUIRE(put(other.log(), "acme", 1, 1));
    fs::copy_file(other.file("salt"), folder.file("salt", "globex"), fs::copy_options::overwrite_existing);
    CHECK(has(objectionOf(folder.log(kSecond), "globex"), "not made with a key of the key file"));
}

TEST_CASE("log: what a crash left behind is taken in when it is whole and cut off when it is not") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 2));
    const std::string head = folder.text("head"), mark = folder.text("../acme.mark");
    REQUIRE(put(log, "acme", 3, 3));
    folder.put(head, "head");  // killed between the record and the head
    folder.put(mark, "../acme.mark");
    REQUIRE(put(log, "acme", 4, 4));
    CHECK(seen(log).last == 4);
    folder.put(folder.text() + R"({"seq":5,"at":"20)");  // killed within a record
    CHECK(seen(log).last == 4);
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
    CHECK(has(found.error().message, "its salt is gone"));
    CHECK(has(objectionOf(log), "its salt is gone"));
    CHECK_FALSE(fs::exists(folder.file("salt")));
}

TEST_CASE(
    "log: at its limit calls are refused, one byte below not; what runs already is recorded, however long it is") {
    Folder folder;
    REQUIRE(put(folder.log(), "acme", 1, 3));
    const auto size = static_cast<std::uint64_t>(folder.text().size());
    CHECK(folder.log(kFirst, size + 1).ready("acme"));
    const AuditLog full = folder.log(kFirst, size);
    auto refused = full.ready("acme");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().rule == "audit-full");
    REQUIRE(full.append("acme", {entryOf({{"sql", std::string(100'000, 'x')}})}));
    CHECK(seen(full).problem.empty());
    CHECK(seen(full).last == 4);
}

TEST_CASE("log: a record as long as a line can be is written and read, a longer one is refused and leaves nothing") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 1));
    const auto of = [&](std::size_t bytes) {
        return log.append("acme", {entryOf({{"sql", std::string(bytes, 'x')}})});
    };
    // Base64 makes four of three; what stands around the body is some 300 bytes.
    const std::size_t longest = (kLineBytesMax - 400) / 4 * 3;
    REQUIRE(of(longest));
    const std::size_t line = linesOf(folder.text()).back().size();
    CHECK(line < kLineBytesMax);
    CHECK(line > kLineBytesMax - 400);
    const std::string before = folder.text();
    CHECK_FALSE(of(longest + 400));
    CHECK(folder.text() == before);
    REQUIRE(put(log, "acme", 3, 3));
    const Verified found = seen(log);
    CHECK(found.problem.empty());
    CHECK(found.last == 3);
    folder.put(folder.text() + std::string(kLineBytesMax + 1, 'x'));
    CHECK(has(objectionOf(log), "does not follow it"));  // no line that a crash cut short
    CHECK(seen(log).problem == "line 4: it is longer than a record can be");
}

TEST_CASE("log: moved away within its folder it goes on with the same chain, and then the old file may go") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 3));
    fs::rename(folder.file("audit.jsonl"), folder.file("audit.2026"));
    CHECK(seen(log).problem.empty());
    CHECK_FALSE(fs::exists(folder.file("audit.jsonl")));  // who reads makes nothing
    REQUIRE(put(log, "acme", 4, 4));
    std::string last = linesOf(folder.text("audit.2026")).back(), next = linesOf(folder.text()).front();
    fs::remove(folder.file("audit.2026"));
    const Verified found = seen(log);
    CHECK(found.problem.empty());
    CHECK(found.first == 4);
    last.pop_back();  // the line breaks
    next.pop_back();
    CHECK(Record::parse(next)->prev == Record::parse(last)->hash);
    CHECK(put(log, "acme", 5, 5));
}

TEST_CASE("log: a log that is gone, empty, or not what was moved away is missed, and nothing is written in its place") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 3));
    const std::string whole = folder.text();
    const auto missed = [&] {
        const Verified found = seen(log);
        CHECK(has(found.problem, "no log where one was: records 1 to 3 are gone"));
        CHECK(found.broken_record == 1);
        CHECK(has(objectionOf(log), "no log where one was"));
    };
    fs::remove(folder.file("audit.jsonl"));
    missed();
    CHECK_FALSE(fs::exists(folder.file("audit.jsonl")));
    folder.put("");
    missed();
    const auto lines = linesOf(whole);
    folder.put(joined({lines[0], lines[1]}), "audit.2026");  // does not end where the log ended
    missed();
    folder.put(whole, "audit.2026");
    CHECK(seen(log).problem.empty());
    CHECK(objectionOf(log).empty());
}

TEST_CASE("log: a folder that is gone, or an older one put back, is missed by the mark beside it") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 2));
    const std::string older = folder.text(), older_head = folder.text("head"), older_mark = folder.text("../acme.mark");
    REQUIRE(put(log, "acme", 3, 3));
    const std::string newer = folder.text(), head = folder.text("head"), mark = folder.text("../acme.mark");
    folder.put(older);
    folder.put(older_head, "head");
    CHECK(seen(log).problem == "an older log was put back: 3 records were written, and it ends with 2");
    CHECK(seen(log).broken_record == 3);
    CHECK(has(objectionOf(log), "an older log was put back"));
    folder.put(newer);
    folder.put(head, "head");
    CHECK(seen(log).problem.empty());

    fs::rename(folder.path() + "/acme", folder.path() + "/kept");
    CHECK(seen(log).problem == "no log where one was: records 1 to 3 were written");
    CHECK(has(objectionOf(log), "no log where one was"));
    CHECK_FALSE(fs::exists(folder.path() + "/acme"));
    fs::rename(folder.path() + "/kept", folder.path() + "/acme");
    for (const std::string& wrong : {std::string(), mark.substr(1), older_mark.substr(0, 50) + mark.substr(50)}) {
        folder.put(wrong, "../acme.mark");
        auto found = log.verify("acme", 0);
        REQUIRE_FALSE(found);
        CHECK(found.error().rule == "audit-broken");
        CHECK_FALSE(objectionOf(log).empty());
    }
    fs::remove(folder.file("../acme.mark"));
    CHECK_FALSE(log.verify("acme", 0));
    CHECK(has(objectionOf(log), "the mark beside it is gone"));
    // The two moved away together: a new log, as the refusal says.
    fs::remove_all(folder.path() + "/acme");
    fs::remove(folder.file("../acme.mark"));
    CHECK(log.verify("acme", 0).error().code == Code::not_found);
    CHECK(objectionOf(log).empty());
    CHECK(seen(log).last == 1);
}

TEST_CASE("log: calls without a record are counted until a record that tells of them is there") {
    Folder folder;
    const AuditLog log = folder.log();
    REQUIRE(put(log, "acme", 1, 1));
    REQUIRE(log.noteLost("acme", 2));
    CHECK(log.ready("acme")->lost == 2);
    const std::string whole = folder.text();
    fs::remove(folder.file("audit.jsonl"));
    fs::create_directories(folder.file("audit.jsonl"));
    CHECK_FALSE(put(log, "acme", 2, 2));
    fs::remove(folder.file("audit.jsonl"));
    folder.put(whole);
    CHECK(log.ready("acme")->lost == 2);  // not told by a record that is not there
    REQUIRE(log.append("acme", {entryOf({{"name", "a"}}), entryOf({{"name", "b"}})}, 1));
    CHECK(log.ready("acme")->lost == 0);
    REQUIRE(put(log, "acme", 4, 4));
    const auto newest = seen(log, "acme", 3).newest;
    CHECK(newest[0]["lost_before"] == 3);
    CHECK_FALSE(newest[1].contains("lost_before"));
    CHECK_FALSE(newest[2].contains("lost_before"));
    CHECK_FALSE(log.noteLost("globex", 1));  // it has no mark
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
