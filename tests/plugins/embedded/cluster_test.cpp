// The plugin under the fake host: real clusters, asked with psql. About ten seconds.
#include "plugins/embedded/cluster.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <howdah/abi/sql.h>
#include <howdah/plugin.hpp>
#include <howdah/test/fake_host.hpp>

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace {

using namespace howdah;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

// A state folder for kept clusters, gone with the test. Not under TMPDIR's 0700 folders: user postgres goes through it.
struct Folder {
    Folder() {
        std::string name = "/tmp/howdah-test-XXXXXX";
        path = mkdtemp(name.data());
        chmod(path.c_str(), 0755);
    }
    ~Folder() { fs::remove_all(path); }
    std::string path;
};

struct Running {
    explicit Running(const std::string& section) {
        host.plugin_folder = HOWDAH_EMBEDDED_SQL;
        host.databases = R"([{"name":"main","access":"restricted"},{"name":"books","access":"read_write"}])";
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        problem = host.start(section);
    }
    std::string dsn(std::string_view database) {
        test::FakeCall call(host);
        howdah_str out{};
        auto* source = host.plugin<howdah_source_v1>(HOWDAH_SOURCE_1);
        REQUIRE(source->dsn(host.self(), call.ctx(), toAbi(database), &out) == HOWDAH_OK);
        return std::string{fromAbi(out)};
    }
    Json report() {
        test::FakeCall call(host);
        howdah_str out{};
        REQUIRE(host.plugin<howdah_report_v1>(HOWDAH_REPORT_1)->report(host.self(), call.ctx(), &out) == HOWDAH_OK);
        return Json::parse(fromAbi(out));
    }
    test::FakeHost host;
    std::string problem;
};

// What psql prints, errors included.
std::string ask(const std::string& dsn, const std::string& sql) {
    const std::string command = "psql -X -q -t -A -d \"" + dsn + "\" -c \"" + sql + "\" 2>&1";
    // NOLINTNEXTLINE(cert-env33-c): the words are of this test alone
    std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command.c_str(), "r"), &pclose);
    std::string text;
    std::array<char, 4096> part{};
    while (std::size_t got = fread(part.data(), 1, part.size(), output.get()))
        text.append(part.data(), got);
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// Gone, or a zombie that nobody has fetched yet: a killed parent's children belong to process 1.
bool hasEnded(pid_t pid) {
    const std::string status = embedded::readText(concat("/proc/", pid, "/stat"));
    return status.empty() || contains(status, ") Z ");
}

std::string keptSection(const Folder& folder) {
    return R"({"keep":true,"sample":false,"data_dir":")" + folder.path + R"("})";
}

}  // namespace

TEST_CASE(
    "embedded: a new cluster holds the sample, the reader may read it and nothing else, and nothing stays behind") {
    std::string folder;
    pid_t pid = 0;
    {
        Running running("{}");
        REQUIRE(running.problem == "");
        const std::string reader = running.dsn("main");
        CHECK(ask(reader, "select count(*) > 10000 from shop.orders") == "t");
        CHECK(contains(ask(reader, "update shop.orders set note = null"), "permission denied"));
        CHECK(contains(ask(reader, "create temporary table t (x int)"), "permission denied"));
        CHECK(contains(ask(reader, "create table public.t (x int)"), "permission denied"));
        CHECK(ask(reader, "show listen_addresses") == "");
        CHECK(ask(running.dsn("books"), "update shop.orders set note = 'x' where id = 1 returning note") == "x");

        const Json report = running.report();
        CHECK(report["status"] == "ok");
        CHECK(report["sample_loaded"] == true);
        folder = report["folder"];
        pid = report["pid"];
        struct stat found{};
        REQUIRE(stat(folder.c_str(), &found) == 0);
        CHECK((found.st_mode & 0777) == 0700);
    }
    CHECK_FALSE(fs::exists(folder));
    CHECK(hasEnded(pid));
}

TEST_CASE("embedded: a kept cluster is there again with its data, and is not open to two servers at once") {
    Folder folder;
    {
        Running first(keptSection(folder));
        REQUIRE(first.problem == "");
        CHECK(ask(first.dsn("books"), "create table public.kept as select 7 as x") == "");

        Running second(keptSection(folder));
        CHECK(contains(second.problem, "another server already runs the private PostgreSQL"));
        CHECK(ask(first.dsn("main"), "select x from public.kept") == "7");
    }
    Running again(keptSection(folder));
    REQUIRE(again.problem == "");
    CHECK(ask(again.dsn("main"), "select x from public.kept") == "7");
}

TEST_CASE("embedded: a kept cluster that was only half made is made anew") {
    Folder folder;
    fs::create_directories(folder.path + "/cluster/data");
    REQUIRE(embedded::writeText(folder.path + "/cluster/state", "making"));
    Running running(keptSection(folder));
    CHECK(running.problem == "");
    CHECK(ask(running.dsn("main"), "select 1") == "1");
}

TEST_CASE("embedded: a data folder of somebody else's is left alone") {
    Folder folder;
    fs::create_directories(folder.path + "/cluster/data");
    REQUIRE(embedded::writeText(folder.path + "/cluster/data/theirs", "x"));
    Running running(keptSection(folder));
    CHECK(contains(running.problem, "was not made by this plugin"));
    CHECK(fs::exists(folder.path + "/cluster/data/theirs"));
}

TEST_CASE("embedded: a server that cannot start says why, with the end of its log") {
    Folder folder;
    {
        Running running(keptSection(folder));
        REQUIRE(running.problem == "");
    }
    REQUIRE(embedded::writeText(folder.path + "/cluster/data/postgresql.conf", "no_such_setting = 1\n"));
    Running running(keptSection(folder));
    CHECK(contains(running.problem, "did not start (exit code 1)"));
    CHECK(contains(running.problem, "no_such_setting"));
}

TEST_CASE("embedded: the database server ends when the server is killed") {
    Folder folder;
    std::array<int, 2> pipe_ends{};
    REQUIRE(pipe(pipe_ends.data()) == 0);
    const pid_t child = fork();
    if (child == 0) {  // only a child of its own can be killed without ending the test
        embedded::Config config;
        config.keep = true;
        config.sample = false;
        config.data_dir = folder.path;
        auto cluster = embedded::Cluster::start(config, folder.path, HOWDAH_EMBEDDED_SQL);
        pid_t server = cluster ? (*cluster)->pid() : 0;
        if (write(pipe_ends[1], &server, sizeof server) < 0) _exit(1);
        pause();
    }
    pid_t server = 0;
    REQUIRE(read(pipe_ends[0], &server, sizeof server) == sizeof server);
    REQUIRE(server > 0);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    // Starting again waits for the earlier server; if it still ran, its postmaster.pid would be in the way.
    Running again(keptSection(folder));
    CHECK(again.problem == "");
    CHECK(hasEnded(server));
}
