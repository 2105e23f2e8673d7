#include "kernel/runtime/fiber.hpp"

#include <cassert>
#include <cstring>
#include <utility>

#include <boost/context/detail/fcontext.hpp>
#include <cxxabi.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
// An instrumented function that is entered on one stack and left on another confuses TSan's shadow call stack.
#define HOWDAH_SWITCHES __attribute__((noinline, no_sanitize("thread")))
#else
#define HOWDAH_SWITCHES __attribute__((noinline))
#endif

namespace howdah::kernel {

namespace bc = boost::context::detail;

struct Fiber::Switch {
    // Runs once per fiber and never returns, so nothing is ever unwound.
    HOWDAH_SWITCHES static void entry(bc::transfer_t from) noexcept {
        auto* fiber = static_cast<Fiber*>(from.data);
        fiber->loop_ = from.fctx;
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_finish_switch_fiber(nullptr, &fiber->loop_bottom_, &fiber->loop_bytes_);
#endif
        fiber->runJobs();
    }

    HOWDAH_SWITCHES static void toFiber(Fiber& fiber) {
#if defined(__SANITIZE_ADDRESS__)
        void* fake_stack = nullptr;
        __sanitizer_start_switch_fiber(&fake_stack, fiber.stack_.bottom(), fiber.stack_.bytes());
#endif
#if defined(__SANITIZE_THREAD__)
        fiber.thread_fiber_ = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(fiber.own_fiber_, 0);
#endif
        fiber.context_ = bc::jump_fcontext(fiber.context_, &fiber).fctx;
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
    }

    HOWDAH_SWITCHES static void toLoop(Fiber& fiber) {
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_start_switch_fiber(&fiber.fake_stack_, fiber.loop_bottom_, fiber.loop_bytes_);
#endif
#if defined(__SANITIZE_THREAD__)
        __tsan_switch_to_fiber(fiber.thread_fiber_, 0);
#endif
        fiber.loop_ = bc::jump_fcontext(fiber.loop_, nullptr).fctx;
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_finish_switch_fiber(fiber.fake_stack_, &fiber.loop_bottom_, &fiber.loop_bytes_);
#endif
    }
};

std::unique_ptr<Fiber> Fiber::create(Shard& shard, std::size_t stack_bytes) {
    GuardedStack stack = GuardedStack::map(stack_bytes);
    if (!stack) return nullptr;
    return std::unique_ptr<Fiber>(new Fiber(shard, std::move(stack)));
}

Fiber::Fiber(Shard& shard, GuardedStack stack) : shard_(shard), stack_(std::move(stack)) {
    context_ = bc::make_fcontext(stack_.top(), stack_.bytes(), &Switch::entry);
    in_use_.guard_begin = stack_.guardBegin();
    in_use_.guard_end = stack_.guardEnd();
#if defined(__SANITIZE_THREAD__)
    own_fiber_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
    assert(state_ == State::pooled && "a fiber with a job was destroyed");
#if defined(__SANITIZE_THREAD__)
    __tsan_destroy_fiber(own_fiber_);
#endif
}

void Fiber::runJobs() {
    for (;;) {
        job_();
        // Destroyed here, on its own stack and before the loop looks: captures may be the last owners of something.
        job_.reset();
        job_done_ = true;
        Switch::toLoop(*this);
    }
}

void Fiber::resume() {
    // Two fibers suspended in a catch block would otherwise see, and free, each other's exception.
    auto* current = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
    const ExceptionState loop_exceptions = std::exchange(*current, exceptions_);
    setStackInUse(&in_use_);
    Switch::toFiber(*this);
    setStackInUse(nullptr);
    exceptions_ = std::exchange(*current, loop_exceptions);
}

void Fiber::suspend() {
    Switch::toLoop(*this);
}

}  // namespace howdah::kernel
