#include "process.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.hpp"

namespace howdah::embedded {
namespace {

constexpr int kCannotStart = 127;

// Everything the child needs, made before the fork: after it only async-signal-safe calls are allowed, since another
// thread may have held any lock.
struct Prepared {
    std::vector<char*> arguments;
    std::vector<char*> environment;
    int log = -1;
    int nothing = -1;
    pid_t parent = 0;
};

[[noreturn]] void becomeProgram(const Program& program, const Prepared& prepared) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    // A group of its own: Ctrl-C at the terminal is for the server, which ends this child in its own order.
    setpgid(0, 0);
    if (const auto& account = program.account) {
        if (setgroups(account->groups.size(), account->groups.data()) != 0 || setgid(account->gid) != 0 ||
            setuid(account->uid) != 0) {
            _exit(kCannotStart);
        }
    }
    // After the change of user, which would clear it. SIGINT is PostgreSQL's fast shutdown.
    prctl(PR_SET_PDEATHSIG, SIGINT);
    if (getppid() != prepared.parent) _exit(kCannotStart);  // the parent was gone before the line above
    if (dup2(prepared.nothing, 0) < 0 || dup2(prepared.log, 1) < 0 || dup2(prepared.log, 2) < 0) _exit(kCannotStart);
    syscall(SYS_close_range, 3U, ~0U, 0U);
    if (chdir("/") != 0) _exit(kCannotStart);
    execve(prepared.arguments[0], prepared.arguments.data(), prepared.environment.data());
    _exit(kCannotStart);
}

}  // namespace

Result<Process> Process::start(const Program& program) {
    std::vector<std::string> texts = program.arguments;
    // PG* variables of the caller (PGDATA, PGOPTIONS, PGSERVICE) must not reach in here.
    std::vector<std::string> variables = {"LC_ALL=C.UTF-8", "HOME=/", "PATH=/usr/bin:/bin", "TZ=UTC"};
    Prepared prepared;
    for (std::string& text : texts)
        prepared.arguments.push_back(text.data());
    prepared.arguments.push_back(nullptr);
    for (std::string& variable : variables)
        prepared.environment.push_back(variable.data());
    prepared.environment.push_back(nullptr);
    prepared.parent = getpid();
    const Descriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Descriptor log(open(program.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (nothing.get() < 0) return Error::internal("cannot read /dev/null: ", std::strerror(errno));
    if (log.get() < 0) return Error::internal("cannot write ", program.log, ": ", std::strerror(errno));
    prepared.nothing = nothing.get();
    prepared.log = log.get();

    const pid_t pid = fork();
    if (pid == 0) becomeProgram(program, prepared);
    if (pid < 0) return Error::internal("cannot start ", program.arguments[0], ": ", std::strerror(errno));
    const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (descriptor < 0) {
        const int why = errno;
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        return Error::internal("cannot watch ", program.arguments[0], ": ", std::strerror(why));
    }
    return Process(pid, descriptor);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      status_(std::move(other.status_)) {}

Process::~Process() {
    if (descriptor_ < 0) return;
    if (!status_) {
        send(SIGKILL);
        endsWithin(std::chrono::milliseconds(-1));
    }
    close(descriptor_);
}

bool Process::endsWithin(std::chrono::milliseconds limit) {
    if (status_) return true;
    pollfd watched{descriptor_, POLLIN, 0};
    const auto until = std::chrono::steady_clock::now() + limit;
    auto left = limit;
    int ready = 0;
    while ((ready = poll(&watched, 1, static_cast<int>(left.count()))) < 0 && errno == EINTR) {
        if (limit.count() < 0) continue;
        left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        if (left.count() < 0) left = std::chrono::milliseconds(0);
    }
    if (ready <= 0) return false;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = status;
    return true;
}

std::string Process::outcome() const {
    if (!status_) return "still running";
    if (WIFSIGNALED(*status_)) return concat("signal ", WTERMSIG(*status_));
    return concat("exit code ", WEXITSTATUS(*status_));
}

bool Process::succeeded() const {
    return status_ && WIFEXITED(*status_) && WEXITSTATUS(*status_) == 0;
}

void Process::send(int signal_number) const {
    if (!status_) kill(pid_, signal_number);
}

Result<void> run(const Program& program, std::chrono::milliseconds limit) {
    auto process = Process::start(program);
    if (!process) return std::move(process).error();
    if (!process->endsWithin(limit)) {
        return Error::timeout(program.arguments[0], " did not end within ", limit.count(), " ms",
                              lastLines(program.log));
    }
    if (process->succeeded()) return {};
    return Error::unavailable(program.arguments[0], " failed with ", process->outcome(), lastLines(program.log));
}

}  // namespace howdah::embedded
