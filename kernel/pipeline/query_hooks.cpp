#include <cstring>

#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/query_invoke.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {
namespace {

// A 64-bit hash over parts that cannot run into each other, eight bytes at a time: every query pays for it.
class ScopeHasher {
public:
    void part(std::string_view text) {
        mix(text.size());
        for (; text.size() >= 8; text.remove_prefix(8))
            mix(wordOf(text.data(), 8));
        if (!text.empty()) mix(wordOf(text.data(), text.size()));
    }
    std::uint64_t value() const { return hash_ == 0 ? 1 : hash_; }  // 0 means "not computed"

private:
    static std::uint64_t wordOf(const char* bytes, std::size_t count) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes, count);
        return word;
    }
    // Each step is a bijection of what was before, for any word.
    void mix(std::uint64_t word) {
        hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15ULL;
        hash_ ^= hash_ >> 32;
    }
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
    open_queries_ = request_.queries.size();
    const Cancellation* cancellation = request_.cancellation;
    Forward way = Forward::execute;
    // A clock is read only when time can have passed: at the beginning, and after a hook that may have waited.
    bool waited = !chain.empty();
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const HookSlot& slot = chain[i];
        if (scope_hash == 0 && slot.stage > Stage::scope) computeScopeHash();
        if (skips(slot)) continue;
        if (!slot.table->before_query) {  // declared only afterQuery or onError: nothing to say on the way in
            entered_[i] = true;
            continue;
        }
        if (waited || (cancellation && cancellation->requested())) [[unlikely]] {
            if (auto wanted = goOn(); !wanted) {
                error_ = std::move(wanted).error();
                way = Forward::failed;
                break;
            }
        }
        fiber->setLabel(slot.instance->label());
        std::uint32_t verdict = invoke(slot, [&] { return slot.table->before_query(slot.self, &hook_ctx_, this); });
        waited = slot.worker || hook_ctx_.used;
        if (verdict == HOWDAH_PROCEED) [[likely]] {
            entered_[i] = true;
            if (pending_any_) [[unlikely]]
                slot.mode == Mode::enforce ? commitPending() : dropPending();
            continue;
        }
        if (auto end = answerForward(slot, i, verdict)) {
            way = *end;
            break;
        }
    }
    if (scope_hash == 0 && !chain.empty()) computeScopeHash();
    phase_ = Phase::idle;
    fiber->setLabel(label);
    if (way == Forward::execute && (waited || chain.empty() || cancelled())) {
        if (auto wanted = goOn(); !wanted) {
            error_ = std::move(wanted).error();
            return Forward::failed;
        }
    }
    return way;
}

// What a verdict other than proceed leads to; empty = the next hook.
std::optional<QueryRun::Forward> QueryRun::answerForward(const HookSlot& slot, std::size_t i, std::uint32_t verdict) {
    if (pending_any_) dropPending();
    bool sound = verdict == HOWDAH_DENY || (verdict == HOWDAH_REPLY && slot.stage == Stage::recall && reply_);
    if (sound && slot.mode == Mode::audit) {
        logInfo(slot.instance->id(), "audit: would have ", verdict == HOWDAH_DENY ? "denied: " : "replied",
                verdict == HOWDAH_DENY ? std::string_view{hook_ctx_.error.message} : std::string_view{});
        reply_.reset();
        entered_[i] = true;
        return std::nullopt;
    }
    if (verdict == HOWDAH_REPLY && sound) return Forward::replied;
    if (verdict == HOWDAH_DENY) {
        error_ = deniedBy(slot);
        return Forward::failed;
    }
    reply_.reset();
    // A hook whose wait was ended by the end of the request has not failed.
    if (auto wanted = goOn(); !wanted) {
        error_ = std::move(wanted).error();
    } else {
        error_ = onFault(slot, faultOf(slot, verdict, "beforeQuery"));
    }
    return error_ ? std::optional(Forward::failed) : std::nullopt;
}

// After a hook that made host calls: what it left open is closed, what it left behind is forgotten.
std::uint32_t QueryRun::tidyUp(const HookSlot& slot, std::uint32_t verdict) {
    if (request_.queries.size() > open_queries_) request_.closeQueries(open_queries_);
    if (hook_ctx_.budget_spent) {
        hook_ctx_.error =
            Error::timeout("its host calls took more than ", slot.instance->services().hook_budget.count(), " ms");
        verdict = HOWDAH_FAULT;
    }
    if (verdict != HOWDAH_REPLY) reply_.reset();  // given with another verdict
    return verdict;
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
    if (slot.on_failure == OnFailure::quarantine) slot.instance->services().quarantine(*slot.instance, fault.message);
    return slot.failureDenies() ? std::optional(std::move(fault)) : std::nullopt;
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
    open_queries_ = request_.queries.size();
    howdah_result result = resultView();  // once for all, again after a reply
    for (std::size_t i = chain.size(); i-- > 0;) {
        if (!entered_[i]) continue;
        const HookSlot& slot = chain[i];
        if (error_ ? !slot.table->on_error : !slot.table->after_query) continue;
        fiber->setLabel(slot.instance->label());
        const std::uint32_t verdict =
            error_ ? tellError(slot)
                   : invoke(slot, [&] { return slot.table->after_query(slot.self, &hook_ctx_, this, &result); });
        if (verdict == HOWDAH_PROCEED) [[likely]]
            continue;
        if (error_ ? answerError(slot, verdict) : answerResult(slot, verdict)) result = resultView();
    }
    phase_ = Phase::idle;
    fiber->setLabel(label);
}

// Both: true when a reply took the place of the outcome. Apart from the walk, whose stack frame they would triple.
bool QueryRun::answerResult(const HookSlot& slot, std::uint32_t verdict) {
    bool sound = verdict == HOWDAH_DENY || (verdict == HOWDAH_REPLY && reply_);
    if (sound && slot.mode == Mode::enforce) {
        if (verdict == HOWDAH_REPLY) {
            takeReply();
            return true;
        }
        error_ = deniedBy(slot);
        return false;
    }
    reply_.reset();
    if (sound) return false;  // audit
    if (auto stop = onFault(slot, faultOf(slot, verdict, "afterQuery"))) error_ = std::move(stop);
    return false;
}

std::uint32_t QueryRun::tellError(const HookSlot& slot) {
    howdah_error view = toAbi(*error_);
    return invoke(slot, [&] { return slot.table->on_error(slot.self, &hook_ctx_, this, &view); });
}

bool QueryRun::answerError(const HookSlot& slot, std::uint32_t verdict) {
    bool sound = verdict == HOWDAH_DENY || (verdict == HOWDAH_REPLY && reply_);
    if (sound && slot.mode == Mode::enforce) {
        if (verdict == HOWDAH_REPLY) {
            error_.reset();
            takeReply();
            return true;
        }
        error_ = deniedBy(slot);
        return false;
    }
    reply_.reset();
    // A failure while handling an error never hides that error.
    if (!sound) (void)onFault(slot, faultOf(slot, verdict, "onError"));
    return false;
}

}  // namespace howdah::kernel
