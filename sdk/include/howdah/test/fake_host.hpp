// A kernel small enough for a unit test. It loads one plugin in this process and gives it what a kernel gives: contexts
// with deadline and cancellation, log, services, databases, sockets, events, tasks and workers. Calls block the thread
// that makes them instead of parking a fiber, as with `run: worker`; "shards" are numbers a test gives its threads.
//
//     howdah::test::FakeHost host;
//     host.databases = R"([{"name":"main","access":"restricted","dsn":"postgresql:///test"}])";
//     host.loadFile("build/plugins/pool/pool.so");        // or host.load(&howdah_plugin_v1) when linked in
//     REQUIRE(host.start("{}") == "");                    // the section of the configuration
//     howdah::test::FakeCall call(host, 2s);              // one request with a deadline
//     table->execute(self, call.ctx(), ...);              // call.error() tells why something failed
//
// An interface a test wants to answer itself (howdah.query/1, howdah.call/1, howdah.rows/1) is put into `interfaces`,
// a service of another plugin into `services`, both before start().
//
// Threads: FakeHost any, as the kernel; a FakeCall on the thread that made it, except cancel().
// Owns:    the plugin from load() until stop() or its own end; every thread the plugin's tasks and work run on.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>

#include <howdah/abi/call.h>
#include <howdah/abi/health.h>
#include <howdah/abi/plugin.h>
#include <howdah/abi/runtime.h>
#include <howdah/host.hpp>
#include <howdah/result.hpp>
#include <howdah/test/fake_context.hpp>
#include <howdah/test/fake_waits.hpp>

namespace howdah::test {

class FakeHost {
public:
    // --- set before start()
    std::string databases = "[]";
    std::string description = "{}";  // howdah_kernel_v1.describe
    std::string state_folder = "/tmp";
    std::string plugin_folder = "/tmp";
    std::uint32_t shard_count = 1;
    std::uint32_t workers_max = 8;
    std::map<std::string, const void*, std::less<>> interfaces;
    std::map<std::string, std::pair<const void*, void*>, std::less<>> services;

    FakeHost() { raw_ = {sizeof raw_, HOWDAH_ABI_MAJOR, HOWDAH_ABI_MINOR, this, &getInterface}; }
    FakeHost(const FakeHost&) = delete;
    FakeHost& operator=(const FakeHost&) = delete;
    ~FakeHost() { stop(); }

    // --- lifecycle; texts are "" or what went wrong
    std::string load(const howdah_entry_v1* entry) {
        plugin_ = entry->create(&raw_);
        return plugin_ ? "" : "create() gave no plugin";
    }
    // The library stays mapped, as code of it may still stand on a thread's stack when its last call returns.
    std::string loadFile(const std::string& path) {
        void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (!library) return dlerror();
        auto* entry = static_cast<const howdah_entry_v1*>(dlsym(library, HOWDAH_ENTRY_SYMBOL));
        return entry ? load(entry) : "no symbol " HOWDAH_ENTRY_SYMBOL;
    }
    std::string start(std::string_view section) {
        howdah_ctx ctx(*this);
        jobs_ = plugin<howdah_jobs_v1>(HOWDAH_JOBS_1);
        if (plugin_->configure(plugin_->self, &ctx, toAbi(section)) < 0) return ctx.error.message;
        if (plugin_->start(plugin_->self, &ctx) < 0) return ctx.error.message;
        return "";
    }
    void stop() {
        if (!plugin_) return;
        endTasks();
        plugin_->stop(plugin_->self);
        joinAll();
        plugin_->destroy(plugin_->self);
        plugin_ = nullptr;
    }

    // --- what a test looks at
    void* self() const { return plugin_->self; }
    template <typename Table>
    const Table* plugin(const char* id) const {
        return static_cast<const Table*>(plugin_->get_interface(plugin_->self, id));
    }
    const howdah_host* raw() const { return &raw_; }
    std::vector<std::string> updatedResources() {
        std::lock_guard lock(mutex_);
        return updated_;
    }
    std::size_t resourceListChanges() {
        std::lock_guard lock(mutex_);
        return list_changes_;
    }
    std::uint32_t health() {  // as the plugin told last
        std::lock_guard lock(mutex_);
        return health_;
    }
    std::vector<std::string> logLines() {
        std::lock_guard lock(mutex_);
        return log_;
    }

private:
    struct Work {  // shared with a waiter that may leave early
        std::mutex mutex;
        std::condition_variable changed;
        bool done = false;
    };

