// The three tools, and what they share.
//
// Threads: the request's; what Shared names is safe on every shard.
#pragma once

#include <string>

#include <howdah/abi/session.h>
#include <howdah/abi/statement.h>
#include <howdah/jobs.hpp>
#include <howdah/plugin.hpp>

#include "plugins/optimizer/advice.hpp"
#include "plugins/optimizer/config.hpp"
#include "plugins/optimizer/recent.hpp"

namespace howdah::optimizer {

struct Shared {
    const Config& config;
    Jobs& jobs;
    const Recent& recent;
    Offer::Acquired<howdah_session_v1> sessions;
    Offer::Acquired<howdah_statement_v1> statements;
    std::string default_database;
};

Result<void> explainQuery(ToolCall& call, const Shared& shared);
Result<void> suggestIndexes(ToolCall& call, const Shared& shared);
Result<void> optimizeQuery(ToolCall& call, const Shared& shared);

// The arguments sql, params, database and timeout_ms.
Ask askOf(const ToolCall& call, const Shared& shared);
// Of the arguments time_budget_ms, indexes_max, size_max_bytes and estimate_only; without them, of the configuration.
AdviceOptions adviceOptions(const ToolCall& call, const Config& config);
// Statements without a plan that others may not see: of a tenant's caller.
bool isTenant(const ToolCall& call);
// Who is remembered: a subject of a tenant.
std::string principalKey(const howdah_principal& principal);

// The same object as text and as structuredContent.
Result<void> replyWith(ToolCall& call, const Document& answer);

}  // namespace howdah::optimizer
