// What one principal, tenant, tool or client has used, and how it is found again.
//
// Threads: none of its own; the ledger's lock guards it. Key and texts never change.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "plugins/rate_limit/limits.hpp"
#include "plugins/rate_limit/usage.hpp"

namespace howdah::rate_limit {

// Whose count it is. Tenant and subject are verified claims; part is a tool's or client's name as the configuration has
// it.
struct Key {
    Scope scope = Scope::principal;
    std::string_view tenant;
    std::string_view subject;  // empty for a tenant
    std::string_view part;     // empty for a principal and a tenant

    bool operator==(const Key&) const = default;
};

struct KeyHash {
    std::size_t operator()(const Key& key) const {
        const std::hash<std::string_view> hash;
        std::size_t mixed = hash(key.subject) ^ (hash(key.tenant) * 3);
        if (!key.part.empty()) mixed ^= hash(key.part) * 5;
        return mixed ^ static_cast<std::size_t>(key.scope);
    }
};

class Meter {
public:
    Meter(const Key& key)  // NOLINT: made in place by the ledger
        : scope_(key.scope), tenant_(key.tenant), subject_(key.subject), part_(key.part) {}
    Meter(const Meter&) = delete;
    Meter& operator=(const Meter&) = delete;

    Key key() const { return {scope_, tenant_, subject_, part_}; }  // its texts are the meter's
    Usage& usage(Measure measure, Period period) {
        return usages_[static_cast<std::size_t>(measure)][static_cast<std::size_t>(period)];
    }
    const Usage& usage(Measure measure, Period period) const {
        return usages_[static_cast<std::size_t>(measure)][static_cast<std::size_t>(period)];
    }
    Usage& usage(const Rate& rate) { return usage(rate.measure, rate.period); }
    const Usage& usage(const Rate& rate) const { return usage(rate.measure, rate.period); }

    // Nothing is lost when it is forgotten.
    bool isIdle(std::int64_t now_ns) const {
        if (open > 0) return false;
        for (const auto& periods : usages_)
            for (const Usage& usage : periods)
                if (!usage.isOver(now_ns)) return false;
        return true;
    }

    std::uint32_t open = 0;  // calls between their two hooks

private:
    Scope scope_;
    std::string tenant_;
    std::string subject_;
    std::string part_;
    std::array<std::array<Usage, kPeriods>, kMeasures> usages_{};
};

}  // namespace howdah::rate_limit
