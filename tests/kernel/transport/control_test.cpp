// The control socket: who may use it, what it answers, and that a name has one server.
#include "kernel/transport/control.hpp"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_handler.hpp"
#include "kernel/transport/control_wire.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() {
        char name[] = "/tmp/howdah-control-XXXXXX";
        REQUIRE(::mkdtemp(name));
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    std::string socket(std::string_view name = "main") const {
        return concat(path.string(), "/howdah/", name, ".sock");
    }
    fs::path path;
};

Result<std::string> answer(std::string_view command, std::string_view request) {
    if (command == "status") return std::string(R"({"generation": 3, "big": 12345678901234567890123})");
    if (command == "lines") return std::string("[1,\n2]");
    if (command == "size") return std::to_string(request.size());
    return Error::notFound("no command \"", command, "\"").withHint("try \"status\"");
}

std::unique_ptr<ControlServer> serve(const std::string& path, ControlServer::Limits limits = {}) {
    auto server = ControlServer::start(path, limits, answer);
    REQUIRE_MESSAGE(server, server.error().message);
    return std::move(*server);
}

std::string setVariable(const char* name, const std::string& value) {
    value.empty() ? ::unsetenv(name) : ::setenv(name, value.c_str(), 1);
    auto path = controlSocketPath("main");
    return path ? *path : path.error().message;
}

}  // namespace

TEST_CASE("control: a request gets the handler's result, byte for byte, or its error") {
    Folder folder;
    auto server = serve(folder.socket());
    auto result = controlRequest(folder.socket(), R"({"command":"status"})", 20s);
    REQUIRE(result);
    CHECK(*result == R"({"generation": 3, "big": 12345678901234567890123})");
    CHECK(*controlRequest(folder.socket(), R"({"command":"lines"})", 20s) == "[1, 2]");
    bool answered = false;
    const auto failed = controlRequest(folder.socket(), R"({"command":"fly"})", 20s, &answered);
    CHECK(answered);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == Code::not_found);
    CHECK(failed.error().message == "no command \"fly\"");
    CHECK(failed.error().hint == "try \"status\"");
}

TEST_CASE("control: what is not a request is refused, and the server goes on") {
    Folder folder;
    ControlServer::Limits limits;
    limits.request_bytes_max = 1000;
    auto server = serve(folder.socket(), limits);
    for (const char* request : {"", "{}", "[]", "{\"command\":1}", "{\"command\":\"status\"", "\"status\""}) {
        const auto result = controlRequest(folder.socket(), request, 20s);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == Code::invalid_argument);
    }
    auto padded = [](std::size_t bytes) {
        const std::string prefix = R"({"command":"size","pad":")";
        return prefix + std::string(bytes - prefix.size() - 2, 'p') + "\"}";
    };
    CHECK(*controlRequest(folder.socket(), padded(1000), 20s) == "1000");
    CHECK(controlRequest(folder.socket(), padded(1001), 20s).error().code == Code::invalid_argument);
    CHECK(controlRequest(folder.socket(), "{\n}", 20s).error().code == Code::invalid_argument);
}

