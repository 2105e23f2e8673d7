// How long this thread has worked: what others do on the same machine is not in it, but for what they take from its
// caches.
#pragma once

#include <ctime>

namespace howdah::test {

inline double threadTime_ms() {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) * 1e3 + static_cast<double>(spent.tv_nsec) / 1e6;
}

template <typename Work>
double workOf_ms(Work&& work) {
    const double began = threadTime_ms();
    work();
    return threadTime_ms() - began;
}

// What a build for tests may take of a time that is promised of one for users.
inline constexpr double kSlowBuild =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    100;
#else
    5;
#endif

}  // namespace howdah::test
