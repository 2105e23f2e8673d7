// The scope of each principal that has asked of late: made once, since it says the same as long as the principal does.
//
// Threads: any.
// Owns:    the scopes, of at most kMost principals.
// Errors:  those of Directory::scopeOf, which are not kept.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "plugins/multi_tenant/directory.hpp"

namespace howdah::multi_tenant {

class Scopes {
public:
    static constexpr std::size_t kMost = 1024;  // beyond it all are made anew, which costs time and nothing else

    // `directory` outlives this.
    explicit Scopes(const Directory& directory) : directory_(directory) {}

    Result<std::shared_ptr<const Scope>> of(std::string_view tenant, const howdah_principal& principal);

private:
    const Directory& directory_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<const Scope>> known_;  // by all that a scope is made of
};

}  // namespace howdah::multi_tenant
