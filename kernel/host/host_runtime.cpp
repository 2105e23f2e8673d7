// howdah.reactor/1 and howdah.offload/1: waiting for sockets and events, tasks, work on plain threads.
#include <algorithm>
#include <chrono>
#include <memory>

#include <howdah/host.hpp>

#include "kernel/host/host_services.hpp"
#include "kernel/host/host_tables.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/runtime/event.hpp"
#include "kernel/runtime/socket_watch.hpp"
#include "kernel/runtime/worker_bridge.hpp"

namespace howdah::kernel {
namespace {

// A handle is the address of what it names; the plugin is in this process and trusted with it.
template <typename T>
std::uint64_t toHandle(T* object) {
    return reinterpret_cast<std::uintptr_t>(object);
}
template <typename T>
T* fromHandle(std::uint64_t handle) {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(handle));
}

Deadline deadlineOf(std::uint64_t ns) {
    if (ns >= static_cast<std::uint64_t>(INT64_MAX)) return Deadline::never();
    return Deadline(Deadline::Clock::time_point(std::chrono::nanoseconds(ns)));
}

// The outcome of a wait as a status, with an error that says what was waited for.
howdah_status statusOf(howdah_ctx* ctx, WaitStatus status, std::string_view waited_for) {
    if (status == WaitStatus::ready) return HOWDAH_OK;
    if (status == WaitStatus::timeout) ctx->noteTimeout();
    return ctx->fail(waitError(status, ctx->request->cancellation, waited_for));
}

std::uint32_t reactorShard(howdah_ctx*) noexcept {
    std::uint32_t index = 0;
    WorkerBridge::atHome([&] { index = Shard::current()->index(); });
    return index;
}
std::uint32_t reactorShardCount(const howdah_host* host) noexcept {
    return instanceOf(host).services().runtime.shardCount();
}

// --- sockets

howdah_status socketAdopt(howdah_ctx* ctx, std::int32_t descriptor, std::uint64_t* socket) noexcept {
    Result<std::unique_ptr<SocketWatch>> watch{Error{}};
    WorkerBridge::atHome([&] { watch = SocketWatch::adopt(*Shard::current(), descriptor); });
    if (!watch) return ctx->fail(std::move(watch).error());
    *socket = toHandle(watch->release());
    return HOWDAH_OK;
}

howdah_status socketWait(howdah_ctx* ctx, std::uint64_t socket, std::uint32_t mask,
                         std::uint64_t deadline_ns) noexcept {
    auto* watch = fromHandle<SocketWatch>(socket);
    WaitStatus status = WaitStatus::ready;
    WorkerBridge::atHome([&] {
        status = watch->wait(mask, ctx->request->cancellation, ctx->waitDeadline().min(deadlineOf(deadline_ns)));
    });
    if (status == WaitStatus::ready) return static_cast<howdah_status>(watch->ready());
    return statusOf(ctx, status, "the database");
}

void socketRelease(const howdah_host*, std::uint64_t socket) noexcept {
    std::unique_ptr<SocketWatch> watch(fromHandle<SocketWatch>(socket));
    watch->release();
}

// --- events

howdah_status eventCreate(const howdah_host*, std::uint64_t* event) noexcept {
    *event = toHandle(new Event);
    return HOWDAH_OK;
}

howdah_status eventWait(howdah_ctx* ctx, std::uint64_t event, std::uint64_t deadline_ns) noexcept {
    auto* waited = fromHandle<Event>(event);
    WaitStatus status = WaitStatus::ready;
    WorkerBridge::atHome([&] {
        status = waited->wait(ctx->request->cancellation, ctx->waitDeadline().min(deadlineOf(deadline_ns)));
        if (status == WaitStatus::ready) waited->reset();
    });
    return statusOf(ctx, status, "an event");
}

void eventSet(const howdah_host*, std::uint64_t event) noexcept {
    fromHandle<Event>(event)->set();
}
void eventDestroy(const howdah_host*, std::uint64_t event) noexcept {
    delete fromHandle<Event>(event);
}

howdah_status reactorSpawn(const howdah_host* host, std::uint64_t token) noexcept {
    auto spawned = instanceOf(host).spawnTask(token);
    return spawned ? HOWDAH_OK : static_cast<howdah_status>(spawned.error().code);
}

// --- work on plain threads

// One piece of work: run exactly once or dropped exactly once, whatever becomes of the queue it waits in.
class Work {
public:
    Work(std::shared_ptr<Instance> instance, std::uint64_t token) : instance_(std::move(instance)), token_(token) {}
    Work(Work&& other) noexcept : instance_(std::move(other.instance_)), token_(other.token_) {}
    Work& operator=(Work&&) = delete;
    ~Work() {
        if (instance_) instance_->jobs()->drop(instance_->self(), token_);
    }
    void operator()() {
        auto instance = std::move(instance_);
        instance->jobs()->work(instance->self(), token_);
    }

private:
    std::shared_ptr<Instance> instance_;  // keeps the plugin alive until the work is over
    std::uint64_t token_;
};

WorkerPool& poolOf(Instance& instance, std::uint32_t kind) {
    Runtime& runtime = instance.services().runtime;
    return kind == HOWDAH_OFFLOAD_LARGE_STACK ? runtime.deepWorkers() : runtime.workers();
}

howdah_status offloadRun(howdah_ctx* ctx, std::uint64_t token, std::uint32_t kind, std::uint64_t deadline_ns) noexcept {
    Instance& instance = *ctx->instance;
    if (!instance.jobs()) return ctx->fail(Error::internal("plugin \"", instance.id(), "\" offers no howdah.jobs/1"));
    Result<void> done;
    WorkerBridge::atHome([&] {
        done = poolOf(instance, kind)
                   .run(Task(Work(instance.shared_from_this(), token)), ctx->request->cancellation,
                        ctx->waitDeadline().min(deadlineOf(deadline_ns)));
    });
    if (done) return HOWDAH_OK;
    if (done.error().code == Code::timeout) ctx->noteTimeout();
    return ctx->fail(std::move(done).error());
}

howdah_status offloadStart(const howdah_host* host, std::uint64_t token, std::uint32_t kind) noexcept {
    Instance& instance = instanceOf(host);
    if (!instance.jobs()) return HOWDAH_ERROR_INTERNAL;
    auto done = poolOf(instance, kind).runDetached(Task(Work(instance.shared_from_this(), token)), instance.label());
    return done ? HOWDAH_OK : static_cast<howdah_status>(done.error().code);
}

}  // namespace

const howdah_reactor_v1 kHostReactor{sizeof(howdah_reactor_v1),
                                     0,
                                     &reactorShard,
                                     &reactorShardCount,
                                     &socketAdopt,
                                     &socketWait,
                                     &socketRelease,
                                     &eventCreate,
                                     &eventWait,
                                     &eventSet,
                                     &eventDestroy,
                                     &reactorSpawn};

const howdah_offload_v1 kHostOffload{sizeof(howdah_offload_v1), 0, &offloadRun, &offloadStart};

}  // namespace howdah::kernel
