#include "kernel/runtime/stack.hpp"

#include <cassert>
#include <utility>

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace howdah::kernel {

GuardedStack GuardedStack::map(std::size_t bytes) {
    assert(bytes > 0 && bytes % kGuardBytes == 0);
    const std::size_t whole = kGuardBytes + bytes;
    void* memory = ::mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return {};
    GuardedStack stack;
    stack.guard_ = static_cast<char*>(memory);
    stack.bytes_ = bytes;
    // Splits the mapping in two, so it can fail at vm.max_map_count even though mmap did not.
    if (::mprotect(stack.bottom(), bytes, PROT_READ | PROT_WRITE) != 0) {
        ::munmap(memory, whole);
        stack.guard_ = nullptr;
        return {};
    }
#if defined(__SANITIZE_ADDRESS__)
    // What only a suspended fiber refers to is not leaked.
    __lsan_register_root_region(stack.bottom(), bytes);
#endif
    return stack;
}

GuardedStack::GuardedStack(GuardedStack&& other) noexcept
    : guard_(std::exchange(other.guard_, nullptr)), bytes_(other.bytes_) {}

GuardedStack& GuardedStack::operator=(GuardedStack&& other) noexcept {
    std::swap(guard_, other.guard_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

GuardedStack::~GuardedStack() {
    if (!guard_) return;
#if defined(__SANITIZE_ADDRESS__)
    __lsan_unregister_root_region(bottom(), bytes_);
    // A fiber's outermost frames are never left, so their red zones would stay behind for the next mapping here.
    __asan_unpoison_memory_region(bottom(), bytes_);
#endif
    ::munmap(guard_, kGuardBytes + bytes_);
}

void GuardedStack::trim(std::size_t keep_bytes) {
    if (keep_bytes >= bytes_) return;
    // Cannot fail for a mapping of ours; and if it did, the pages would merely stay resident.
    (void)::madvise(bottom(), bytes_ - keep_bytes, MADV_DONTNEED);
}

}  // namespace howdah::kernel
