// Which tenant asks, and what that means: role, search_path, settings and databases.
//
// The tenant is the principal's, which auth has verified; nothing that a call says has a part in it. No id makes a name
// that is shared, or another tenant's: what the configuration names for all, or for one tenant, is only reached by
// what the configuration says, never by being called so.
//
// Threads: any; immutable once made.
// Owns:    the configuration.
// Errors:  refused with a rule where nobody is served; never the text of an id that was not accepted.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/abi/base.h>
#include <howdah/result.hpp>

#include "plugins/multi_tenant/config.hpp"

namespace howdah::multi_tenant {

// Who is behind a request. An operator has no tenant and is scoped by nothing.
struct Asker {
    bool is_operator = false;
    std::string tenant;
};

struct Scope {
    std::string role;         // "" = the role of the dsn
    std::string search_path;  // as PostgreSQL reads it; "" = left as it is
    std::vector<std::pair<std::string, std::string>> settings;
    std::map<std::string, std::string, std::less<>> databases;  // what the tenant calls it, what it is

    // nullptr: to this tenant there is no such database.
    const std::string* database(std::string_view called) const;
};

class Directory {
public:
    // `databases`: those of the server, the default one first.
    static Result<Directory> make(Config config, const std::vector<std::string>& databases);

    Result<Asker> askerOf(const howdah_principal& principal) const;
    Result<Scope> scopeOf(std::string_view tenant, const howdah_principal& principal) const;

    // In the models that make names of the id: whether it is not one that stands for something of all.
    Result<void> mayBeCalled(std::string_view tenant) const;

    const Config& config() const { return config_; }

private:
    // The names of one kind that the configuration spells out, and whose each is; "" = of all.
    using Owners = std::map<std::string, std::string, std::less<>>;

    explicit Directory(Config config) : config_(std::move(config)) {}
    Result<void> completeDatabases(const std::vector<std::string>& databases);
    Result<void> findOwners(const std::vector<std::string>& databases);
    Result<std::string> nameOf(const NameTemplate& name, std::string_view tenant, const Owners& owners) const;
    Result<std::string> searchPathOf(const std::vector<NameTemplate>& schemas, std::string_view tenant) const;
    const TenantEntry* entryOf(std::string_view tenant) const;

    Config config_;
    Owners roles_, schemas_, databases_;
};

// What policies read as request.jwt.claims: tenant, tier, role, scopes, subject as the principal's, and "sub" where an
// issuer has named one. So no token of another kind can pose as an issuer's user.
std::string claimsOf(std::string_view tenant, std::string_view role, const howdah_principal& principal);

}  // namespace howdah::multi_tenant
