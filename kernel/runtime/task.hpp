// Task: a move-only void() with room for six pointers, so that starting a fiber or posting to a shard rarely allocates.
// FunctionRef: a borrowed void(), valid for the duration of one call.
//
// Threads: a Task may be created on one thread and run on another; never shared.
// Errors:  a Task must not throw; what escapes ends the process (fibers and workers have no one above them to catch
// it).
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace howdah::kernel {

class Task {
public:
    Task() = default;

    template <typename F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, Task> && std::is_invocable_r_v<void, F&>)
    Task(F&& function) {  // NOLINT: implicit, like std::function
        using Function = std::decay_t<F>;
        if constexpr (fitsInline<Function>()) {
            new (room_) Function(std::forward<F>(function));
            kind_ = &kInline<Function>;
        } else {
            new (room_) Function*(new Function(std::forward<F>(function)));
            kind_ = &kHeap<Function>;
        }
    }

    Task(Task&& other) noexcept { take(other); }
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() { reset(); }

    explicit operator bool() const { return kind_ != nullptr; }

    void operator()() {
        assert(kind_ && "an empty Task was called");
        kind_->call(room_);
    }

    void reset() {
        if (kind_) std::exchange(kind_, nullptr)->destroy(room_);
    }

private:
    static constexpr std::size_t kRoom = 6 * sizeof(void*);

    struct Kind {
        void (*call)(void* room);
        void (*move)(void* to, void* from);  // and destroy what is left at from
        void (*destroy)(void* room);
    };

    template <typename Function>
    static constexpr bool fitsInline() {
        return sizeof(Function) <= kRoom && alignof(Function) <= alignof(std::max_align_t) &&
               std::is_nothrow_move_constructible_v<Function>;
    }

    template <typename Function>
    static constexpr Kind kInline{
        [](void* room) { (*static_cast<Function*>(room))(); },
        [](void* to, void* from) {
            new (to) Function(std::move(*static_cast<Function*>(from)));
            static_cast<Function*>(from)->~Function();
        },
        [](void* room) { static_cast<Function*>(room)->~Function(); },
    };

    template <typename Function>
    static constexpr Kind kHeap{
        [](void* room) { (**static_cast<Function**>(room))(); },
        [](void* to, void* from) { new (to) Function*(*static_cast<Function**>(from)); },
        [](void* room) { delete *static_cast<Function**>(room); },
    };

    void take(Task& other) {
        if (!other.kind_) return;
        kind_ = std::exchange(other.kind_, nullptr);
        kind_->move(room_, other.room_);
    }

    alignas(std::max_align_t) std::byte room_[kRoom];
    const Kind* kind_ = nullptr;
};

class FunctionRef {
public:
    template <typename F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> && std::is_invocable_r_v<void, F&>)
    FunctionRef(F&& function)  // NOLINT: implicit by design
        : function_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
          call_([](void* f) { (*static_cast<std::remove_reference_t<F>*>(f))(); }) {}

    void operator()() const { call_(function_); }

private:
    void* function_;
    void (*call_)(void*);
};

}  // namespace howdah::kernel
