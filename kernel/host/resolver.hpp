// The order in which plugins start: providers before those who use them. Works on manifests only.
//
// Threads: a pure function.
// Errors:  a cycle (printed whole), two providers for one service with nobody chosen, a chosen provider that offers it
//          not. A required service nobody offers blocks the plugin, not the start.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <howdah/result.hpp>

namespace howdah::kernel {

struct ResolveItem {
    std::string id;
    std::vector<std::string> provides;
    std::vector<std::string> requires_services;
    std::vector<std::string> optional_services;
};

struct Resolution {
    std::vector<std::size_t> order;  // indices of items that can start, providers first, else as configured
    std::vector<std::vector<std::pair<std::string, std::size_t>>> providers;  // per item: service -> provider's index
    std::map<std::size_t, std::string> blocked;                               // index -> reason
};

// `chosen` is services: of the configuration (service id -> plugin id). `kernel_offers` need no plugin.
Result<Resolution> resolve(const std::vector<ResolveItem>& items, const std::map<std::string, std::string>& chosen,
                           const std::vector<std::string>& kernel_offers);

}  // namespace howdah::kernel
