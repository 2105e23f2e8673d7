// The SQL that sets a tenant up, for an administrator to run with psql. Howdah does not run it: the role it logs in
// with should not be able to.
//
// Threads: pure functions, any.
// Source:  PostgreSQL manual, "CREATE ROLE", "GRANT", "ALTER DEFAULT PRIVILEGES".
#pragma once

#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "plugins/multi_tenant/directory.hpp"

namespace howdah::multi_tenant {

struct Place {
    std::string database;  // as PostgreSQL calls it
    std::string login;     // the role of the dsn
    int major = 15;
    bool writable = false;  // the configuration lets statements write there
};

Result<std::string> provisioning(const Directory& directory, std::string_view tenant, const Place& place);

}  // namespace howdah::multi_tenant
