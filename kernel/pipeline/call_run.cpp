#include "kernel/pipeline/call_run.hpp"

#include <howdah/host.hpp>

#include "kernel/base/log.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/gate.hpp"

namespace howdah::kernel {

CallRun::CallRun(Request& request, const Handler& handler, std::uint32_t call_kind, std::string_view called,
                 simdjson::dom::object arguments, Answer& answer)
    : howdah_call{}, request_(request), handler_(handler), arguments_(arguments), answer_(answer) {
    struct_size = sizeof(howdah_call);
    kind = call_kind;
    name = toAbi(called);
    plugin = toAbi(handler_.instance->id());
    request_id = request.id;
    principal = request.principalView();
    transport = toAbi(request.transport);
    if (answer.wantsProgress()) flags |= HOWDAH_CALL_PROGRESS;
    if (answer.isTask()) flags |= HOWDAH_CALL_IS_TASK;
    if (!request.client) return;
    if (request.client->structured) flags |= HOWDAH_CALL_STRUCTURED;
    flags |= request.client->askable;
    client_name = toAbi(request.client->name);
    client_version = toAbi(request.client->version);
    protocol = toAbi(request.client->protocol);
}

Result<void> CallRun::run() {
    const Generation& generation = *request_.generation;
    if (!generation.unscoped.empty()) [[unlikely]] {
        return Error::unavailable("calls are refused: ", generation.unscoped)
            .withHint("the operator sees more with `howdah plugin list`");
    }
    if (generation.around_call.empty()) [[likely]]
        return handle();
    Result<void> outcome = before();
    if (outcome) outcome = handle();
    after(outcome ? nullptr : &outcome.error());
    return outcome;
}

Result<void> CallRun::handle() {
    howdah_ctx ctx(handler_.instance, request_);
    ctx.call = this;
    howdah_status status = HOWDAH_OK;
    auto handler = [&] { status = handler_.table->call(handler_.self, &ctx, handler_.bound, this); };
    const std::size_t open = request_.queries.size();
    if (auto entered = handler_.instance->enter(handler, request_.cancellation, request_.deadline); !entered)
        return entered;
    request_.closeQueries(open);  // they name this call, and their hooks come before afterCall
    if (status >= 0) return {};
    if (ctx.error.message.empty()) {
        handler_.instance->countFault();
        return Error::internal("plugin \"", handler_.instance->id(), "\" failed without saying why");
    }
    return std::move(ctx.error);
}

Result<void> CallRun::before() {
    const auto& chain = request_.generation->around_call;
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const HookSlot& slot = chain[i];
        if (!slot.table->before_call) {
            entered_.set(i);
            continue;
        }
        auto passed = passGate(request_, slot, "beforeCall", this,
                               [&](howdah_ctx* ctx) { return slot.table->before_call(slot.self, ctx, this); });
        if (!passed) return std::move(passed).error();
        if (*passed) entered_.set(i);
    }
    return {};
}

void CallRun::after(const Error* error) {
    const auto& chain = request_.generation->around_call;
    howdah_error view{};
    if (error) view = toAbi(*error);
    for (std::size_t i = chain.size(); i-- > 0;) {
        const HookSlot& slot = chain[i];
        if (!entered_.test(i) || !slot.table->after_call) continue;
        howdah_ctx ctx(slot.instance, request_);
        ctx.call = this;
        ctx.in_hook = true;
        auto hook = [&] { slot.table->after_call(slot.self, &ctx, this, error ? &view : nullptr); };
        const std::size_t open = request_.queries.size();
        auto entered = slot.instance->enter(hook, nullptr, Deadline::in(kTellLimit));
        if (!entered) ctx.error = std::move(entered).error();
        request_.closeQueries(open);
        if (!ctx.error.message.empty()) {
            slot.instance->countFault();
            logWarn(slot.instance->id(), "afterCall: ", ctx.error.message);
        }
    }
}

howdah_status CallRun::argument(std::string_view wanted, howdah_value& out) const {
    simdjson::dom::element found;
    if (arguments_.at_key(wanted).get(found) != simdjson::SUCCESS) return HOWDAH_ERROR_NOT_FOUND;
    out = howdah_value{};
    switch (found.type()) {
        case simdjson::dom::element_type::NULL_VALUE: out.type = HOWDAH_VALUE_NULL; return HOWDAH_OK;
        case simdjson::dom::element_type::BOOL:
            out.type = HOWDAH_VALUE_BOOL;
            out.integer = found.get_bool().value_unsafe() ? 1 : 0;
            return HOWDAH_OK;
        case simdjson::dom::element_type::INT64:
            out.type = HOWDAH_VALUE_INTEGER;
            out.integer = found.get_int64().value_unsafe();
            return HOWDAH_OK;
        case simdjson::dom::element_type::DOUBLE:
            out.type = HOWDAH_VALUE_NUMBER;
            out.number = found.get_double().value_unsafe();
            return HOWDAH_OK;
        case simdjson::dom::element_type::STRING:
            out.type = HOWDAH_VALUE_TEXT;
            out.text = toAbi(found.get_string().value_unsafe());
            return HOWDAH_OK;
        case simdjson::dom::element_type::UINT64:  // above int64: its digits, so that nothing is rounded
        case simdjson::dom::element_type::ARRAY:
        case simdjson::dom::element_type::OBJECT: break;
    }
    std::string_view json = request_.arena.copy(simdjson::minify(found));
    if (!json.data()) return HOWDAH_ERROR_UNAVAILABLE;
    out.type = HOWDAH_VALUE_JSON;
    out.text = toAbi(json);
    return HOWDAH_OK;
}

Result<howdah_str> CallRun::argumentsJson() const {
    std::string_view json = request_.arena.copy(simdjson::minify(arguments_));
    if (!json.data()) return Error::unavailable("the request holds more memory than one request may");
    return toAbi(json);
}

}  // namespace howdah::kernel
