// The writer by itself: what it does when a log throws, and what it counts where the disk takes nothing.
#include "plugins/multi_tenant/audit/writer.hpp"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include <howdah/test/fake_host.hpp>

using namespace howdah;
using namespace howdah::multi_tenant;
using namespace howdah::test;
namespace fs = std::filesystem;

namespace {

// Without a worker: all is done on the spot.
struct Desk {
    Desk() {
        host.workers_max = 0;
        auto ring = KeyRing::parse("k1 " + std::string(64, '1') + "\n", "keys");
        REQUIRE(ring);
        log = std::make_shared<const AuditLog>(folder, std::move(*ring), 1u << 24, false);
        writer.emplace(plugin, jobs, log);
    }
    ~Desk() { fs::remove_all(folder); }
    Result<void> write(nlohmann::json body) {
        FakeCall call(host);
        return writer->write(Context(plugin, call.ctx()), "acme", std::move(body));
    }
    Result<void> mayCall() {
        FakeCall call(host);
        return writer->mayCall(Context(plugin, call.ctx()), "acme");
    }
    std::vector<nlohmann::json> newest() const {
        auto found = log->verify("acme", 10);
        REQUIRE_MESSAGE(found, found.error().message);
        CHECK(found->problem.empty());
        return found->newest;
    }

    const std::string folder = (fs::temp_directory_path() / concat("multi-tenant-writer-", ::getpid())).string();
    FakeHost host;
    Host plugin{host.raw()};
    Jobs jobs{plugin};
    std::shared_ptr<const AuditLog> log;
    std::optional<Writer> writer;
};

}  // namespace

TEST_CASE("writer: what is thrown while a record is made fails that record, and the next is written") {
    Desk desk;
    REQUIRE(desk.write({{"name", "first"}}));
    REQUIRE(desk.log->noteLost("acme", 1));
    // A body that is no object cannot be told what was lost before it.
    auto failed = desk.write("no object");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("could not be made") != std::string::npos);
    CHECK(desk.writer->figures().lost == 1);
    REQUIRE(desk.mayCall());
    REQUIRE(desk.write({{"name", "last"}}));
    const auto newest = desk.newest();
    REQUIRE(newest.size() == 3);
    CHECK(newest[1]["outcome"] == "resumed");
    CHECK(newest[1]["lost_before"] == 2);
    CHECK_FALSE(newest[2].contains("lost_before"));
}

TEST_CASE("writer: what cannot be counted on disk is counted here, and a record queued before it does not tell of it") {
    Desk desk;
    REQUIRE(desk.mayCall());
    REQUIRE(desk.write({{"name", "first"}}));
    // Neither the log nor the mark can be opened.
    const std::string kept = desk.folder + ".kept";
    fs::rename(desk.folder, kept);
    std::ofstream(desk.folder) << "a file";
    CHECK_FALSE(desk.write({{"name", "lost"}}));
    CHECK_FALSE(desk.mayCall());
    CHECK_FALSE(desk.mayCall());
    fs::remove(desk.folder);
    fs::rename(kept, desk.folder);
    CHECK(desk.log->ready("acme")->lost == 0);
    REQUIRE(desk.mayCall());
    REQUIRE(desk.write({{"name", "last"}}));
    const auto newest = desk.newest();
    REQUIRE(newest.size() == 3);
    CHECK(newest[1]["lost_before"] == 3);
    CHECK(newest[2]["name"] == "last");
    CHECK(desk.writer->figures().lost == 1);
    CHECK(desk.writer->figures().refused == 2);
}

TEST_CASE("writer: a full log refuses calls, but an answer whose call runs already leaves with its record") {
    Desk desk;
    auto ring = KeyRing::parse("k1 " + std::string(64, '1') + "\n", "keys");
    desk.log = std::make_shared<const AuditLog>(desk.folder, std::move(*ring), 2000, false);
    desk.writer.emplace(desk.plugin, desk.jobs, desk.log);
    REQUIRE(desk.mayCall());
    REQUIRE(desk.write({{"sql", std::string(2000, 'x')}}));
    FakeCall call(desk.host);
    CHECK(desk.writer->mayAnswer(Context(desk.plugin, call.ctx()), "acme"));
    REQUIRE(desk.write({{"sql", std::string(100'000, 'y')}}));
    auto refused = desk.mayCall();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().rule == "audit-full");
    fs::rename(desk.folder + "/acme/audit.jsonl", desk.folder + "/acme/audit.full");
    REQUIRE(desk.mayCall());
    CHECK(desk.newest()[0]["lost_before"] == 1);
}
