#include <algorithm>

#include "plugins/optimizer/plan_text.hpp"
#include "plugins/optimizer/tools.hpp"

namespace howdah::optimizer {
namespace {

constexpr std::uint64_t kAnswerMargin_ns = 2'000'000'000;  // of the request's time, at most half, for the answer itself

}  // namespace

Ask askOf(const ToolCall& call, const Shared& shared) {
    Ask ask;
    ask.sql = trimmed(call.text("sql"));
    ask.params = call.json("params");
    ask.database = call.text("database", shared.default_database);
    ask.timeout_ms = static_cast<std::uint64_t>(call.integer("timeout_ms", 0));
    return ask;
}

AdviceOptions adviceOptions(const ToolCall& call, const Config& config) {
    AdviceOptions options;
    options.limits.indexes_max = static_cast<std::size_t>(call.integer("indexes_max", config.indexes_max));
    options.limits.gain_min_percent = config.gain_min_percent;
    options.limits.bytes_max = static_cast<double>(call.integer("size_max_bytes", 0));
    options.candidates = {config.width_max, config.include_max, config.candidates_max};
    options.unused_days = config.unused_days;
    options.hypopg = !call.boolean("estimate_only");
    const auto budget_ms = static_cast<std::uint64_t>(call.integer("time_budget_ms", config.time_budget.count()));
    const std::uint64_t now_ns = call.context().host().nowNs(), ends_ns = call.context().deadlineNs();
    options.deadline_ns = now_ns + budget_ms * 1'000'000;
    if (ends_ns != UINT64_MAX && ends_ns > now_ns)
        options.deadline_ns =
            std::min(options.deadline_ns, ends_ns - std::min(kAnswerMargin_ns, (ends_ns - now_ns) / 2));
    return options;
}

bool isTenant(const ToolCall& call) {
    return call.principal().tenant.size > 0;
}

std::string principalKey(const howdah_principal& principal) {
    const std::string_view tenant = fromAbi(principal.tenant);
    return concat(tenant.size(), ":", tenant, fromAbi(principal.subject));
}

Result<void> replyWith(ToolCall& call, const Document& answer) {
    const std::string json = answer.dump(-1, ' ', false, Document::error_handler_t::replace);
    if (auto done = call.writeText(json); !done) return done;
    return call.structuredWanted() ? call.writeStructured(json) : Result<void>{};
}

Result<void> explainQuery(ToolCall& call, const Shared& shared) {
    ExplainOptions options;
    options.analyze = call.boolean("analyze");
    options.timing = call.boolean("timing", true);
    auto plan = explain(call, askOf(call, shared), options);
    if (!plan) return std::move(plan).error();
    const std::string_view format = call.text("format", "text");
    if (format == "json") return replyWith(call, planJson(*plan));
    const std::string text = planText(*plan);
    if (auto done = call.writeText(text); !done) return done;
    if (format == "picture") {
        if (auto done = call.writeContent(imageBlock(planPicture(*plan), "image/svg+xml")); !done) return done;
    }
    return call.structuredWanted()
               ? call.writeStructured(planJson(*plan).dump(-1, ' ', false, Document::error_handler_t::replace))
               : Result<void>{};
}

}  // namespace howdah::optimizer
