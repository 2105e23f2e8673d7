#include "plugins/analytics/window.hpp"

#include <algorithm>

namespace howdah::analytics {

void Filter::want(Name which, std::string_view text) {
    wanted[which] = text == shown(kOthers) ? std::string(kOthers) : bounded(text);
}

bool Filter::passes(const Names& names) const {
    for (std::size_t i = 0; i < names.texts.size(); ++i) {
        if (wanted.texts[i] && *wanted.texts[i] != names.texts[i]) return false;
    }
    return true;
}

Span::Span(const History& history, WallTime now, std::uint32_t hours) {
    using std::chrono::duration, std::chrono::floor;
    const auto since = now.time_since_epoch();
    const auto whole = floor<std::chrono::hours>(since);
    last = static_cast<Hour>(whole.count());
    last_share = duration<double, std::ratio<3600>>(since - whole).count();
    const Hour asked = last - std::min(hours, last + 1) + 1;
    const auto recorded = history.hours().lower_bound(asked);
    first = recorded == history.hours().end() ? last : std::min(recorded->first, last);
}

void forEachCell(const History& history, const Span& span, const Filter& filter,
                 const std::function<void(Hour, const Key&, const Tally&)>& use) {
    const auto end = history.hours().upper_bound(span.last);
    for (auto at = history.hours().lower_bound(span.first); at != end; ++at) {
        for (const auto& [key, tally] : at->second.table()) {
            if (filter.passes(key.names)) use(at->first, key, tally);
        }
    }
}

Window::Window(const History& history, WallTime now, const Filter& filter) : span_(history, now, filter.hours) {
    forEachCell(history, span_, filter, [this](Hour hour, const Key& key, const Tally& tally) {
        Row& row = rowOf(key.pattern);
        row.all.merge(tally);
        if (hour >= span_.middle()) {
            row.later_calls += tally.calls;
            row.later_latency_ns += tally.latency_ns;
        }
        totals_.merge(tally);
        by_hour_[hour].merge(tally);
        for (std::size_t i = 0; i < key.names.texts.size(); ++i)
            by_name_.texts[i][key.names.texts[i]].merge(tally);
    });
}

Window::Row& Window::rowOf(const PatternPtr& pattern) {
    const auto [place, fresh] = places_.try_emplace(pattern->fingerprint, rows_.size());
    if (fresh) rows_.push_back({pattern, {}, 0, 0});
    return rows_[place->second];
}

}  // namespace howdah::analytics