TEST_CASE("control: the socket and its folder are for the owner only") {
    Folder folder;
    auto server = serve(folder.socket());
    struct stat status{};
    REQUIRE(::stat(folder.socket().c_str(), &status) == 0);
    CHECK(S_ISSOCK(status.st_mode));
    CHECK((status.st_mode & 07777) == 0600);
    REQUIRE(::stat(fs::path(folder.socket()).parent_path().c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0700);
}

TEST_CASE("control: a folder others can write to is refused") {
    Folder folder;
    const fs::path inner = fs::path(folder.socket()).parent_path();
    fs::create_directory(inner);
    fs::permissions(inner, fs::perms::all);
    const auto server = ControlServer::start(folder.socket(), {}, answer);
    REQUIRE_FALSE(server);
    CHECK(server.error().code == Code::refused);
    CHECK(server.error().hint ==
          concat("chmod go-w ", inner.string(), ", or choose a folder of the server's own for control.socket"));
}

TEST_CASE("control: directly in a shared folder the advice is a folder of its own, never to close the shared one") {
    Folder folder;
    fs::permissions(folder.path, fs::perms::all | fs::perms::sticky_bit);  // like /tmp
    const auto server = ControlServer::start((folder.path / "control.sock").string(), {}, answer);
    REQUIRE_FALSE(server);
    CHECK(server.error().code == Code::refused);
    CHECK(server.error().hint.find("chmod") == std::string::npos);
    const auto advised = folder.path / concat("howdah-", ::geteuid()) / "control.sock";
    CHECK(server.error().hint.find(concat("such as ", advised.string(), ";")) != std::string::npos);
    CHECK(ControlServer::start(advised.string(), {}, answer).has_value());
}

TEST_CASE("control: another user is refused even where the file's mode would let it in") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: becoming another user needs root");
        return;
    }
    Folder folder;
    auto server = serve(folder.socket());
    fs::permissions(folder.path, fs::perms::all);
    fs::permissions(fs::path(folder.socket()).parent_path(), fs::perms::all);
    fs::permissions(folder.socket(), fs::perms::all);
    const std::string path = folder.socket();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::setuid(65534) != 0) ::_exit(9);
        const auto result = controlRequest(path, R"({"command":"status"})", 20s);
        ::_exit(!result && result.error().code == Code::refused ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("control: a second server of the same name is told who has it; a dead one's socket is taken over") {
    Folder folder;
    {
        auto first = serve(folder.socket());
        const auto second = ControlServer::start(folder.socket(), {}, answer);
        REQUIRE_FALSE(second);
        CHECK(second.error().code == Code::unavailable);
        CHECK(second.error().message.find(concat("process ", ::getpid())) != std::string::npos);
        CHECK(controlRequest(folder.socket(), R"({"command":"status"})", 20s));
        auto other_name = serve(folder.socket("other"));
    }
    CHECK_FALSE(fs::exists(folder.socket()));
    bool answered = true;
    CHECK(controlRequest(folder.socket(), R"({"command":"status"})", 20s, &answered).error().code == Code::unavailable);
    CHECK_FALSE(answered);
    // A socket left behind by a process that was killed.
    const auto address = unixAddress(folder.socket());
    const Descriptor dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0);
    auto again = serve(folder.socket());
    CHECK(controlRequest(folder.socket(), R"({"command":"status"})", 20s));
}

TEST_CASE("control: a client that says nothing is dropped at the limit and holds nobody up") {
    Folder folder;
    ControlServer::Limits limits;
    limits.request_limit = 20ms;
    auto server = serve(folder.socket(), limits);
    const auto address = unixAddress(folder.socket());
    const Descriptor silent(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::connect(silent.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0);
    CHECK(controlRequest(folder.socket(), R"({"command":"status"})", 20s));
    const auto line = receiveLine(silent.get(), 1000, Deadline::in(20s));
    REQUIRE(line);
    CHECK(line->find("\"timeout\"") != std::string::npos);
}

TEST_CASE("control: a client does not wait longer than it wants for a long command") {
    Folder folder;
    Counter begun;
    std::atomic<bool> go_on{false};
    auto server = ControlServer::start(folder.socket(), {}, [&](std::string_view command, std::string_view) {
        if (command == "slow") {
            begun.add();
            go_on.wait(false);
        }
        return Result<std::string>(std::string("1"));
    });
    REQUIRE(server);
    std::thread slow(
        [&] { CHECK(controlRequest(folder.socket(), R"({"command":"slow"})", 20ms).error().code == Code::timeout); });
    REQUIRE(begun.reaches(1));
    CHECK(*controlRequest(folder.socket(), R"({"command":"quick"})", 20s) == "1");
    slow.join();
    go_on = true;
    go_on.notify_all();
}

TEST_CASE("control: the socket's place follows the XDG folders") {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    const char* state = std::getenv("XDG_STATE_HOME");
    const std::string kept_runtime = runtime ? runtime : "", kept_state = state ? state : "";
    setVariable("XDG_STATE_HOME", "");
    CHECK(setVariable("XDG_RUNTIME_DIR", "/run/user/7") == "/run/user/7/howdah/main.sock");
    CHECK(setVariable("XDG_RUNTIME_DIR", "").ends_with("/.local/state/howdah/main.sock"));
    CHECK(setVariable("XDG_STATE_HOME", "/state") == "/state/howdah/main.sock");
    CHECK(setVariable("XDG_STATE_HOME", "relative").ends_with("/.local/state/howdah/main.sock"));
    setVariable("XDG_RUNTIME_DIR", kept_runtime);
    setVariable("XDG_STATE_HOME", kept_state);
    for (const char* name : {"", "../x", "a/b", "Main", "a.b"})
        CHECK_FALSE(controlSocketPath(name));
    CHECK_FALSE(controlSocketPath(std::string(65, 'a')));
    CHECK(controlSocketPath(std::string(64, 'a')));
    CHECK_FALSE(ControlServer::start("/tmp/" + std::string(200, 'p') + "/x.sock", {}, answer));
}

}  // namespace howdah::kernel::test
