#include "plugins/health/history.hpp"

#include <algorithm>

#include <howdah/result.hpp>

#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

std::string keyOf(const std::string& check, const Measure& measure) {
    return concat(check, "/", measure.name);
}

}  // namespace

const History::OfCheck* History::of(const std::string& check) const {
    const auto found = checks_.find(check);
    return found == checks_.end() ? nullptr : &found->second;
}

std::optional<History::Change> History::record(const std::string& check, const Judgement& judgement, double now_s,
                                               const Config& config) {
    if (judgement.status == Status::skipped) return std::nullopt;
    for (const Measure& measure : judgement.measures)
        series_[keyOf(check, measure)].add(now_s, measure.value);
    while (series_.size() > kSeriesMax) {  // the one that was not seen for the longest time
        series_.erase(std::min_element(series_.begin(), series_.end(), [](const auto& a, const auto& b) {
            return a.second.last_s() < b.second.last_s();
        }));
    }
    const bool first = !checks_.contains(check);
    OfCheck& known = checks_[check];
    if (!judgement.counters.empty()) {
        known.counters = judgement.counters;
        known.counted_s = now_s;
    }
    if (!first && known.status == judgement.status) return std::nullopt;
    const Change change{now_s, known.status, judgement.status};
    known.status = judgement.status;
    known.since_s = now_s;
    if (first && judgement.status == Status::ok) return std::nullopt;
    known.changes.push_back(change);
    while (known.changes.size() > config.history_max)
        known.changes.pop_front();
    return change;
}

void History::foresee(const std::string& check, Judgement& judgement, double now_s, const Config& config) const {
    for (const Measure& measure : judgement.measures) {
        const auto known = series_.find(keyOf(check, measure));
        Series series = known == series_.end() ? Series{} : known->second;
        series.add(now_s, measure.value);
        const auto per_second = series.perSecond();
        if (!per_second) continue;
        judgement.figures["per_hour"][measure.name] = rounded(*per_second * 3600);
        const auto left_s = series.untilLimit(measure.limit);
        if (!left_s) continue;
        judgement.figures["hours_to_limit"][measure.name] = rounded(*left_s / 3600);
        const Thresholds& limits = config.thresholds;
        if (*left_s > limits.predict_warning_hours * 3600) continue;
        judgement.add({*left_s <= limits.predict_critical_hours * 3600 ? Status::critical : Status::warning,
                       concat("at the present rate the ", measure.what, " meet their limit in ", durationText(*left_s)),
                       "act before it does: what grows, and by how much an hour, stands in the figures",
                       {}});
    }
}

nlohmann::json History::toJson() const {
    nlohmann::json checks = nlohmann::json::object(), series = nlohmann::json::object();
    for (const auto& [name, known] : checks_) {
        nlohmann::json changes = nlohmann::json::array();
        for (const Change& change : known.changes)
            changes.push_back({change.at_s, static_cast<int>(change.from), static_cast<int>(change.to)});
        checks[name] = {{"status", static_cast<int>(known.status)},
                        {"since_s", known.since_s},
                        {"changes", std::move(changes)},
                        {"counters", known.counters},
                        {"counted_s", known.counted_s}};
    }
    for (const auto& [name, known] : series_)
        series[name] = known.toJson();
    return {{"checks", std::move(checks)}, {"series", std::move(series)}, {"latency", baseline.toJson()}};
}

History History::fromJson(const nlohmann::json& json) {
    const auto statusOf = [](const nlohmann::json& number) {
        return static_cast<Status>(std::clamp(number.get<int>(), 0, static_cast<int>(Status::critical)));
    };
    History history;
    for (const auto& [name, known] : json.at("checks").items()) {
        OfCheck& check = history.checks_[name];
        check.status = statusOf(known.at("status"));
        check.since_s = known.at("since_s").get<double>();
        for (const auto& change : known.at("changes"))
            check.changes.push_back({change.at(0).get<double>(), statusOf(change.at(1)), statusOf(change.at(2))});
        check.counters = known.at("counters").get<Counters>();
        check.counted_s = known.at("counted_s").get<double>();
    }
    for (const auto& [name, known] : json.at("series").items()) {
        if (history.series_.size() < kSeriesMax) history.series_[name] = Series::fromJson(known);
    }
    history.baseline = Baseline::fromJson(json.at("latency"));
    return history;
}

}  // namespace howdah::health
