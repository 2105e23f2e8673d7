#include "plugins/cache/answers.hpp"

#include <algorithm>

namespace howdah::cache {
namespace {

using Document = nlohmann::ordered_json;

constexpr std::size_t kNamesMax = 200;  // of tables, in one answer

Document levelOf(Memory::Load load, Budget budget, std::uint64_t hits) {
    return {{"entries", load.entries},
            {"entries_max", budget.entries},
            {"bytes", load.bytes},
            {"bytes_max", budget.bytes},
            {"hits", hits}};
}

double percent(std::uint64_t part, std::uint64_t whole) {
    const std::uint64_t tenths = whole == 0 ? 0 : part * 1000 / whole;
    return static_cast<double>(tenths) / 10;
}

Document diskOf(const Shelf& shelf, Budget budget, std::uint64_t hits) {
    const Shelf::Figures figures = shelf.figures();
    Document disk = levelOf({figures.load.entries, figures.load.bytes}, budget, hits);
    disk["state"] = figures.state;
    disk["open"] = figures.open;
    disk["opens_failed"] = figures.opens_failed;
    disk["retry_ms"] = figures.retry_ms;
    disk["written"] = figures.written;
    disk["left_out"] = figures.left_out;
    disk["damaged"] = figures.damaged;
    disk["set_aside"] = figures.load.set_aside;
    disk["late"] = figures.late;
    return disk;
}

// Without a count of entries: nobody asks the store for one.
Document commonsOf(const Commons& commons, const Config& config, std::uint64_t hits) {
    const Commons::Figures figures = commons.figures();
    return {{"hits", hits},
            {"misses", figures.misses},
            {"outdated", figures.outdated},
            {"late", figures.late},
            {"failed", figures.failed},
            {"damaged", figures.damaged},
            {"bytes_read", figures.bytes_read},
            {"stored", figures.stored},
            {"bytes_written", figures.bytes_written},
            {"bytes", figures.bytes},
            {"bytes_max", config.shared.answers.bytes},
            {"too_large", figures.too_large},
            {"left_out", figures.left_out},
            {"pause_ms", figures.pause_ms}};
}

}  // namespace

Document statsOf(const Recall& recall, const Config& config, const Databases& databases, const Ledger& ledger,
                 const Shelf* shelf, const Commons* commons) {
    const auto sum = [&](Counter Counters::* which) { return sumOf(recall.counters(), which); };
    const std::uint64_t hits = hitsOf(recall.counters());
    const std::uint64_t misses = sum(&Counters::misses);
    Document stats{{"hits", hits},
                   {"misses", misses},
                   {"hit_percent", percent(hits, hits + misses)},
                   {"age_max_ms", config.ttl_ns / kMs},
                   {"database_ms_saved", sum(&Counters::saved_ns) / kMs}};
    const Budget near{config.l1.entries * recall.counters().size(), config.l1.bytes * recall.counters().size()};
    stats["levels"] = {{"l1", levelOf(recall.memory().l1(), near, sum(&Counters::hits_l1))},
                       {"l2", levelOf(recall.memory().l2(), config.l2, sum(&Counters::hits_l2))}};
    if (shelf) stats["levels"]["l3"] = diskOf(*shelf, config.l3.budget, sum(&Counters::hits_l3));
    if (commons) stats["levels"]["shared"] = commonsOf(*commons, config, sum(&Counters::hits_commons));
    stats["hits_shared"] = sum(&Counters::hits_shared);
    stats["hits_errors"] = sum(&Counters::hits_errors);
    stats["stored"] = sum(&Counters::stored);
    stats["stored_errors"] = sum(&Counters::stored_errors);
    stats["not_looked_up"] = {{"not_cacheable", sum(&Counters::not_cacheable)},
                              {"names_a_moment", sum(&Counters::moments)},
                              {"dry_or_stable", sum(&Counters::flagged)},
                              {"database_off_or_unknown", sum(&Counters::switched_off)},
                              {"without_lease", sum(&Counters::unleased)}};
    stats["not_kept"] = {{"written_meanwhile", sum(&Counters::written_meanwhile)},
                         {"too_large", sum(&Counters::too_large)},
                         {"failed", sum(&Counters::failed)}};
    stats["gone"] = {{"outdated", sum(&Counters::outdated)}, {"expired", sum(&Counters::expired)}};
    stats["waiting"] = recall.waiting();
    stats["waits_late"] = sum(&Counters::waits_late);
    stats["writes"] = {{"seen", sum(&Counters::writes)},
                       {"of_whole_databases", sum(&Counters::writes_of_databases)},
                       {"unsettled", sum(&Counters::writes_unsettled)}};
    stats["databases"] = Document::object();
    for (const auto& database : databases.all())
        stats["databases"][database->name()] = database->isOff() ? "off" : database->oid() == 0 ? "unknown" : "ready";
    stats["epochs_outlive_process"] = ledger.isLasting();
    return stats;
}

Document notifyOf(const Notices& notices, const Config& config, bool names) {
    Document all{{"age_max_ms", config.notify.ttl_ns / kMs}, {"stale_max_ms", config.notify.bound_ns / kMs}};
    all["databases"] = Document::object();
    for (const Notices::Figures& one : notices.figures()) {
        Document& told = all["databases"][one.database];
        told = {{"state", one.state}, {"tables", one.tables.size()}, {"told", one.told}, {"lost", one.lost}};
        if (!one.trouble.empty() && names) told["trouble"] = one.trouble;
        if (!names) continue;
        told["covered"] = Document::array();
        for (std::size_t i = 0; i < std::min(one.tables.size(), kNamesMax); ++i)
            told["covered"].push_back(one.tables[i]);
    }
    return all;
}

Document sharedOf(const Peers& peers) {
    const Peers::Figures figures = peers.figures();
    return {{"state", figures.state},
            {"instances", figures.members},
            {"writes",
             {{"announced", figures.announced},
              {"acknowledged", figures.acknowledged},
              {"waited_out", figures.waited_out},
              {"cut_short", figures.cut_short},
              {"refused", figures.refused}}},
            {"heard", figures.heard},
            {"joined", figures.joined}};
}

nlohmann::json reportOf(const Recall& recall, const Ledger& ledger, const Shelf* shelf, const Notices* notices,
                        const Peers* peers, const Commons* commons) {
    nlohmann::json report{{"status", "ok"},
                          {"checks", nlohmann::json::array()},
                          {"hits", hitsOf(recall.counters())},
                          {"misses", sumOf(recall.counters(), &Counters::misses)}};
    const auto warn = [&](const char* name, std::string text, const char* remedy) {
        report["status"] = "warn";
        report["checks"].push_back({{"name", name}, {"status", "warn"}, {"text", std::move(text)}, {"remedy", remedy}});
    };
    if (!ledger.isLasting())
        warn("state folder",
             "another howdah process has it: nothing is kept on disk, and this process learns of the "
             "other's writes only by ttl_ms",
             "give each process a state_dir of its own");
    if (shelf && shelf->figures().state == "failing")
        warn("disk", "the cache on disk cannot be used; the log says why", "make room, or set cache.l3.enabled: false");
    if (peers) {
        if (const Peers::Figures figures = peers->figures(); figures.state != "member")
            warn("shared",
                 concat("nothing is given out from memory: ",
                        figures.trouble.empty() ? "other instances are being joined" : figures.trouble),
                 "see that the plugin redis can reach its server");
    }
    if (commons) {
        if (const std::string trouble = commons->figures().trouble; !trouble.empty())
            warn("shared answers", concat("what other instances have read cannot be had: ", trouble),
                 "see that the plugin redis can reach its server, or raise cache.shared.answers.read_ms");
    }
    if (!notices) return report;
    for (const Notices::Figures& one : notices->figures()) {
        if (one.state != "listening")
            warn("notify", concat("database ", one.database, ": ", one.trouble.empty() ? one.state : one.trouble),
                 "until it is listened to, ttl_ms bounds how stale its answers are");
        else if (one.tables.empty())
            warn("notify", concat("no table of database ", one.database, " tells of its writes"),
                 "create the triggers of plugins/cache/README.md, ENABLE ALWAYS on each partition");
    }
    return report;
}

}  // namespace howdah::cache
