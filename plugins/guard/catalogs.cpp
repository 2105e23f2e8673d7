#include "plugins/guard/catalogs.hpp"

#include <algorithm>

namespace howdah::guard {

Result<Catalogs> Catalogs::make(const Host& host, const Json& listed, const std::vector<std::string>& privileged,
                                const Policy& policy) {
    Catalogs catalogs;
    for (const Json& entry : listed) {
        Database database;
        database.name = entry.value("name", "");
        database.restricted = entry.value("access", "restricted") == "restricted";
        database.privileged_allowed = std::ranges::find(privileged, database.name) != privileged.end() ||
                                      std::ranges::find(privileged, "*") != privileged.end();
        const std::uint64_t token = kFirstToken + catalogs.by_token_.size();
        database.keeper = std::make_shared<SnapshotKeeper>(host, database.name, token, policy);
        catalogs.by_token_.push_back(database.keeper);
        catalogs.databases_.emplace(database.name, std::move(database));
    }
    for (const std::string& name : privileged)
        if (name != "*" && !catalogs.databases_.contains(name))
            return Error::invalidArgument("guard.privileged_roles_allowed names no database of this configuration: ",
                                          name);
    return catalogs;
}

const Catalogs::Database* Catalogs::find(std::string_view name) const {
    const auto found = databases_.find(name);
    return found == databases_.end() ? nullptr : &found->second;
}

std::shared_ptr<SnapshotKeeper> Catalogs::ofToken(std::uint64_t token) const {
    const std::uint64_t index = token - kFirstToken;
    return token >= kFirstToken && index < by_token_.size() ? by_token_[index] : nullptr;
}

}  // namespace howdah::guard
