#include "kernel/host/resolver.hpp"

#include <algorithm>
#include <functional>
#include <optional>

namespace howdah::kernel {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

// The plugin the configuration has chosen for a service.
Result<std::size_t> chosenProvider(const std::string& service, const std::string& id,
                                   const std::vector<ResolveItem>& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].id == id && (!items[i].known || contains(items[i].provides, service))) return i;
    }
    std::string offering;
    for (const ResolveItem& item : items) {
        if (contains(item.provides, service))
            offering += concat(offering.empty() ? "; it is offered by " : ", ", item.id);
    }
    return Error::invalidArgument("services.", service, ": plugin \"", id, "\" is not configured or does not offer it",
                                  offering);
}

Result<std::optional<std::size_t>> providerOf(const std::string& service, const std::vector<ResolveItem>& items,
                                              const std::map<std::string, std::string>& chosen) {
    if (auto choice = chosen.find(service); choice != chosen.end()) {
        auto provider = chosenProvider(service, choice->second, items);
        if (!provider) return std::move(provider).error();
        return std::optional<std::size_t>{*provider};
    }
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (contains(items[i].provides, service)) found.push_back(i);
    }
    if (found.empty()) return std::optional<std::size_t>{};
    if (found.size() > 1) {
        return Error::invalidArgument("both ", items[found[0]].id, " and ", items[found[1]].id, " offer ", service,
                                      "; choose one under services: in the configuration");
    }
    return std::optional<std::size_t>{found[0]};
}

}  // namespace

Result<Resolution> resolve(const std::vector<ResolveItem>& items, const std::map<std::string, std::string>& chosen,
                           const std::vector<std::string>& kernel_offers) {
    for (const auto& [service, id] : chosen) {
        if (auto provider = chosenProvider(service, id, items); !provider) return std::move(provider).error();
    }
    Resolution out;
    out.providers.resize(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        for (const auto* list : {&items[i].requires_services, &items[i].optional_services}) {
            for (const std::string& service : *list) {
                auto provider = providerOf(service, items, chosen);
                if (!provider) return std::move(provider).error();
                if (*provider) {
                    out.providers[i].emplace_back(service, **provider);
                } else if (list == &items[i].requires_services && !contains(kernel_offers, service)) {
                    out.blocked[i] = concat("needs the service ", service, ", which no configured plugin offers");
                }
            }
        }
    }

    // Depth first in configured order; the path is kept so that a cycle can be shown.
    enum class Mark : std::uint8_t { fresh, open, done };
    std::vector<Mark> marks(items.size(), Mark::fresh);
    std::vector<std::size_t> path;
    std::optional<Error> cycle;
    std::function<void(std::size_t)> visit = [&](std::size_t i) {
        if (cycle || marks[i] == Mark::done) return;
        if (marks[i] == Mark::open) {
            std::string text;
            for (auto at = std::find(path.begin(), path.end(), i); at != path.end(); ++at)
                text += items[*at].id + " -> ";
            cycle = Error::invalidArgument("plugins need each other in a circle: ", text, items[i].id);
            return;
        }
        marks[i] = Mark::open;
        path.push_back(i);
        for (const auto& [service, provider] : out.providers[i]) {
            visit(provider);
            if (out.blocked.contains(provider) && contains(items[i].requires_services, service) &&
                !out.blocked.contains(i)) {
                out.blocked[i] = concat("needs ", service, " of ", items[provider].id,
                                        ", which does not run: ", out.blocked[provider]);
            }
        }
        path.pop_back();
        marks[i] = Mark::done;
        if (!out.blocked.contains(i)) out.order.push_back(i);
    };
    for (std::size_t i = 0; i < items.size(); ++i)
        visit(i);
    if (cycle) return *cycle;
    return out;
}

}  // namespace howdah::kernel
