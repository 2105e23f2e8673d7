// What cache_stats and `howdah doctor` show.
//
// Threads: any.
#pragma once

#include <nlohmann/json.hpp>

#include "plugins/cache/recall.hpp"

namespace howdah::cache {

nlohmann::ordered_json statsOf(const Recall& recall, const Config& config, const Databases& databases,
                               const Ledger& ledger, const Shelf* shelf, const Commons* commons);
// `names`: which tables, too; not for principals of a tenant.
nlohmann::ordered_json notifyOf(const Notices& notices, const Config& config, bool names);
nlohmann::ordered_json sharedOf(const Peers& peers);
nlohmann::json reportOf(const Recall& recall, const Ledger& ledger, const Shelf* shelf, const Notices* notices,
                        const Peers* peers, const Commons* commons);

}  // namespace howdah::cache
