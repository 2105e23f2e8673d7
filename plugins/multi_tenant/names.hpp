// A tenant's id, and the names of roles, schemas and databases made of it. An id is checked before it becomes part of a
// name; a name is never longer than PostgreSQL keeps, so two tenants never share one.
//
// Threads: values, any.
// Errors:  invalid_argument, without the text met: it may be a stranger's.
// Source:  PostgreSQL manual, "Identifiers and Key Words" (63 bytes, the rest is cut off).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::multi_tenant {

inline constexpr std::size_t kIdentifierMax = 63;

// 1 to 63 of a-z, 0-9, "_" and "-", a letter or digit first. No capitals: "Acme" and "acme" would be two roles, and one
// folder on some file systems.
bool isTenantId(std::string_view text);

// As it stands in SQL, whatever is in it.
std::string sqlName(std::string_view identifier);
// A text as a constant in SQL.
std::string sqlText(std::string_view text);

// "tenant_{tenant}", or a name without the variable, which all tenants share.
class NameTemplate {
public:
    // `key` is named in the error. With `prefixed`, something must stand before the variable: a tenant that may choose
    // its id could otherwise call itself like somebody else's role.
    static Result<NameTemplate> parse(std::string_view key, std::string_view text, bool prefixed);

    std::string of(std::string_view tenant) const;
    // The tenant whose name this is, if it can be one.
    std::optional<std::string_view> tenantOf(std::string_view name) const;
    bool isShared() const { return shared_; }
    const std::string& prefix() const { return prefix_; }
    const std::string& suffix() const { return suffix_; }

private:
    std::string prefix_;
    std::string suffix_;
    bool shared_ = false;
};

// A name that PostgreSQL or its tools keep for what all use: no tenant is called so where its id makes names of its
// own.
bool isReserved(std::string_view name);

// For a role, schema or database: what PostgreSQL would cut, or reads as something else, is refused.
Result<std::string> identifier(std::string name);

}  // namespace howdah::multi_tenant
