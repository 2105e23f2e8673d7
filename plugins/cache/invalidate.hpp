// The tool cache_invalidate: for who has written past Howdah and does not want to wait for the age to pass.
//
// Threads: the request's.
#pragma once

#include <howdah/tool_call.hpp>

#include "plugins/cache/databases.hpp"
#include "plugins/cache/ledger.hpp"
#include "plugins/cache/peers.hpp"

namespace howdah::cache {

// The relation and the whole tree of partitions or children it belongs to, as facts name one of a tree. A view is its
// tables.
inline constexpr Statement kRelationStatement{R"sql(
with recursive tree(oid) as (
  select pg_catalog.to_regclass($1)::pg_catalog.oid
  union select next.oid from tree t join pg_catalog.pg_inherits i on t.oid in (i.inhrelid, i.inhparent)
    cross join lateral (values (i.inhrelid), (i.inhparent)) next(oid))
select c.oid::pg_catalog.int8, c.relkind in ('v', 'm', 'f')
from tree t join pg_catalog.pg_class c on c.oid = t.oid)sql"};

// `peers`: forget it too; null where there are none.
Result<void> invalidate(ToolCall& call, const Databases& databases, Ledger& ledger, Peers* peers);

}  // namespace howdah::cache
