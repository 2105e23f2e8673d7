// howdah.transport/1: the channels of a transport plugin, on the fiber of the task that asks.
#include <howdah/host.hpp>

#include "kernel/host/host_services.hpp"
#include "kernel/host/host_tables.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/pipeline/query_run.hpp"
#include "kernel/runtime/worker_bridge.hpp"
#include "kernel/transport/client_channels.hpp"

namespace howdah::kernel {
namespace {

ClientChannels& channelsOf(howdah_ctx* ctx) {
    return *ctx->instance->services().channels;
}

Deadline waitUntil(howdah_ctx* ctx, std::uint64_t ns) {
    if (ns >= static_cast<std::uint64_t>(INT64_MAX)) return ctx->waitDeadline();
    return ctx->waitDeadline().min(Deadline(Deadline::Clock::time_point(std::chrono::nanoseconds(ns))));
}

howdah_status settle(howdah_ctx* ctx, Result<void> done) {
    if (done) return HOWDAH_OK;
    if (done.error().code == Code::timeout) ctx->noteTimeout();
    return ctx->fail(std::move(done).error());
}

howdah_status transportOpen(howdah_ctx* ctx, const howdah_channel_peer* peer, std::uint64_t* channel) noexcept {
    Result<std::uint64_t> opened{Error{}};
    WorkerBridge::atHome([&] {
        opened = channelsOf(ctx).open(ctx->instance,
                                      {.transport = fromAbi(peer->transport),
                                       .authorization = fromAbi(peer->authorization),
                                       .address = fromAbi(peer->address)},
                                      ctx->request->cancellation);
    });
    if (!opened) return ctx->fail(std::move(opened).error());
    *channel = *opened;
    return HOWDAH_OK;
}

howdah_status transportSubmit(howdah_ctx* ctx, std::uint64_t channel, howdah_str message,
                              std::uint64_t deadline_ns) noexcept {
    Result<void> done;
    WorkerBridge::atHome([&] {
        done =
            channelsOf(ctx).submit(channel, fromAbi(message), ctx->request->cancellation, waitUntil(ctx, deadline_ns));
    });
    return settle(ctx, std::move(done));
}

howdah_status transportReceive(howdah_ctx* ctx, std::uint64_t channel, std::uint64_t deadline_ns,
                               howdah_str* message) noexcept {
    Result<std::string> received{Error{}};
    WorkerBridge::atHome(
        [&] { received = channelsOf(ctx).receive(channel, ctx->request->cancellation, waitUntil(ctx, deadline_ns)); });
    if (!received) return settle(ctx, std::move(received).error());
    ctx->received = std::move(*received);
    *message = toAbi(ctx->received);
    return HOWDAH_OK;
}

howdah_status transportFinish(howdah_ctx* ctx, std::uint64_t channel) noexcept {
    return settle(ctx, channelsOf(ctx).finish(channel));
}

void transportClose(const howdah_host* host, std::uint64_t channel) noexcept {
    static_cast<Instance*>(host->self)->services().channels->close(channel);
}

}  // namespace

const howdah_transport_v1 kHostTransport{sizeof(howdah_transport_v1),
                                         0,
                                         &transportOpen,
                                         &transportSubmit,
                                         &transportReceive,
                                         &transportFinish,
                                         &transportClose};

}  // namespace howdah::kernel
