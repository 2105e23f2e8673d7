// Runs a function on a thread with a stack of a given size and tells how much of it was touched.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

namespace howdah::guard::test {

inline std::size_t runOnStack(std::size_t bytes, const std::function<void()>& body) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, memory, bytes);
    pthread_t thread;
    const auto run = [](void* argument) -> void* {
        (*static_cast<const std::function<void()>*>(argument))();
        return nullptr;
    };
    std::size_t touched = 0;
    if (pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&body)) == 0) {
        pthread_join(thread, nullptr);
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        std::vector<unsigned char> resident(bytes / page);
        mincore(memory, bytes, resident.data());
        std::size_t lowest = 0;
        while (lowest < resident.size() && !(resident[lowest] & 1))
            ++lowest;
        touched = bytes - lowest * page;
    }
    pthread_attr_destroy(&attributes);
    munmap(memory, bytes);
    return touched;
}

}  // namespace howdah::guard::test
