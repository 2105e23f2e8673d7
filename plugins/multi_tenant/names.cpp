#include "plugins/multi_tenant/names.hpp"

#include <algorithm>
#include <iterator>

namespace howdah::multi_tenant {
namespace {

constexpr std::string_view kVariable = "{tenant}";

bool isLetterOrDigit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

std::string surrounded(std::string_view text, char mark) {
    std::string out(1, mark);
    for (char c : text)
        out.append(c == mark ? 2 : 1, c);
    return out + mark;
}

}  // namespace

bool isTenantId(std::string_view text) {
    if (text.empty() || text.size() > kIdentifierMax || !isLetterOrDigit(text.front())) return false;
    return std::ranges::all_of(text, [](char c) { return isLetterOrDigit(c) || c == '_' || c == '-'; });
}

std::string sqlName(std::string_view identifier) {
    return surrounded(identifier, '"');
}

std::string sqlText(std::string_view text) {
    return surrounded(text, '\'');
}

Result<NameTemplate> NameTemplate::parse(std::string_view key, std::string_view text, bool prefixed) {
    NameTemplate made;
    const std::size_t at = text.find(kVariable);
    made.shared_ = at == std::string_view::npos;
    made.prefix_ = text.substr(0, at);
    if (!made.shared_) made.suffix_ = text.substr(at + kVariable.size());
    for (const std::string& part : {made.prefix_, made.suffix_}) {
        if (part.find_first_of("{}") != std::string::npos)
            return Error::invalidArgument("multi_tenant.", key, ": the only variable is {tenant}, and at most once");
    }
    if (text.empty()) return Error::invalidArgument("multi_tenant.", key, " must not be empty");
    if (prefixed && !made.shared_ && made.prefix_.empty())
        return Error::invalidArgument("multi_tenant.", key,
                                      ": something must stand before {tenant}, such as tenant_{tenant}: a tenant "
                                      "called like another role would be it");
    return made;
}

std::string NameTemplate::of(std::string_view tenant) const {
    return shared_ ? prefix_ : concat(prefix_, tenant, suffix_);
}

std::optional<std::string_view> NameTemplate::tenantOf(std::string_view name) const {
    if (shared_ || name.size() <= prefix_.size() + suffix_.size()) return std::nullopt;
    if (!name.starts_with(prefix_) || !name.ends_with(suffix_)) return std::nullopt;
    const auto tenant = name.substr(prefix_.size(), name.size() - prefix_.size() - suffix_.size());
    return isTenantId(tenant) ? std::optional(tenant) : std::nullopt;
}

bool isReserved(std::string_view name) {
    constexpr std::string_view kReserved[]{"none",      "public",   "postgres", "information_schema",
                                           "template0", "template1"};
    return name.starts_with("pg_") || std::ranges::find(kReserved, name) != std::end(kReserved);
}

Result<std::string> identifier(std::string name) {
    if (name.size() > kIdentifierMax)
        return Error::invalidArgument("the tenant's id makes a name longer than the ", kIdentifierMax,
                                      " bytes PostgreSQL keeps");
    // "none" is the word that ends a role; the server's own are nobody's tenant.
    if (isReserved(name))
        return Error::invalidArgument("the tenant's role or schema has a name that PostgreSQL keeps for itself");
    return name;
}

}  // namespace howdah::multi_tenant
