// Work handed to a worker thread: when whoever waits for it goes on.
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include <howdah/jobs.hpp>
#include <howdah/test/fake_host.hpp>

using namespace howdah;
using namespace howdah::test;

namespace {

// A worker that the test itself starts, on what the host was given last.
struct OneWorker : FakeHost {
    OneWorker() {
        static const howdah_offload_v1 kOffload{sizeof(howdah_offload_v1), 0, nullptr, &take};
        interfaces[HOWDAH_OFFLOAD_1] = &kOffload;
    }
    static howdah_status take(const howdah_host* raw, std::uint64_t token, std::uint32_t) {
        static_cast<OneWorker*>(static_cast<FakeHost*>(raw->self))->given.set_value(token);
        return HOWDAH_OK;
    }
    std::promise<std::uint64_t> given;
};

}  // namespace

TEST_CASE("jobs: what a piece of work holds is gone before whoever waits for it goes on, also when it throws") {
    for (const bool throws : {false, true}) {
        OneWorker host;
        const Host plugin{host.raw()};
        Jobs jobs{plugin};
        std::promise<void> went_on;
        bool too_early = false;
        // Its end takes as long as it takes whoever waits to go on, if he may; if not, it goes on by itself.
        std::shared_ptr<void> held(nullptr, [&](void*) {
            too_early = went_on.get_future().wait_for(std::chrono::milliseconds(300)) == std::future_status::ready;
        });
        std::thread worker([&] {
            try {
                jobs.doWork(host.given.get_future().get());
            } catch (const std::runtime_error&) {  // NOLINT(bugprone-empty-catch): the test throws it
            }
        });
        FakeCall call(host);
        const auto ran = jobs.run(Context(plugin, call.ctx()), [held = std::move(held), throws] {
            if (throws) throw std::runtime_error("no");
        });
        went_on.set_value();
        worker.join();
        CHECK(ran.has_value() != throws);
        CHECK_FALSE(too_early);
    }
}
