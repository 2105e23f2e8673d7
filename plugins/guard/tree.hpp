// The parse tree of PostgreSQL's own grammar, walked node by node against an allow-list.
//
// Threads: pure; needs the stack that text_scan.hpp names. The walk itself does not recurse.
// Errors:  refused with the rule and the position of the offending node.
#pragma once

#include <string>

#include <howdah/result.hpp>

#include "plugins/guard/facts.hpp"
#include "plugins/guard/policy.hpp"
#include "plugins/guard/resolver.hpp"
#include "plugins/guard/text_scan.hpp"
#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

enum class Path {
    read,   // every node, function, operator and relation must be known to only read
    write,  // one DML or DDL statement; unsafe built-ins, session and server statements stay refused
};

// On the write path a resolver only tells what is reached. Without a resolver names are judged as they are written: a
// name without a schema is taken for PostgreSQL's own.
Result<Facts> judgeTree(const std::string& sql, const TextScan& scan, const Policy& policy, Path path,
                        const Resolver* resolver = nullptr);

// The walk alone, through nodes that were parsed from `sql`.
Result<Facts> judgeStatements(const NodeList& statements, const std::string& sql, const TextScan& scan,
                              const Policy& policy, Path path, const Resolver* resolver = nullptr);

}  // namespace howdah::guard
