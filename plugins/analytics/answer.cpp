#include "plugins/analytics/answer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <functional>

namespace howdah::analytics {
namespace {

using Row = Window::Row;

double percentOf(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : std::round(1000.0 * static_cast<double>(part) / static_cast<double>(whole)) / 10;
}

std::uint64_t measureOf(const Tally& tally, const std::string& order) {
    if (order == "calls") return tally.calls;
    if (order == "errors") return tally.errors();
    if (order == "rows") return tally.rows;
    if (order == "bytes") return tally.bytes;
    return tally.latency_ns;
}

Document entryOf(const Row& row) {
    Document entry;
    entry["pattern"] = row.pattern->text;
    if (row.pattern->kind != PatternKind::statement) entry["kind"] = nameOf(row.pattern->kind);
    entry["fingerprint"] = fingerprintText(*row.pattern);
    addFigures(row.all, entry);
    return entry;
}

// The rows with the largest measures above 0, largest first.
template <typename Measure>
std::vector<const Row*> largest(const Window& window, std::size_t limit, Measure measure) {
    std::vector<std::pair<double, const Row*>> measured;
    for (const Row& row : window.rows()) {
        if (const double value = measure(row); value > 0) measured.emplace_back(value, &row);
    }
    const auto shown_end = measured.begin() + static_cast<std::ptrdiff_t>(std::min(limit, measured.size()));
    std::partial_sort(measured.begin(), shown_end, measured.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first > b.first : a.second->pattern->fingerprint < b.second->pattern->fingerprint;
    });
    std::vector<const Row*> rows;
    for (auto at = measured.begin(); at != shown_end; ++at)
        rows.push_back(at->second);
    return rows;
}

template <typename Measure>
Document ranked(const Window& window, std::size_t limit, Measure measure) {
    Document section = Document::array();
    for (const Row* row : largest(window, limit, measure))
        section.push_back(entryOf(*row));
    return section;
}

struct Rate {
    double calls_per_hour;
    double ms_per_hour;
};
Rate rateOf(std::uint64_t calls, std::uint64_t latency_ns, double hours) {
    return {static_cast<double>(calls) / hours, msOf(static_cast<double>(latency_ns) / hours)};
}
Document rateText(const Rate& rate) {
    return {{"calls_per_hour", std::round(rate.calls_per_hour * 10) / 10}, {"ms_per_hour", rate.ms_per_hour}};
}

// By how many milliseconds an hour the later half took more than the earlier one.
Document growing(const Window& window, std::size_t limit) {
    Document section = Document::array();
    const Span& span = window.span();
    if (span.hours() < 2) return section;
    const auto earlier = [&](const Row& row) {
        return rateOf(row.all.calls - row.later_calls, row.all.latency_ns - row.later_latency_ns, span.earlierHours());
    };
    const auto later = [&](const Row& row) {
        return rateOf(row.later_calls, row.later_latency_ns, std::max(span.laterHours(), 1.0 / 60));
    };
    const auto growth = [&](const Row& row) { return later(row).ms_per_hour - earlier(row).ms_per_hour; };
    for (const Row* row : largest(window, limit, growth)) {
        Document entry;
        entry["pattern"] = row->pattern->text;
        if (row->pattern->kind != PatternKind::statement) entry["kind"] = nameOf(row->pattern->kind);
        entry["fingerprint"] = fingerprintText(*row->pattern);
        entry["earlier"] = rateText(earlier(*row));
        entry["later"] = rateText(later(*row));
        section.push_back(std::move(entry));
    }
    return section;
}

Document namesSection(const Window& window, Name which, const Question& question) {
    std::vector<const std::pair<const std::string, Tally>*> entries;
    for (const auto& entry : window.by(which))
        entries.push_back(&entry);
    std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
        return measureOf(a->second, question.order) > measureOf(b->second, question.order);
    });
    Document section = Document::array();
    for (std::size_t i = 0; i < std::min(question.limit, entries.size()); ++i) {
        Document entry;
        entry["name"] = shown(entries[i]->first);
        addFigures(entries[i]->second, entry);
        section.push_back(std::move(entry));
    }
    return section;
}

Document hoursSection(const Window& window) {
    Document section = Document::array();
    for (const auto& [hour, tally] : window.byHour()) {
        Document entry;
        entry["hour"] = timeText(hour);
        addFigures(tally, entry);
        section.push_back(std::move(entry));
    }
    return section;
}

Document sectionOf(const Window& window, const std::string& name, const Question& question) {
    const std::size_t limit = question.limit;
    if (name == "top")
        return ranked(window, limit,
                      [&](const Row& row) { return static_cast<double>(measureOf(row.all, question.order)); });
    if (name == "slow") return ranked(window, limit, [](const Row& row) { return row.all.latency.quantileMs(0.95); });
    if (name == "failing")
        return ranked(window, limit, [](const Row& row) { return static_cast<double>(row.all.errors()); });
    if (name == "growing") return growing(window, limit);
    if (name == "hours") return hoursSection(window);
    for (std::size_t i = 0; i < kNameKeys.size(); ++i) {
        if (name == std::string(kNameKeys[i]) + "s") return namesSection(window, static_cast<Name>(i), question);
    }
    return Document::array();
}

}  // namespace

std::string timeText(Hour hour) {
    const auto seconds = static_cast<std::time_t>(hour) * 3600;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[32];
    return std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0 ? text : "";
}

std::string fingerprintText(const Pattern& pattern) {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(pattern.fingerprint));
    return text;
}

double msOf(double nanoseconds) {
    return std::round(nanoseconds / 1000) / 1000;
}

void addFigures(const Tally& tally, Document& entry) {
    entry["calls"] = tally.calls;
    if (tally.errors() > 0) {
        entry["errors"] = tally.errors();
        entry["error_percent"] = percentOf(tally.errors(), tally.calls);
        if (tally.refused > 0) entry["refused"] = tally.refused;
        if (tally.timeouts > 0) entry["timeouts"] = tally.timeouts;
        if (tally.failed > 0) entry["failed"] = tally.failed;
        if (tally.last_sqlstate[0] != '\0')
            entry["last_sqlstate"] = std::string(tally.last_sqlstate.data(), tally.last_sqlstate.size());
    }
    if (tally.cancelled > 0) entry["cancelled"] = tally.cancelled;
    if (tally.cached > 0) entry["cached_percent"] = percentOf(tally.cached, tally.calls);
    entry["rows"] = tally.rows;
    entry["bytes"] = tally.bytes;
    entry["total_ms"] = msOf(static_cast<double>(tally.latency_ns));
    entry["database_ms"] = msOf(static_cast<double>(tally.database_ns));
    const double slowest = msOf(static_cast<double>(tally.slowest_ns));
    // The middle of the last bucket may lie beyond what was met.
    for (const auto& [name, share] : {std::pair{"p50_ms", 0.5}, std::pair{"p95_ms", 0.95}, std::pair{"p99_ms", 0.99}})
        entry[name] = std::min(slowest, msOf(tally.latency.quantileMs(share) * 1e6));
    entry["max_ms"] = slowest;
}

Document spanOf(const Span& span) {
    return {{"from", timeText(span.first)}, {"to", timeText(span.last + 1)}, {"hours", span.hours()}};
}

Document answerOf(const Window& window, const Question& question) {
    Document answer;
    answer["window"] = spanOf(window.span());
    addFigures(window.totals(), answer["totals"]);
    answer["totals"]["patterns"] = window.rows().size();
    for (const std::string& name : question.sections)
        answer[name] = sectionOf(window, name, question);
    return answer;
}

}  // namespace howdah::analytics
