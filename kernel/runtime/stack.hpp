// GuardedStack: memory for one stack above a guard region, reserved at once, resident only where it was touched.
//
// Threads: mapped and unmapped on any thread.
// Owns:    the mapping; two entries of the process's map table (vm.max_map_count, 65530 by default).
// Errors:  map() gives an empty stack when the system has no memory or no map entry left.
#pragma once

#include <cstddef>
#include <cstdint>

namespace howdah::kernel {

class GuardedStack {
public:
    // 64 KiB: plugins built without -fstack-clash-protection may jump over a single page, few jump over sixteen.
    static constexpr std::size_t kGuardBytes = 64u << 10;

    static GuardedStack map(std::size_t bytes);

    GuardedStack() = default;
    GuardedStack(GuardedStack&& other) noexcept;
    GuardedStack& operator=(GuardedStack&& other) noexcept;
    ~GuardedStack();

    explicit operator bool() const { return guard_ != nullptr; }
    char* bottom() const { return guard_ + kGuardBytes; }
    char* top() const { return bottom() + bytes_; }
    std::size_t bytes() const { return bytes_; }

    // The guard as numbers, for the fault handler.
    std::uintptr_t guardBegin() const { return reinterpret_cast<std::uintptr_t>(guard_); }
    std::uintptr_t guardEnd() const { return guardBegin() + kGuardBytes; }

    // Gives the pages deeper than keep_bytes back to the system. Only while nothing runs that deep.
    void trim(std::size_t keep_bytes);

    // Never unmapped: a thread or fiber that will not come back may be on it.
    void abandon() { guard_ = nullptr; }

private:
    char* guard_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace howdah::kernel
