#include <cstdlib>
#include <filesystem>

#include <doctest/doctest.h>

#include "plugins/embedded/config.hpp"
#include "plugins/embedded/files.hpp"
#include "plugins/embedded/process.hpp"
#include "plugins/embedded/server_programs.hpp"

using namespace howdah;
using namespace howdah::embedded;
using namespace std::chrono_literals;

namespace {
struct Folder {
    Folder() {
        std::string name = "/tmp/howdah-test-XXXXXX";
        path = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};
}  // namespace

TEST_CASE("embedded: a program that fails is told with its exit code and the end of what it wrote") {
    Folder folder;
    auto done = run(
        {{"/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; done; exit 3"}, folder.path + "/log", {}},
        10s);
    REQUIRE_FALSE(done);
    CHECK(done.error().message ==
          "/bin/sh failed with exit code 3:\nline 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\nline 10");
}

TEST_CASE("embedded: a program that does not end in time is killed") {
    Folder folder;
    auto done = run({{"/bin/sh", "-c", "read never"}, folder.path + "/log", {}}, 10s);
    CHECK_FALSE(done);  // standard input is empty, so it fails at once
    auto slow = run({{"/bin/sleep", "100"}, folder.path + "/log", {}}, 20ms);
    REQUIRE_FALSE(slow);
    CHECK(slow.error().code == Code::timeout);
}

TEST_CASE("embedded: a program sees none of our variables and none of our files") {
    Folder folder;
    setenv("PGOPTIONS", "-c work_mem=1MB", 1);
    auto done = run({{"/bin/sh", "-c", "env | grep -c PG; ls /proc/self/fd | wc -l"}, folder.path + "/log", {}}, 10s);
    unsetenv("PGOPTIONS");
    REQUIRE(done);
    CHECK(readText(folder.path + "/log") == "0\n4\n");  // 0, 1, 2 and the folder ls reads
}

TEST_CASE("embedded: a folder is locked once, also within one process") {
    Folder folder;
    {
        auto first = lockFolder(folder.path);
        REQUIRE(first);
        auto second = lockFolder(folder.path);
        REQUIRE_FALSE(second);
        CHECK(second.error().code == Code::unavailable);
    }
    CHECK(lockFolder(folder.path));
}

TEST_CASE("embedded: a bin_dir without server programs is refused by name") {
    Folder folder;
    auto found = findServerPrograms(folder.path, "");
    REQUIRE_FALSE(found);
    CHECK(found.error().message == "no postgres, initdb and psql in bin_dir " + folder.path);
}

TEST_CASE("embedded: paths in the configuration are absolute, and data_dir wants keep") {
    CHECK_FALSE(Config::parse({{"bin_dir", "pg/bin"}}));
    CHECK_FALSE(Config::parse({{"data_dir", "/srv/pg"}}));
    CHECK(Config::parse({{"data_dir", "/srv/pg"}, {"keep", true}}));
}
