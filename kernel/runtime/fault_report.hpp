// Says whose code crashed before the process dies: a fiber or worker that ran into the guard below its stack, or a wild
// pointer, is named on stderr; then the previous handler (core dump, sanitizer) has its turn.
//
// Threads: installFaultReport() once at start; a FaultStack per thread, for the whole life of that thread.
// Errors:  none; in the handler only async-signal-safe calls are made.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <memory>

namespace howdah::kernel {

// What the fault handler may read about the stack a thread is on.
struct StackInUse {
    std::uintptr_t guard_begin = 0;
    std::uintptr_t guard_end = 0;
    std::atomic<const char*> label{""};  // never freed: the plugin whose code runs here. release, acquire
};

// Installs the handler for SIGSEGV and SIGBUS, once per process; later calls do nothing.
void installFaultReport();

// The stack this thread runs on from now on; nullptr = the thread's own. Costs one store.
void setStackInUse(const StackInUse* stack);

// An alternate signal stack for the calling thread: the handler cannot run on the stack that has just overflowed.
class FaultStack {
public:
    FaultStack();
    ~FaultStack();  // puts the previous one back (sanitizers bring their own)
    FaultStack(const FaultStack&) = delete;
    FaultStack& operator=(const FaultStack&) = delete;

private:
    std::unique_ptr<char[]> memory_;
    stack_t previous_{};
};

}  // namespace howdah::kernel
