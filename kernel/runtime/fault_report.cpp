#include "kernel/runtime/fault_report.hpp"

#include <cstddef>
#include <cstring>
#include <mutex>

#include <unistd.h>

namespace howdah::kernel {
namespace {

// Sanitizers report from the handler they installed before ours, on this very stack.
constexpr std::size_t kFaultStackBytes = 256u << 10;

thread_local const StackInUse* stack_in_use = nullptr;

struct sigaction previous_segv;
struct sigaction previous_bus;

// One line, put together without the C library's buffers: nothing here allocates, locks or fails.
class Line {
public:
    void add(const char* text) {
        while (*text && length_ < sizeof text_ - 1)
            text_[length_++] = *text++;
    }
    void addHex(std::uintptr_t number) {
        char digits[2 * sizeof number + 1];
        char* at = digits + sizeof digits - 1;
        *at = '\0';
        do {
            *--at = "0123456789abcdef"[number & 15];
            number >>= 4;
        } while (number);
        add("0x");
        add(at);
    }
    void write() {
        text_[length_++] = '\n';
        // The process dies right after: there is nobody left to tell that stderr is closed.
        [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text_, length_);
    }

private:
    char text_[256];
    std::size_t length_ = 0;
};

void onFault(int signal, siginfo_t* info, void*) {
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    Line line;
    line.add("howdah: fatal: ");
    const StackInUse* stack = stack_in_use;
    if (stack && address >= stack->guard_begin && address < stack->guard_end) {
        line.add("stack overflow");
    } else {
        line.add(signal == SIGBUS ? "bus error" : "invalid memory access");
    }
    line.add(" at ");
    line.addHex(address);
    if (stack) {
        const char* label = stack->label.load(std::memory_order_acquire);
        line.add(" in \"");
        line.add(label && *label ? label : "kernel");
        line.add("\"");
    }
    line.write();
    // The faulting instruction runs again, now under the handler that was there before: core dump or sanitizer report.
    ::sigaction(signal, signal == SIGBUS ? &previous_bus : &previous_segv, nullptr);
}

}  // namespace

void installFaultReport() {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action{};
        action.sa_sigaction = &onFault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        ::sigaction(SIGSEGV, &action, &previous_segv);
        ::sigaction(SIGBUS, &action, &previous_bus);
    });
}

void setStackInUse(const StackInUse* stack) {
    stack_in_use = stack;
}

FaultStack::FaultStack() : memory_(new char[kFaultStackBytes]) {
    stack_t stack{};
    stack.ss_sp = memory_.get();
    stack.ss_size = kFaultStackBytes;
    ::sigaltstack(&stack, &previous_);
}

FaultStack::~FaultStack() {
    ::sigaltstack(&previous_, nullptr);
}

}  // namespace howdah::kernel