    static FakeHost& of(const howdah_host* host) { return *static_cast<FakeHost*>(host->self); }

    void addThread(std::thread thread) {
        std::lock_guard lock(mutex_);
        threads_.push_back(std::move(thread));
    }
    // As the kernel does before stop(): cancels them and waits until they have returned.
    void endTasks() {
        std::unique_lock lock(mutex_);
        stopping_ = true;
        for (auto& task : tasks_)
            fake::cancel(*task);
        task_ended_.wait(lock, [this] { return tasks_.empty(); });
    }
    void joinAll() {
        for (;;) {
            std::vector<std::thread> ended;
            {
                std::lock_guard lock(mutex_);
                ended.swap(threads_);
            }
            if (ended.empty()) return;
            for (auto& thread : ended)
                thread.join();
        }
    }

    // --- howdah.notify/1
    static void resourceUpdated(const howdah_host* host, howdah_str uri) {
        std::lock_guard lock(of(host).mutex_);
        of(host).updated_.emplace_back(fromAbi(uri));
    }
    static void resourceListChanged(const howdah_host* host) {
        std::lock_guard lock(of(host).mutex_);
        ++of(host).list_changes_;
    }

    // --- howdah.health/1
    static void tellHealth(const howdah_host* host, std::uint32_t health) {
        std::lock_guard lock(of(host).mutex_);
        of(host).health_ = health;
    }

    // --- howdah.log/1, howdah.services/1, howdah.kernel/1
    static void writeLog(const howdah_host* host, std::int32_t, howdah_str line) {
        std::lock_guard lock(of(host).mutex_);
        of(host).log_.emplace_back(fromAbi(line));
    }
    static howdah_status acquire(const howdah_host* host, howdah_ctx* ctx, howdah_str id, const void** table,
                                 void** self) {
        auto found = of(host).services.find(fromAbi(id));
        if (found == of(host).services.end()) return fake::failWith(ctx, Error::notFound("no service ", fromAbi(id)));
        *table = found->second.first;
        *self = found->second.second;
        return HOWDAH_OK;
    }
    static howdah_status listDatabases(const howdah_host* host, howdah_ctx*, howdah_str* json) {
        *json = toAbi(of(host).databases);
        return HOWDAH_OK;
    }
    static howdah_status path(const howdah_host* host, howdah_ctx*, std::uint32_t which, howdah_str* out) {
        *out = toAbi(which == HOWDAH_PATH_STATE ? of(host).state_folder : of(host).plugin_folder);
        return HOWDAH_OK;
    }
    static howdah_status describe(const howdah_host* host, howdah_ctx*, howdah_str* json) {
        *json = toAbi(of(host).description);
        return HOWDAH_OK;
    }

    // --- howdah.reactor/1
    static std::uint32_t shardCount(const howdah_host* host) { return of(host).shard_count; }
    static howdah_status spawn(const howdah_host* raw, std::uint64_t token) {
        FakeHost& host = of(raw);
        auto ctx = std::make_shared<howdah_ctx>(host);
        {
            std::lock_guard lock(host.mutex_);
            if (host.stopping_) return HOWDAH_ERROR_UNAVAILABLE;
            host.tasks_.push_back(ctx);
        }
        host.addThread(std::thread([&host, ctx, token] {
            host.jobs_->task(host.plugin_->self, ctx.get(), token);
            std::lock_guard lock(host.mutex_);
            std::erase(host.tasks_, ctx);
            host.task_ended_.notify_all();
        }));
        return HOWDAH_OK;
    }

