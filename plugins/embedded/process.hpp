// A child process: a program with its own group, a clean environment, no open files of ours, its output in a log file.
//
// Threads: one at a time. The child ends with the *thread* that started it (PR_SET_PDEATHSIG), not only with the
//          process: start it on a thread that lives as long as the child shall.
// Owns:    the child: the destructor kills it if it still runs.
// Errors:  internal when the system gives no process.
// Source:  prctl(2) PR_SET_PDEATHSIG, pidfd_open(2), signal-safety(7).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <howdah/result.hpp>

namespace howdah::embedded {

// Whom a program runs as.
struct Account {
    uid_t uid;
    gid_t gid;
    std::vector<gid_t> groups;
};

struct Program {
    std::vector<std::string> arguments;  // the first is the path of the program
    std::string log;                     // file its output is appended to
    std::optional<Account> account;      // none = ours
};

class Process {
public:
    static Result<Process> start(const Program& program);

    Process(Process&& other) noexcept;
    Process& operator=(Process&&) = delete;
    ~Process();

    pid_t pid() const { return pid_; }
    // True once the child has ended, at the latest after `limit`.
    bool endsWithin(std::chrono::milliseconds limit);
    // "exit code 1", "signal 9"; after the end.
    std::string outcome() const;
    bool succeeded() const;
    void send(int signal_number) const;

private:
    Process(pid_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}
    pid_t pid_;
    int descriptor_;  // becomes readable when the child ends
    std::optional<int> status_;
};

// Runs a program to its end. An error tells the end of its log.
Result<void> run(const Program& program, std::chrono::milliseconds limit);

}  // namespace howdah::embedded
