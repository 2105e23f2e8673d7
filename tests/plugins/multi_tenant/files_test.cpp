// The files of the audit log from outside.
#include "plugins/multi_tenant/audit/files.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace howdah;
using namespace howdah::multi_tenant;
namespace fs = std::filesystem;

TEST_CASE("files: a change that leaves a file's size and its time of writing as they were is seen all the same") {
    const std::string path = (fs::temp_directory_path() / concat("multi-tenant-look-", ::getpid())).string();
    std::ofstream(path) << "one";
    const auto written = fs::last_write_time(path);
    const Look before = lookAt(path);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    // The system's clock for files goes in steps.
    while (lookAt(path) == before && std::chrono::steady_clock::now() < end) {
        std::ofstream(path) << "two";
        fs::last_write_time(path, written);
    }
    CHECK_FALSE(lookAt(path) == before);
    fs::remove(path);
}
