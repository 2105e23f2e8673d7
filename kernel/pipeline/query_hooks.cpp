#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/query_invoke.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {
namespace {

// FNV-1a over parts that cannot run into each other.
class ScopeHasher {
public:
    void part(std::string_view text) {
        number(text.size());
        for (char c : text)
            mix(static_cast<std::uint8_t>(c));
    }
    std::uint64_t value() const { return hash_ == 0 ? 1 : hash_; }  // 0 means "not computed"

private:
    void number(std::uint64_t n) {
        for (int shift = 0; shift < 64; shift += 8)
            mix(static_cast<std::uint8_t>(n >> shift));
    }
    void mix(std::uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3ULL; }
    std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace

// The walk through the hooks, in and out: the state machine of docs/hooks.md.

// --- forward

bool QueryRun::cancelled() const {
    return request_.cancellation && request_.cancellation->requested();
}

Result<void> QueryRun::goOn() const {
    if (cancelled()) return request_.cancellation->error();
    if (hook_ctx_.deadline.passed())
        return Error::timeout("the request's deadline passed before the statement was sent");
    return {};
}

bool QueryRun::skips(const HookSlot& slot) const {
    if (provenance == HOWDAH_PROVENANCE_PLUGIN && (slot.stage == Stage::rewrite || slot.stage == Stage::guard))
        return true;
    if (depth == 0) [[likely]]
        return false;
    if (slot.stage == Stage::recall) return true;
    for (const QueryRun* run = this; run && run->depth > 0; run = run->outer_) {
        if (slot.instance == &run->origin_) return true;
    }
    return false;
}

QueryRun::Forward QueryRun::before() {
    const auto& chain = generation_->before_query;
    Fiber* fiber = Shard::current()->running();
    const char* label = fiber->label();
    phase_ = Phase::before;
    Forward way = Forward::execute;
    // A clock is read only when time can have passed: at the beginning, and after a hook that may have waited.
    bool waited = !chain.empty();
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const HookSlot& slot = chain[i];
        if (scope_hash == 0 && slot.stage > Stage::scope) computeScopeHash();
        if (skips(slot)) continue;
        if (!slot.table->before_query) {  // declared only afterQuery or onError: nothing to say on the way in
            entered_.set(i);
            continue;
        }
        if (waited || cancelled()) [[unlikely]] {
            if (auto wanted = goOn(); !wanted) {
                error_ = std::move(wanted).error();
                way = Forward::failed;
                break;
            }
        }
        fiber->setLabel(slot.instance->label());
        std::uint32_t verdict = invoke(slot, [&] { return slot.table->before_query(slot.self, &hook_ctx_, this); });
        waited = slot.worker || !hook_ctx_.budget.isNever();
        if (verdict == HOWDAH_PROCEED) [[likely]] {
            entered_.set(i);
            if (pending_any_) [[unlikely]]
                slot.mode == Mode::enforce ? commitPending() : dropPending();
            continue;
        }
        if (pending_any_) dropPending();
        bool sound = verdict == HOWDAH_DENY || (verdict == HOWDAH_REPLY && slot.stage == Stage::recall && reply_);
        if (sound && slot.mode == Mode::audit) {
            logInfo(slot.instance->id(), "audit: would have ", verdict == HOWDAH_DENY ? "denied: " : "replied",
                    verdict == HOWDAH_DENY ? std::string_view{hook_ctx_.error.message} : std::string_view{});
            reply_.reset();
            entered_.set(i);
            continue;
        }
        if (verdict == HOWDAH_REPLY && sound) {
            way = Forward::replied;
            break;
        }
        if (verdict == HOWDAH_DENY) {
            error_ = deniedBy(slot);
            way = Forward::failed;
            break;
        }
        reply_.reset();
        // A hook whose wait was ended by the end of the request has not failed.
        if (auto wanted = goOn(); !wanted) {
            error_ = std::move(wanted).error();
            way = Forward::failed;
            break;
        }
        if (auto stop = onFault(slot, faultOf(slot, verdict, "beforeQuery"))) {
            error_ = std::move(stop);
            way = Forward::failed;
            break;
        }
    }
    if (scope_hash == 0) computeScopeHash();
    phase_ = Phase::idle;
    fiber->setLabel(label);
    if (way == Forward::execute) {
        if (auto wanted = goOn(); !wanted) {
            error_ = std::move(wanted).error();
            return Forward::failed;
        }
    }
    return way;
}

Error QueryRun::deniedBy(const HookSlot& slot) {
    Error error = std::move(hook_ctx_.error);
    hook_ctx_.error = Error{};
    if (error.message.empty()) error = Error::refused("plugin \"", slot.instance->id(), "\" refused without a reason");
    return error;
}

Error QueryRun::faultOf(const HookSlot& slot, std::uint32_t verdict, std::string_view event) {
    std::string why;
    if (verdict == HOWDAH_FAULT) {
        why = hook_ctx_.error.message.empty() ? "it gave no reason" : hook_ctx_.error.message;
    } else if (verdict == HOWDAH_REPLY) {
        why = concat("it replied, which stage ", stageName(slot.stage), " may not do here, or without a result");
    } else {
        why = concat("it gave the unknown verdict ", verdict);
    }
    hook_ctx_.error = Error{};
    return Error::internal("plugin \"", slot.instance->id(), "\" failed in ", event, ": ", why);
}

std::optional<Error> QueryRun::onFault(const HookSlot& slot, Error fault) {
    slot.instance->countFault();
    logWarn(slot.instance->id(), fault.message);
    if (slot.on_failure == OnFailure::deny && slot.mode == Mode::enforce) return fault;
    if (slot.on_failure == OnFailure::quarantine) slot.instance->services().quarantine(*slot.instance, fault.message);
    return std::nullopt;
}

void QueryRun::computeScopeHash() {
    ScopeHasher hasher;
    hasher.part(fromAbi(database));
    hasher.part(request_.principal->subject);
    hasher.part(request_.principal->tenant);
    for (const Setting& setting : settings_) {
        hasher.part(setting.name);
        hasher.part(setting.value);
    }
    scope_hash = hasher.value();
}

// --- backward

howdah_result QueryRun::resultView() const {
    howdah_result view{};
    view.struct_size = sizeof view;
    view.flags = result_flags_ | (streaming_ ? HOWDAH_RESULT_STREAMED : 0);
    view.columns = columns_.data();
    view.column_count = columns_.size();
    if (!streaming_) {
        view.batches = batches_.data();
        view.batch_count = batches_.size();
    }
    view.trailer = trailer_;
    return view;
}

void QueryRun::back() {
    const auto& chain = generation_->before_query;
    Fiber* fiber = Shard::current()->running();
    const char* label = fiber->label();
    phase_ = Phase::after;
    for (std::size_t i = chain.size(); i-- > 0;) {
        if (!entered_.test(i)) continue;
        const HookSlot& slot = chain[i];
        fiber->setLabel(slot.instance->label());
        error_ ? backWithError(slot) : backWithResult(slot);
    }
    phase_ = Phase::idle;
    fiber->setLabel(label);
}

void QueryRun::backWithResult(const HookSlot& slot) {
    if (!slot.table->after_query) return;
    howdah_result view = resultView();
    std::uint32_t verdict = invoke(slot, [&] { return slot.table->after_query(slot.self, &hook_ctx_, this, &view); });
    if (verdict == HOWDAH_PROCEED) [[likely]]
        return;
    bool sound = verdict == HOWDAH_DENY || (verdict == HOWDAH_REPLY && reply_);
    if (sound && slot.mode == Mode::enforce) {
        if (verdict == HOWDAH_REPLY) return takeReply();
        error_ = deniedBy(slot);
        return;
    }
    reply_.reset();
    if (sound) return;  // audit
    if (auto stop = onFault(slot, faultOf(slot, verdict, "afterQuery"))) error_ = std::move(stop);
}

void QueryRun::backWithError(const HookSlot& slot) {
    if (!slot.table->on_error) return;
    howdah_error view = toAbi(*error_);
    std::uint32_t verdict = invoke(slot, [&] { return slot.table->on_error(slot.self, &hook_ctx_, this, &view); });
    if (verdict == HOWDAH_PROCEED) [[likely]]
        return;
    bool sound = verdict == HOWDAH_DENY || (verdict == HOWDAH_REPLY && reply_);
    if (sound && slot.mode == Mode::enforce) {
        if (verdict == HOWDAH_REPLY) {
            error_.reset();
            return takeReply();
        }
        error_ = deniedBy(slot);
        return;
    }
    reply_.reset();
    // A failure while handling an error never hides that error.
    if (!sound) (void)onFault(slot, faultOf(slot, verdict, "onError"));
}

}  // namespace howdah::kernel
