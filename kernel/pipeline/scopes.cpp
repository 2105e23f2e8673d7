#include "kernel/pipeline/scopes.hpp"

#include <algorithm>

namespace howdah::kernel {

const Principal& localUser() {
    static const Principal principal{.scopes = {std::string(kAdminScope)}, .local = true};
    return principal;
}

const std::vector<std::string>& readScopes() {
    static const std::vector<std::string> scopes{std::string(kReadScope)};
    return scopes;
}

const std::vector<std::string>& writeScopes() {
    static const std::vector<std::string> scopes{std::string(kWriteScope)};
    return scopes;
}

bool holds(const Principal& principal, std::string_view scope) {
    if (principal.local) return true;
    const auto has = [&](std::string_view one) {
        return std::ranges::find(principal.scopes, one) != principal.scopes.end();
    };
    if (has(scope)) return true;
    if (scope == kReadScope) return has(kWriteScope) || has(kAdminScope);
    return scope == kWriteScope && has(kAdminScope);
}

Result<void> requireScopes(Request& request, const std::vector<std::string>& needed) {
    std::string missing;
    for (const std::string& scope : needed) {
        if (!holds(*request.principal, scope)) missing += concat(missing.empty() ? "" : " and ", scope);
    }
    if (missing.empty()) return {};
    request.scopes_needed = &needed;
    Error error = Error::refused("this needs the scope ", missing, ", which your credential does not have");
    error.rule = "insufficient_scope";
    error.hint = "come with a credential that has it";
    return error;
}

}  // namespace howdah::kernel
