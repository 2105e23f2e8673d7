#include "kernel/host/shared_kv.hpp"

#include <howdah/host.hpp>

#include "kernel/host/instance.hpp"
#include "kernel/pipeline/context.hpp"

namespace howdah::kernel {
namespace {

// The later half of the table is one that a plugin built before does not have. One that nobody else sees is none here.
bool isWhole(const Service<howdah_kv_v1>& kv) {
    return kv && kv.table->struct_size >= sizeof(howdah_kv_v1) && kv.table->unsubscribe &&
           !(kv.table->reserved & HOWDAH_KV_LOCAL);
}

const Service<howdah_kv_v1>* kvOf(const GenerationPin& generation) {
    return generation && isWhole(generation->kv) ? &generation->kv : nullptr;
}

Error nobodyOffers() {
    return Error::unavailable("no plugin offers a howdah.kv/1 that instances share");
}

std::uint64_t msOf(std::chrono::milliseconds duration) {
    return static_cast<std::uint64_t>(duration.count());
}

}  // namespace

bool SharedKv::offered() const {
    return kvOf(generations_.pin()) != nullptr;
}

// Whether the answer was 1; an error for a negative one.
template <typename Call>
Result<bool> SharedKv::ask(Call&& call) const {
    Request request;
    request.generation = generations_.pin();
    request.transport = "control";
    request.deadline = Deadline::in(kLimit);
    const auto* kv = kvOf(request.generation);
    if (!kv) return nobodyOffers();
    howdah_ctx ctx(kv->instance, request);
    howdah_status status = HOWDAH_OK;
    auto run = [&] { status = call(*kv->table, kv->self, &ctx); };
    if (auto entered = kv->instance->enter(run, nullptr, request.deadline); !entered) return std::move(entered).error();
    if (status < 0) return std::move(ctx.error);
    return status == 1;
}

Result<std::optional<std::string>> SharedKv::get(std::string_view key) const {
    std::optional<std::string> found;
    const auto asked = ask([&](const howdah_kv_v1& kv, void* self, howdah_ctx* ctx) {
        howdah_str value{};
        const howdah_status status = kv.get(self, ctx, toAbi(key), &value);
        if (status == HOWDAH_OK) found.emplace(fromAbi(value));
        return status == HOWDAH_ERROR_NOT_FOUND ? HOWDAH_OK : status;
    });
    if (!asked) return asked.error();
    return found;
}

Result<void> SharedKv::set(std::string_view key, std::string_view value, std::chrono::milliseconds ttl) const {
    const auto asked = ask([&](const howdah_kv_v1& kv, void* self, howdah_ctx* ctx) {
        return kv.set(self, ctx, toAbi(key), toAbi(value), msOf(ttl));
    });
    return asked ? Result<void>() : asked.error();
}

Result<bool> SharedKv::setIfAbsent(std::string_view key, std::string_view value, std::chrono::milliseconds ttl) const {
    return ask([&](const howdah_kv_v1& kv, void* self, howdah_ctx* ctx) {
        return kv.set_if_absent(self, ctx, toAbi(key), toAbi(value), msOf(ttl));
    });
}

Result<bool> SharedKv::replace(std::string_view key, std::string_view expected, std::string_view value,
                               std::chrono::milliseconds ttl) const {
    return ask([&](const howdah_kv_v1& kv, void* self, howdah_ctx* ctx) {
        return kv.replace(self, ctx, toAbi(key), toAbi(expected), toAbi(value), msOf(ttl));
    });
}

Result<void> SharedKv::remove(std::string_view key) const {
    const auto asked =
        ask([&](const howdah_kv_v1& kv, void* self, howdah_ctx* ctx) { return kv.remove(self, ctx, toAbi(key)); });
    return asked ? Result<void>() : asked.error();
}

Result<void> SharedKv::publish(std::string_view channel, std::string_view message) const {
    const auto asked = ask([&](const howdah_kv_v1& kv, void* self, howdah_ctx* ctx) {
        return kv.publish(self, ctx, toAbi(channel), toAbi(message));
    });
    return asked ? Result<void>() : asked.error();
}

// The pin is never let go before the next one is held, so what is subscribed to has not been stopped.
Result<SharedKv::Listener::Heard> SharedKv::Listener::next(std::string& message, Cancellation* cancellation,
                                                           std::chrono::milliseconds limit) {
    Request request;
    request.generation = generations_.pin();
    request.transport = "control";
    request.cancellation = cancellation;
    request.deadline = Deadline::in(limit);
    const auto* kv = kvOf(request.generation);
    if (pin_ && (!kv || pin_->kv.instance != kv->instance)) end();
    if (!kv) return nobodyOffers();
    howdah_ctx ctx(kv->instance, request);
    howdah_status status = HOWDAH_OK;
    howdah_str heard{};
    const bool begins = !pin_;
    auto run = [&] {
        status = begins ? kv->table->subscribe(kv->self, &ctx, toAbi(channel_), &subscription_)
                        : kv->table->receive(kv->self, &ctx, subscription_, UINT64_MAX, &heard);
    };
    auto entered = kv->instance->enter(run, cancellation, request.deadline);
    if (!entered) return std::move(entered).error();
    if (!begins || status >= 0) pin_ = request.generation;
    if (status == HOWDAH_ERROR_TIMEOUT && !begins) return Heard::nothing;
    if (status < 0) return std::move(ctx.error);
    if (begins || status == HOWDAH_KV_MISSED) return Heard::missed;
    message.assign(fromAbi(heard));
    return Heard::message;
}

void SharedKv::Listener::end() {
    const GenerationPin last = std::exchange(pin_, nullptr);
    if (last) last->kv.table->unsubscribe(last->kv.self, subscription_);
}

}  // namespace howdah::kernel
