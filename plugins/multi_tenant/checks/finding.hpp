// What a check of tenancy found, and the SQL that mends it.
//
// Threads: values.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace howdah::multi_tenant {

// critical: a tenant can reach what is not its own. warning: only something else than the database stops it. notice:
// worth knowing.
enum class Severity : std::uint8_t { notice, warning, critical };

inline std::string_view nameOf(Severity severity) {
    switch (severity) {
        case Severity::notice: return "notice";
        case Severity::warning: return "warning";
        case Severity::critical: return "critical";
    }
    return "notice";
}

struct Finding {
    Severity severity = Severity::notice;
    std::string rule;
    std::string object;
    std::string text;
    std::string sql;  // "" where no statement mends it
};

struct Findings {
    std::vector<Finding> all;
    std::vector<std::string> reasons;  // what could not be looked at, and why

    void add(Severity severity, std::string_view rule, std::string object, std::string text, std::string sql) {
        all.push_back({severity, std::string(rule), std::move(object), std::move(text), std::move(sql)});
    }
    void sort() {
        std::ranges::stable_sort(all, [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    }
    nlohmann::ordered_json toJson(std::size_t max) const {
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (const Finding& finding : all) {
            if (list.size() == max) break;
            nlohmann::ordered_json one{{"severity", nameOf(finding.severity)}, {"rule", finding.rule}};
            if (!finding.object.empty()) one["object"] = finding.object;
            one["text"] = finding.text;
            if (!finding.sql.empty()) one["sql"] = finding.sql;
            list.push_back(std::move(one));
        }
        return list;
    }
};

}  // namespace howdah::multi_tenant
