#include "plugins/analytics/export.hpp"

#include <algorithm>
#include <tuple>

namespace howdah::analytics {
namespace {

constexpr const char* kColumns =
    "hour,fingerprint,kind,pattern,plugin,tool,client,tenant,database,principal,calls,cached,refused,timeouts,"
    "cancelled,"
    "failed,rows,bytes,total_ms,database_ms,p50_ms,p95_ms,p99_ms,max_ms,last_sqlstate\r\n";

struct Place {
    Hour hour;
    const Key* key;
    const Tally* tally;
};

// One order for all pages, as long as nothing new is counted.
bool before(const Place& a, const Place& b) {
    return std::tie(a.hour, a.key->pattern->fingerprint, a.key->names.texts) <
           std::tie(b.hour, b.key->pattern->fingerprint, b.key->names.texts);
}

Document valuesOf(const Place& place) {
    const auto& [hour, key, tally] = place;
    Document row;
    row["hour"] = timeText(hour);
    row["fingerprint"] = fingerprintText(*key->pattern);
    row["kind"] = nameOf(key->pattern->kind);
    row["pattern"] = key->pattern->text;
    for (std::size_t i = 0; i < kNameKeys.size(); ++i)
        row[kNameKeys[i]] = shown(key->names.texts[i]);
    row["calls"] = tally->calls;
    row["cached"] = tally->cached;
    row["refused"] = tally->refused;
    row["timeouts"] = tally->timeouts;
    row["cancelled"] = tally->cancelled;
    row["failed"] = tally->failed;
    Document figures;
    addFigures(*tally, figures);
    for (const char* name : {"rows", "bytes", "total_ms", "database_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms"})
        row[name] = figures[name];
    row["last_sqlstate"] = figures.value("last_sqlstate", "");
    return row;
}

void appendCsv(std::string& out, const Document& row) {
    bool first = true;
    for (const auto& [name, value] : row.items()) {
        if (!first) out += ',';
        first = false;
        if (!value.is_string()) {
            out += value.dump();
            continue;
        }
        const auto& text = value.get_ref<const std::string&>();
        const bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
        out += '"';
        if (formula) out += '\'';
        for (const char byte : text) {
            if (byte == '"') out += '"';
            out += byte;
        }
        out += '"';
    }
    out += "\r\n";
}

// The buckets too, so that whoever reads can add histograms up: middle in microseconds, count.
void appendNdjson(std::string& out, Document row, const Tally& tally) {
    Document latency = Document::array();
    for (const auto& bucket : tally.latency.buckets())
        latency.push_back({LatencyHistogram::middleUs(bucket.index), std::uint64_t{bucket.count}});
    row["latency_us"] = std::move(latency);
    out += row.dump(-1, ' ', false, Document::error_handler_t::replace);
    out += '\n';
}

}  // namespace

Export exportOf(const History& history, WallTime now, const Filter& filter, ExportFormat format, std::uint64_t skip,
                std::uint64_t rows_max) {
    const Span span(history, now, filter.hours);
    std::vector<Place> places;
    forEachCell(history, span, filter,
                [&](Hour hour, const Key& key, const Tally& tally) { places.push_back({hour, &key, &tally}); });
    std::sort(places.begin(), places.end(), before);
    const std::size_t begin = std::min<std::uint64_t>(skip, places.size());
    const std::size_t end = begin + std::min<std::uint64_t>(rows_max, places.size() - begin);
    Export made;
    made.window = spanOf(span);
    made.rows = end - begin;
    made.more = end < places.size();
    if (format == ExportFormat::csv) made.text = kColumns;
    for (std::size_t i = begin; i < end; ++i) {
        if (format == ExportFormat::csv) {
            appendCsv(made.text, valuesOf(places[i]));
        } else {
            appendNdjson(made.text, valuesOf(places[i]), *places[i].tally);
        }
    }
    return made;
}

}  // namespace howdah::analytics
