// Crashes in the way its argument names; run by fault_test.cpp, which reads what it says on stderr.
#include <cstdio>
#include <future>
#include <string_view>

#include <sys/mman.h>

#include "kernel/runtime/runtime.hpp"
#include "kernel/runtime/worker_bridge.hpp"
#include "kernel/runtime/worker_pool.hpp"

using namespace howdah::kernel;

namespace {

[[gnu::noinline]] int recurse(int level) {
    volatile char frame[4096] = {};
    frame[level % 4096] = 1;
    if (level < 0) return 0;
    return recurse(level + 1) + frame[0];
}

// Larger than stack and guard together, touched only at its far end: without probing it lands in a neighbour's stack.
[[gnu::noinline]] int bigFrame() {
    volatile char frame[3u << 20];
    frame[0] = 1;
    return frame[0];
}

[[gnu::noinline]] int wildPointer() {
    void* unreadable = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return *static_cast<volatile int*>(unreadable);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    auto started = Runtime::start({});
    if (!started) return 2;
    Runtime& runtime = **started;
    Shard& shard = runtime.shard(0);
    std::promise<void> done;
    shard.post([&] {
        // Neighbours, so that an unguarded overflow would find memory to write to.
        for (int i = 0; i < 8; ++i)
            shard.spawn([&] { shard.park(); });
        shard.spawn(
            [&] {
                if (mode == "recursion") recurse(0);
                if (mode == "frame") bigFrame();
                if (mode == "pointer") wildPointer();
                if (mode == "worker") {
                    auto ran = runtime.workers().run([] { recurse(0); }, nullptr, Deadline::never());
                    if (!ran) std::fprintf(stderr, "%s\n", ran.error().message.c_str());
                }
                if (mode == "nested") {
                    auto ran = WorkerBridge::run(
                        runtime.workers(),
                        [&] {
                            WorkerBridge::atHome([&] {
                                shard.running()->setLabel("acme/nested");
                                (void)WorkerBridge::run(
                                    runtime.workers(), [] { recurse(0); }, nullptr, Deadline::never());
                            });
                        },
                        nullptr, Deadline::never());
                    if (!ran) std::fprintf(stderr, "%s\n", ran.error().message.c_str());
                }
                done.set_value();
            },
            "acme/deep");
    });
    done.get_future().wait();
    return 0;  // it should not have come this far
}