    // --- howdah.offload/1: a thread for each piece of work, workers_max at once; until the end, as the kernel has it
    bool takeWorker() {
        std::lock_guard lock(mutex_);
        if (workers_ >= workers_max) return false;
        ++workers_;
        return true;
    }
    std::shared_ptr<Work> begin(std::uint64_t token) {
        auto work = std::make_shared<Work>();
        addThread(std::thread([this, work, token] {
            jobs_->work(plugin_->self, token);
            {
                std::lock_guard lock(mutex_);
                --workers_;
            }
            std::lock_guard lock(work->mutex);
            work->done = true;
            work->changed.notify_all();
        }));
        return work;
    }
    static howdah_status run(howdah_ctx* ctx, std::uint64_t token, std::uint32_t, std::uint64_t until_ns) {
        FakeHost& host = *ctx->host;
        if (!host.takeWorker()) {
            host.jobs_->drop(host.plugin_->self, token);
            return fake::failWith(ctx, Error::unavailable("all ", host.workers_max, " workers are busy"));
        }
        auto work = host.begin(token);
        std::uint64_t limit = std::min(until_ns, ctx->deadline_ns);
        std::unique_lock lock(work->mutex);
        for (;;) {
            if (work->done) return HOWDAH_OK;
            if (ctx->cancelled) return fake::over(ctx);
            std::uint64_t now = monotonicNs();
            if (now >= limit) return fake::failWith(ctx, Error::timeout("the wait for a worker's work timed out"));
            work->changed.wait_for(lock, std::chrono::nanoseconds(std::min<std::uint64_t>(limit - now, 5'000'000)));
        }
    }
    static howdah_status startWork(const howdah_host* raw, std::uint64_t token, std::uint32_t) {
        if (!of(raw).takeWorker()) return HOWDAH_ERROR_UNAVAILABLE;
        of(raw).begin(token);
        return HOWDAH_OK;
    }

    static const void* getInterface(const howdah_host* host, const char* id) {
        static constexpr howdah_context_v1 kContext{
            sizeof kContext,   0,           &fake::fail, &fake::lastError, &fake::alloc, &fake::status,
            &fake::deadlineNs, &fake::nowNs};
        static constexpr howdah_log_v1 kLog{sizeof kLog, 0, &writeLog};
        static constexpr howdah_services_v1 kServices{sizeof kServices, 0, &acquire};
        static constexpr howdah_kernel_v1 kKernel{sizeof kKernel, 0, &listDatabases, &path, &describe};
        static constexpr howdah_reactor_v1 kReactor{sizeof kReactor,      0,
                                                    &fake::shard,         &shardCount,
                                                    &fake::socketAdopt,   &fake::socketWait,
                                                    &fake::socketRelease, &fake::eventCreate,
                                                    &fake::eventWait,     &fake::eventSet,
                                                    &fake::eventDestroy,  &spawn};
        static constexpr howdah_seal_v1 kSeal{sizeof kSeal, 0, &fake::seal, &fake::unseal};
        static constexpr howdah_notify_v1 kNotify{sizeof kNotify, 0, &resourceUpdated, &resourceListChanged};
        static constexpr howdah_health_v1 kHealth{sizeof kHealth, 0, &tellHealth};
        static constexpr howdah_offload_v1 kOffload{sizeof kOffload, 0, &run, &startWork};
        std::string_view name{id};
        auto own = of(host).interfaces.find(name);
        if (own != of(host).interfaces.end()) return own->second;
        if (name == HOWDAH_CONTEXT_1) return &kContext;
        if (name == HOWDAH_LOG_1) return &kLog;
        if (name == HOWDAH_SERVICES_1) return &kServices;
        if (name == HOWDAH_KERNEL_1) return &kKernel;
        if (name == HOWDAH_REACTOR_1) return &kReactor;
        if (name == HOWDAH_OFFLOAD_1) return &kOffload;
        if (name == HOWDAH_SEAL_1) return &kSeal;
        if (name == HOWDAH_NOTIFY_1) return &kNotify;
        if (name == HOWDAH_HEALTH_1) return &kHealth;
        return nullptr;
    }

    howdah_host raw_{};
    const howdah_plugin* plugin_ = nullptr;
    const howdah_jobs_v1* jobs_ = nullptr;
    std::mutex mutex_;
    std::condition_variable task_ended_;
    std::vector<std::string> log_;
    std::vector<std::string> updated_;
    std::size_t list_changes_ = 0;
    std::uint32_t health_ = HOWDAH_HEALTH_OK;
    std::vector<std::shared_ptr<howdah_ctx>> tasks_;
    std::vector<std::thread> threads_;
    std::uint32_t workers_ = 0;
    bool stopping_ = false;
};

// One request.
class FakeCall {
public:
    explicit FakeCall(FakeHost& host, std::chrono::milliseconds time = std::chrono::seconds(30),
                      std::uint32_t shard = 0)
        : ctx_(host) {
        ctx_.deadline_ns = monotonicNs() + static_cast<std::uint64_t>(time.count()) * 1'000'000;
        ctx_.shard = shard;
    }
    howdah_ctx* ctx() { return &ctx_; }
    const Error& error() const { return ctx_.error; }
    void cancel() { fake::cancel(ctx_); }  // from any thread

private:
    howdah_ctx ctx_;
};

}  // namespace howdah::test
