#include <array>
#include <csignal>
#include <string>

#include <doctest/doctest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <howdah/result.hpp>

namespace {

struct Death {
    std::string said;
    int status = 0;

    bool byFault() const {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        return (WIFSIGNALED(status)) || (WIFEXITED(status) && WEXITSTATUS(status) != 0);  // after its own report
#else
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
#endif
    }
};

Death crash(const char* mode) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    ::posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::string path = HOWDAH_FAULT_CHILD;
    std::string argument = mode;
    std::array<char*, 3> arguments{path.data(), argument.data(), nullptr};
    pid_t child = -1;
    REQUIRE(::posix_spawn(&child, path.c_str(), &actions, nullptr, arguments.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    Death death;
    char block[4096];
    for (ssize_t got; (got = ::read(ends[0], block, sizeof block)) > 0;)
        death.said.append(block, got);
    ::close(ends[0]);
    REQUIRE(::waitpid(child, &death.status, 0) == child);
    return death;
}

void dies(const char* mode, const char* reason, const char* culprit) {
    const Death death = crash(mode);
    INFO(death.said);
    CHECK(death.said.find(howdah::concat("howdah: fatal: ", reason, " at 0x")) != std::string::npos);
    CHECK(death.said.find(howdah::concat("in \"", culprit, "\"")) != std::string::npos);
    CHECK(death.byFault());
}

}  // namespace

TEST_CASE("fault_report: recursion into the guard is named as a stack overflow of the plugin, then it is fatal") {
    dies("recursion", "stack overflow", "acme/deep");
}

TEST_CASE("fault_report: one frame larger than the guard still ends in the guard") {
    dies("frame", "stack overflow", "acme/deep");
}

TEST_CASE("fault_report: a wild pointer is named too, but not as a stack overflow") {
    dies("pointer", "invalid memory access", "acme/deep");
}

TEST_CASE("fault_report: a worker's overflow is named after the fiber it works for") {
    dies("worker", "stack overflow", "acme/deep");
}

TEST_CASE("fault_report: a function nested on a waiting worker is named, not the one that waits") {
    dies("nested", "stack overflow", "acme/nested");
}
