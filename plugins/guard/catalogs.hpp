// The databases of the configuration as the guard sees them: which are restricted, and a keeper of the catalog for
// each.
//
// Threads: the map does not change after start(); the keepers have their own locks.
// Owns:    the keepers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/plugin.hpp>

#include "plugins/guard/snapshot_keeper.hpp"

namespace howdah::guard {

class Catalogs {
public:
    // Tokens of the keepers' tasks; those of other work are below.
    static constexpr std::uint64_t kFirstToken = std::uint64_t{1} << 63;

    struct Database {
        std::string name;
        bool restricted = true;
        bool privileged_allowed = false;
        std::shared_ptr<SnapshotKeeper> keeper;
    };

    // `listed` is howdah_kernel_v1.databases; `privileged` the operator's list of names, or "*".
    static Result<Catalogs> make(const Host& host, const Json& listed, const std::vector<std::string>& privileged,
                                 const Policy& policy);

    const Database* find(std::string_view name) const;
    std::shared_ptr<SnapshotKeeper> ofToken(std::uint64_t token) const;
    const std::map<std::string, Database, std::less<>>& all() const { return databases_; }

private:
    std::map<std::string, Database, std::less<>> databases_;
    std::vector<std::shared_ptr<SnapshotKeeper>> by_token_;
};

}  // namespace howdah::guard
