// Connections kept for several statements of one plugin's request (howdah.session/1). A session is a stable cursor
// without a cursor: it has a place among them, waits between its statements where they wait and ends as they end.
//
// Threads: any.
// Owns:    nothing; between two statements StableCursors has the connection, during one the Cursor has it.
// Errors:  of StableCursors. A connection that was kept is condemned: it is never lent to anybody else.
#pragma once

#include <memory>
#include <string>

#include <howdah/abi/sql.h>

#include "database.hpp"
#include "stable_cursors.hpp"

namespace howdah::pool {

class Cursor;

// Its name. The connection is taken by its first statement, whose request may wait for one.
Result<std::string> openSession(const Host& host, const Database& database, const howdah_principal* principal,
                                StableCursors& all);

// Whether the execution's cursor names a session.
bool isSession(const howdah_execution& execution);
Result<std::unique_ptr<Cursor>> executeInSession(const Context& context, const std::shared_ptr<Database>& database,
                                                 const howdah_execution& execution, StableCursors& all);

}  // namespace howdah::pool
