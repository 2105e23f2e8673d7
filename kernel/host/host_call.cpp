// howdah.call/1: what a tool's handler uses.
#include <howdah/host.hpp>

#include "kernel/host/host_tables.hpp"
#include "kernel/pipeline/call_run.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/runtime/worker_bridge.hpp"

namespace howdah::kernel {
namespace {

CallRun& runOf(howdah_call* call) {
    return *static_cast<CallRun*>(call);
}

howdah_status callArgument(howdah_ctx*, howdah_call* call, howdah_str name, howdah_value* out) noexcept {
    return runOf(call).argument(fromAbi(name), *out);
}

howdah_status callArguments(howdah_ctx* ctx, howdah_call* call, howdah_str* json) noexcept {
    auto text = runOf(call).argumentsJson();
    if (!text) return ctx->fail(std::move(text).error());
    *json = *text;
    return HOWDAH_OK;
}

// Writing may wait for a slow client, so it happens on the request's fiber.
template <typename Write>
howdah_status write(howdah_ctx* ctx, Write&& body) {
    Result<void> done;
    WorkerBridge::atHome([&] { done = body(); });
    return done ? HOWDAH_OK : ctx->fail(std::move(done).error());
}

howdah_status callText(howdah_ctx* ctx, howdah_call* call, howdah_str bytes) noexcept {
    return write(ctx, [&] { return runOf(call).answer().text(fromAbi(bytes)); });
}
howdah_status callStructured(howdah_ctx* ctx, howdah_call* call, howdah_str json) noexcept {
    return write(ctx, [&] { return runOf(call).answer().structured(fromAbi(json)); });
}
howdah_status callContent(howdah_ctx* ctx, howdah_call* call, howdah_str json) noexcept {
    return write(ctx, [&] { return runOf(call).answer().content(fromAbi(json)); });
}
howdah_status callProgress(howdah_ctx* ctx, howdah_call* call, double done, double total, howdah_str message) noexcept {
    return write(ctx, [&] { return runOf(call).answer().progress(done, total, fromAbi(message)); });
}
howdah_status callLog(howdah_ctx* ctx, howdah_call* call, std::uint32_t level, howdah_str logger,
                      howdah_str data) noexcept {
    return write(ctx, [&] { return runOf(call).answer().log(level, fromAbi(logger), fromAbi(data)); });
}
howdah_status callAsk(howdah_ctx* ctx, howdah_call* call, howdah_str questions, howdah_str* answers) noexcept {
    if (ctx->in_hook) return ctx->fail(Error::refused("hooks ask no questions"));
    howdah_status status = HOWDAH_OK;
    WorkerBridge::atHome([&] {
        auto found = runOf(call).answer().ask(*ctx->request, fromAbi(questions));
        ctx->deadline = ctx->request->deadline;  // a person's time is not the request's
        if (!found) {
            status = ctx->fail(std::move(found).error());
            return;
        }
        const std::string_view kept = ctx->request->arena.copy(*found);
        if (kept.data()) {
            *answers = toAbi(kept);
        } else {
            status = ctx->fail(Error::unavailable("the request holds more memory than one request may"));
        }
    });
    return status;
}

howdah_status callContinueAsTask(howdah_ctx* ctx, howdah_call* call) noexcept {
    if (ctx->in_hook) return ctx->fail(Error::refused("a hook makes no task of a call"));
    return write(ctx, [&] { return runOf(call).answer().continueAsTask(*ctx->request); });
}

}  // namespace

const howdah_call_v1 kHostCall{
    sizeof(howdah_call_v1), 0,        &callArgument, &callArguments,     &callText, &callStructured, &callContent,
    &callProgress,          &callLog, &callAsk,      &callContinueAsTask};

}  // namespace howdah::kernel
