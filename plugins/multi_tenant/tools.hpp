// The tools: tenant_check, tenant_list, tenant_create, tenant_audit. They are an operator's; a tenant may read its own
// audit log.
//
// Threads: any.
// Errors:  refused for whoever is no operator, before anything is said of another tenant.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <howdah/jobs.hpp>
#include <howdah/plugin.hpp>

#include "plugins/multi_tenant/audit/log.hpp"
#include "plugins/multi_tenant/checks/finding.hpp"
#include "plugins/multi_tenant/directory.hpp"

namespace howdah::multi_tenant {

class Tools {
public:
    struct Database {
        std::string name;
        bool writable = false;
    };
    Tools(const Directory& directory, std::vector<Database> databases, Jobs& jobs, std::shared_ptr<const AuditLog> log)
        : directory_(directory), databases_(std::move(databases)), jobs_(jobs), log_(std::move(log)) {}

    static Result<void> registerStatements(Offer& offer);
    void bind(Offer& offer);

    // Every database that tenants are served from.
    std::vector<std::string> tenantDatabases() const;
    void addToReport(Context& context, Json& report) const;

private:
    Result<void> checkTenancy(ToolCall& call) const;
    Result<void> list(ToolCall& call) const;
    Result<void> create(ToolCall& call) const;
    Result<void> audit(ToolCall& call) const;
    Result<void> requireOperator(const ToolCall& call) const;
    Result<const Database*> databaseOf(std::string_view name) const;
    // One log at a time is read whole for tenants, and one for operators: they must not take all workers from the
    // records.
    Result<std::shared_ptr<void>> reader(bool for_operator) const;

    const Directory& directory_;
    const std::vector<Database> databases_;
    Jobs& jobs_;
    const std::shared_ptr<const AuditLog> log_;
    // Not of this object: a reader may outlive the call it read for.
    const std::array<std::shared_ptr<std::atomic<bool>>, 2> reading_{std::make_shared<std::atomic<bool>>(false),
                                                                     std::make_shared<std::atomic<bool>>(false)};
};

}  // namespace howdah::multi_tenant
