// Runs a statement: leases, sends, and tries again where that is safe.
//
// Threads: the request's.
// Errors:  whatever the last try met.
#pragma once

#include <memory>

#include <howdah/abi/sql.h>

#include "cursor.hpp"

namespace howdah::pool {

// Whose statement it is; the texts are the execution's.
Caller callerOf(const howdah_execution& execution);
// What is left of the request's time; 0 when it is over.
milliseconds untilDeadline(const Context& context);

Result<std::unique_ptr<Cursor>> execute(const Context& context, const std::shared_ptr<Database>& database,
                                        const howdah_execution& execution);

}  // namespace howdah::pool
