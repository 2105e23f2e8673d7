// What the environment says when there is no file, or when the file names no database.
#pragma once

#include "kernel/config/config.hpp"

namespace howdah::kernel {

// The first that is set of DATABASE_URL, POSTGRES_URL_NON_POOLING, POSTGRES_URL, DIRECT_URL, DATABASE_URI; else an
// empty dsn, which makes libpq read PG* and its own defaults. `origin` says which.
DatabaseConfig databaseFromEnvironment(const Environment& environment);

}  // namespace howdah::kernel
