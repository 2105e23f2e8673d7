#include "kernel/server/control_name.hpp"

#include <cstdlib>

#include <doctest/doctest.h>

#include "kernel/host/host_fixture.hpp"

namespace howdah::kernel {
namespace {

std::string socketOf(const std::filesystem::path& file) {
    Config config;
    config.file = file;
    auto path = controlSocketOf(config);
    REQUIRE(path);
    return *path;
}

}  // namespace

TEST_CASE("control: each configuration file has a socket of its own, however it is named") {
    TemporaryFolder folder;
    ::setenv("XDG_RUNTIME_DIR", folder.path.c_str(), 1);
    folder.write("one/howdah.yaml", "howdah: 1\n");
    folder.write("two/howdah.yaml", "howdah: 1\n");
    const auto one = folder.path / "one/howdah.yaml";
    std::filesystem::create_symlink(one, folder.path / "link.yaml");
    CHECK(socketOf(one) != socketOf(folder.path / "two/howdah.yaml"));
    CHECK(socketOf(one) == socketOf(folder.path / "two/../one/howdah.yaml"));
    CHECK(socketOf(one) == socketOf(folder.path / "link.yaml"));
    CHECK(socketOf("") == (folder.path / "howdah/default.sock").string());
    CHECK(socketOf(one) != socketOf(""));
    Config config;
    config.file = one;
    config.control_socket = "/run/mine.sock";
    CHECK(*controlSocketOf(config) == "/run/mine.sock");
}

TEST_CASE("control: a command for the server of another file is refused with both files and what to do") {
    CHECK(checkAddressee("/a.yaml", "/a.yaml"));
    CHECK(checkAddressee("", ""));
    auto refused = checkAddressee("/a.yaml", "/b.yaml");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::refused);
    CHECK(refused.error().message == "the server on this control socket runs with /a.yaml, not with /b.yaml");
    CHECK(refused.error().hint.find("control.socket") != std::string::npos);
    CHECK(checkAddressee("", "/b.yaml").error().message ==
          "the server on this control socket runs with no file, not with /b.yaml");
}

}  // namespace howdah::kernel
