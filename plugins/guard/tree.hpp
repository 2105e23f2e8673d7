// The parse tree of PostgreSQL's own grammar, walked node by node against an allow-list.
//
// Threads: pure; needs the stack that text_scan.hpp names, because libpg_query recurses. The walk itself does not.
// Errors:  refused with the rule and the position of the offending node.
// Source:  libpg_query's JSON of the tree: {"NodeName": {"field": ...}}; fields of a fixed type stand without a name.
#pragma once

#include <string>

#include <howdah/result.hpp>

#include "plugins/guard/facts.hpp"
#include "plugins/guard/policy.hpp"
#include "plugins/guard/resolver.hpp"
#include "plugins/guard/text_scan.hpp"

namespace howdah::guard {

enum class Path {
    read,   // every node, function, operator and relation must be known to only read
    write,  // one DML or DDL statement; unsafe built-ins, session and server statements stay refused
};

// Without a resolver names are judged as they are written: a name without a schema is taken for PostgreSQL's own.
Result<Facts> judgeTree(const std::string& sql, const TextScan& scan, const Policy& policy, Path path,
                        const Resolver* resolver = nullptr);

}  // namespace howdah::guard
