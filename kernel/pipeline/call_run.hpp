// CallRun: one call of a tool, prompt, resource or completion, as its handler and the hooks around it see it (the
// howdah_call is its base class).
//
// Threads: the request's fiber, or the worker that stands in for it.
// Owns:    nothing but which hooks were entered; arguments and answer are borrowed from the protocol.
#pragma once

#include <bitset>
#include <string_view>

#include <simdjson.h>

#include <howdah/abi/call.h>
#include <howdah/result.hpp>

#include "kernel/pipeline/answer.hpp"
#include "kernel/pipeline/context.hpp"

namespace howdah::kernel {

class CallRun final : public howdah_call {
public:
    static constexpr std::size_t kHooksMax = 128;

    // `kind` is HOWDAH_CALL_TOOL ...; `called` is what the client named: a tool, a prompt, a URI.
    CallRun(Request& request, const Handler& handler, std::uint32_t call_kind, std::string_view called,
            simdjson::dom::object arguments, Answer& answer);

    // Hooks around, handler between.
    Result<void> run();

    // --- what the handler uses (howdah_call_v1)
    // HOWDAH_OK, or HOWDAH_ERROR_NOT_FOUND when absent; long texts and JSON live in the request's arena.
    howdah_status argument(std::string_view wanted, howdah_value& out) const;
    Result<howdah_str> argumentsJson() const;
    Answer& answer() const { return answer_; }

private:
    Result<void> before();
    void after(const Error* error);
    Result<void> handle();

    Request& request_;
    const Handler& handler_;
    simdjson::dom::object arguments_;
    Answer& answer_;
    std::bitset<kHooksMax> entered_;
};

}  // namespace howdah::kernel
