// May this statement run? Decided on its text alone, by PostgreSQL's own grammar and allow-lists; the transaction and
// the role stay the fence for what a text cannot show.
//
// With a Resolver names are judged by the objects they can mean in one database, and what a view, policy, domain, cast
// or table.function calls is judged too. Without one a name without a schema is taken for PostgreSQL's own and none of
// that is seen. The server must read strings as the grammar does: standard_conforming_strings on,
// client_encoding UTF8.
//
// Threads: any, at once. Needs stack: 512 KiB free, or kLargeStack where needsLargeStack(sql) says so.
// Errors:  refused, with rule, 1-based character position where there is one, and what to do next in hint.
// Source:  research/security.md, section 2 (layer L2); PostgreSQL manual, "SQL Syntax".
#pragma once

#include <cstdint>
#include <string>

#include <howdah/result.hpp>

#include "plugins/guard/facts.hpp"
#include "plugins/guard/policy.hpp"
#include "plugins/guard/resolver.hpp"
#include "plugins/guard/text_scan.hpp"

namespace howdah::guard {

// The restricted path: one SELECT, VALUES, TABLE, SHOW or EXPLAIN that only reads.
Result<Facts> classify(const std::string& sql, const Policy& policy, const Resolver* resolver = nullptr);

// The write path: one read, DML or DDL statement. Transaction, session and server statements stay refused, and so do
// PostgreSQL's own unsafe functions; the user's functions are the operator's decision to open this path. With a
// catalog the facts also say which tables the write reaches.
Result<Facts> classifyWrite(const std::string& sql, const Policy& policy, const Resolver* catalog = nullptr);

}  // namespace howdah::guard
