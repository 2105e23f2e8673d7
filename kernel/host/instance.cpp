#include "kernel/host/instance.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include <howdah/host.hpp>

#include "kernel/base/immortal.hpp"
#include "kernel/base/log.hpp"
#include "kernel/host/host_api.hpp"
#include "kernel/host/host_services.hpp"
#include "kernel/host/library.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/transport/client_channels.hpp"

namespace howdah::kernel {
namespace {

constexpr auto kLifecycleLimit = std::chrono::seconds(120);
constexpr std::string_view kReplaced = "the plugin that carries this connection was replaced; connect again";

}  // namespace

Instance::Instance(Manifest manifest, std::shared_ptr<Library> library, HostServices& services, Placement placement)
    : manifest_(std::move(manifest)),
      library_(std::move(library)),
      services_(services),
      placement_(std::move(placement)),
      label_(immortal(manifest_.id)) {
    host_.struct_size = sizeof host_;
    host_.abi_major = HOWDAH_ABI_MAJOR;
    host_.abi_minor = HOWDAH_ABI_MINOR;
    host_.self = this;
    host_.get_interface = &hostInterface;
}

Instance::~Instance() {
    if (plugin_) plugin_->destroy(plugin_->self);
}

// Lifecycle functions may block (start a database, read files), so they run on a worker while the control fiber waits.
template <typename Function>
Result<void> Instance::runLifecycle(std::string_view step, Function&& function) {
    Request request;
    request.transport = "control";
    request.deadline = Deadline::in(kLifecycleLimit);
    howdah_ctx ctx(this, request);
    howdah_status status = HOWDAH_OK;
    auto call = [&] { status = function(&ctx); };
    auto entered = WorkerBridge::run(services_.runtime.workers(), call, nullptr, request.deadline);
    if (!entered) return Error::unavailable("plugin \"", manifest_.id, "\": ", step, ": ", entered.error().message);
    if (status >= 0) return {};
    Error error = std::move(ctx.error);
    error.message = concat("plugin \"", manifest_.id, "\" could not ", step, ": ",
                           error.message.empty() ? "it gave no reason" : error.message);
    return error;
}

Result<void> Instance::create() {
    return runLifecycle("be created", [&](howdah_ctx* ctx) -> howdah_status {
        plugin_ = library_->entry().create(&host_);
        if (!plugin_) return ctx->fail(Error::internal("create() gave no instance"));
        jobs_ = interface<howdah_jobs_v1>(HOWDAH_JOBS_1);
        takeHooks();
        return HOWDAH_OK;
    });
}

// Only what the manifest names is ever called; members an older plugin does not have stay null.
void Instance::takeHooks() {
    const auto* offered = interface<howdah_hooks_v1>(HOWDAH_HOOKS_1);
    if (!offered || !manifest_.stage) return;
    howdah_hooks_v1 all{};
    std::memcpy(&all, offered, std::min<std::size_t>(offered->struct_size, sizeof all));
    hooks_.struct_size = sizeof hooks_;
    if (manifest_.hasEvent("beforeQuery")) hooks_.before_query = all.before_query;
    if (manifest_.hasEvent("afterQuery")) hooks_.after_query = all.after_query;
    if (manifest_.hasEvent("onError")) hooks_.on_error = all.on_error;
    if (manifest_.hasEvent("onConnect")) hooks_.on_connect = all.on_connect;
    if (manifest_.hasEvent("beforeCall")) hooks_.before_call = all.before_call;
    if (manifest_.hasEvent("afterCall")) hooks_.after_call = all.after_call;
    if (manifest_.rows != RowsUse::none) hooks_.on_rows = all.on_rows;
}

Result<void> Instance::configure(std::string_view section_json) {
    auto done = runLifecycle(
        "be configured", [&](howdah_ctx* ctx) { return plugin_->configure(plugin_->self, ctx, toAbi(section_json)); });
    if (done) state_ = InstanceState::configured;
    return done;
}

Result<void> Instance::start(Providers providers) {
    providers_ = std::move(providers);
    auto done = runLifecycle("be started", [&](howdah_ctx* ctx) { return plugin_->start(plugin_->self, ctx); });
    if (done) {
        state_ = InstanceState::started;
    } else {
        stop(Deadline::in(std::chrono::seconds(2)));  // a start that failed half way may have tasks
    }
    return done;
}

void Instance::stop(Deadline deadline) {
    if (state_ == InstanceState::stopped || !plugin_) return;
    bool ran = state_ == InstanceState::started;
    state_ = InstanceState::draining;
    // The clients it brought in hear what they asked for before its tasks, which carry the answers, are told to end.
    if (ClientChannels* channels = services_.channels) {
        channels->beginDrain(this, kReplaced);
        (void)channels->drain(this, deadline, CancelReason::reload);
    }
    bool any_task = false;
    {
        std::lock_guard lock(tasks_mutex_);
        tasks_refused_ = true;
        any_task = !tasks_.empty();
        for (const auto& task : tasks_)
            task->cancel(CancelReason::shutdown);
    }
    if (any_task && tasks_over_.wait(nullptr, deadline) != WaitStatus::ready) {
        logError(id(), "its tasks did not end in time; it stays loaded");
        state_ = InstanceState::stopped;
        plugin_ = nullptr;  // never destroyed: somebody is still inside
        if (services_.channels) services_.channels->forget(this);
        return;
    }
    if (ran) {
        (void)runLifecycle("stop", [&](howdah_ctx*) {
            plugin_->stop(plugin_->self);
            return HOWDAH_OK;
        });
    }
    if (services_.channels) services_.channels->forget(this);
    state_ = InstanceState::stopped;
}

Result<void> Instance::enterWorker(FunctionRef function, Cancellation* cancellation, Deadline deadline) {
    return WorkerBridge::run(services_.runtime.workers(), function, cancellation, deadline);
}

Result<void> Instance::registerStatement(std::string_view sql, std::uint32_t access) {
    std::string_view needed = access == HOWDAH_ACCESS_WRITE ? "db.write" : "db.read";
    if (!manifest_.permits(needed)) {
        return Error::refused("plugin.json of ", manifest_.id, " lacks the permission ", needed);
    }
    if (state_ != InstanceState::configured) return Error::refused("statements are registered in start() only");
    statements_.insert_or_assign(std::string{sql}, Registered{access});
    return {};
}

const Instance::Registered* Instance::statement(std::string_view sql) const {
    auto found = statements_.find(sql);
    return found == statements_.end() ? nullptr : &found->second;
}

std::shared_ptr<Instance> Instance::provider(std::string_view service) const {
    for (const auto& [id, instance] : providers_) {
        if (id == service) return instance;
    }
    return nullptr;
}

Result<std::string> Instance::stateFolder() const {
    std::string name = manifest_.id;
    for (char& c : name) {
        if (c == '/') c = '.';
    }
    std::filesystem::path folder = std::filesystem::path(services_.state_dir) / "plugins" / name;
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (!failed) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
    if (failed) return Error::unavailable("cannot make the folder ", folder.string(), ": ", failed.message());
    return folder.string();
}

// --- tasks

Result<void> Instance::spawnTask(std::uint64_t token) {
    if (!jobs_) return Error::internal("plugin \"", manifest_.id, "\" offers no howdah.jobs/1");
    Shard& shard = services_.runtime.nextShard();
    auto cancellation = Cancellation::create(shard);
    {
        std::lock_guard lock(tasks_mutex_);
        if (tasks_refused_) return Error::unavailable("the plugin is being stopped");
        tasks_.push_back(cancellation);
    }
    // Posted, so that the caller may hold a lock: a spawn from the loop would run the task on top of it.
    shard.post([self = shared_from_this(), cancellation, token, &shard]() mutable {
        auto body = [self, cancellation, token] {
            Request request;
            request.transport = "task";
            request.cancellation = cancellation.get();
            howdah_ctx ctx(self.get(), request);
            auto task = [&] { self->jobs_->task(self->plugin_->self, &ctx, token); };
            auto entered = self->enter(task, cancellation.get(), request.deadline);
            if (!entered) self->jobs_->drop(self->plugin_->self, token);
            self->taskEnded(cancellation);
        };
        if (!shard.spawn(Task(std::move(body)), self->label())) {
            self->jobs_->drop(self->plugin_->self, token);
            self->taskEnded(cancellation);
        }
    });
    return {};
}

void Instance::taskEnded(const std::shared_ptr<Cancellation>& task) {
    std::lock_guard lock(tasks_mutex_);
    std::erase(tasks_, task);
    if (tasks_refused_ && tasks_.empty()) tasks_over_.set();
}

}  // namespace howdah::kernel
