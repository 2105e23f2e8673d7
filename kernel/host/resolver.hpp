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
    bool known = true;  // false: its manifest could not be read, so it may offer anything
};

struct Resolution {
    std::vector<std::size_t> order;  // indices of items that can start, providers first, else as configured
    std::vector<std::vector<std::pair<std::string, std::size_t>>> providers;  // per item: service -> provider's index
    std::map<std::size_t, std::string> blocked;                               // index -> reason
};

// `chosen` is services: of the configuration (service id -> plugin id); each is checked, also one that no plugin asks
// for: the kernel itself may use it. `kernel_offers` need no plugin.
Result<Resolution> resolve(const std::vector<ResolveItem>& items, const std::map<std::string, std::string>& chosen,
                           const std::vector<std::string>& kernel_offers);

}  // namespace howdah::kernel
