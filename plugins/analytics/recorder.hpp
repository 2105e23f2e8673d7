// What one shard counts: which queries are under way, and the cells of what has ended since somebody last took them.
//
// Nothing here waits or parses. A text seen for the first time is put aside when its query ends and counted once the
// resolver has found its pattern; where too many are put aside, the query counts as unread at once.
//
// Threads: any; one mutex, held for nanoseconds by the shard and for a swap by whoever takes.
// Owns:    the texts that wait for their pattern, bounded by waiting_bytes_max.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/analytics/cells.hpp"
#include "plugins/analytics/config.hpp"
#include "plugins/analytics/known_texts.hpp"
#include "plugins/analytics/slot_map.hpp"

namespace howdah::analytics {

class Recorder {
public:
    static constexpr std::size_t kUnderWayMax =
        1024;  // queries, and as many calls; more are counted without what a beginning tells

    explicit Recorder(const Config& config);

    void callBegins(std::uint64_t request, std::string_view client);
    void callEnds(std::uint64_t request);

    // `query` tells queries under way apart and means nothing else. A plugin's own text is its own pattern; that of a
    // client is the tenant's, as it is in queryEnds().
    void queryBegins(std::uint64_t query, std::uint64_t now_ns, std::string_view sql, bool from_client,
                     std::string_view tenant = {});
    // `names` without a client: it is that of the request's call. The sample without latency, which is known here; what
    // is not known to have begun took as long as its database. `rule` refused it, or is empty.
    void queryEnds(std::uint64_t query, std::uint64_t request, std::uint64_t now_ns, NameViews names, Sample sample,
                   std::string_view rule);

    // A query that has ended, whose text nobody has read yet.
    struct Waiting {
        std::uint64_t text_hash = 0;  // and the tenant's
        std::string sql;
        Names names;
        Sample sample;
    };
    bool hasWaiting() const;
    std::vector<Waiting> takeWaiting();
    // The pattern, if another query with that text has brought it meanwhile.
    PatternPtr patternOf(std::uint64_t text_hash);
    // Counts it. `remember`: the next query with that text has this pattern too.
    void settle(const Waiting& waiting, const PatternPtr& pattern, bool remember);

    bool hasCells() const;
    Cells takeCells();

private:
    struct OpenQuery {
        std::uint64_t began_ns = 0;
        std::uint64_t text_hash = 0;
        PatternPtr pattern;  // null: `sql` waits for it
        std::string sql;
    };
    const PatternPtr& patternFor(std::string_view rule);
    void putAside(OpenQuery& query, const NameViews& names, const Sample& sample);

    const Config& config_;
    const CellLimits limits_;
    mutable std::mutex mutex_;
    SlotMap<std::string> calls_;  // the client's name
    SlotMap<OpenQuery> queries_;
    KnownTexts texts_;
    KnownTexts rules_;
    Cells cells_;
    std::vector<Waiting> waiting_;
    std::size_t waiting_bytes_ = 0;  // of waiting_ and of queries under way
};

}  // namespace howdah::analytics
