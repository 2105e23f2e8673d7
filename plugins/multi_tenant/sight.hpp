// What of others a tenant may not see though the database would show it: names in the catalogs, numbers in plans, and
// the difference between "not yours" and "not there".
//
// Threads: pure functions, any.
// Errors:  refused, each with a rule.
#pragma once

#include <optional>
#include <string_view>

#include <howdah/abi/statement.h>
#include <howdah/result.hpp>

#include "plugins/multi_tenant/config.hpp"

namespace howdah::multi_tenant {

// What the text itself says, before it runs: types whose values are looked up in the catalogs (regclass and its kin,
// aclitem) turn any number into somebody's name, and the rows of catalogs have such columns. Words inside of plain
// literals are left alone as long as there is no doubt where those end.
Result<void> mayName(std::string_view sql, const Config& config);
// `facts` are the guard's; null: nobody has judged the statement, so nothing keeps it from changing its own scope.
Result<void> mayRead(const howdah_facts* facts, const Config& config);
Result<void> mayWriteThat(const howdah_facts& facts, const Config& config);

// For the text of a client: one answer for all that is not there or not the tenant's, whichever it is. For every text:
// a role that cannot be taken means that the tenant is not set up. Nothing = the error as it is.
std::optional<Error> asTenantsSeeIt(const Error& error, bool from_client);

Error noDatabase(std::string_view name);
Error toolNotForTenants();

}  // namespace howdah::multi_tenant
