// The level on disk: what had to leave memory, or was there when the plugin stopped, sealed for its scope.
//
// The ids of what lies there are kept in memory, so that only what is likely found is looked for. Work on the file runs
// on workers; a call that waits for it does so for a bounded time and goes on without.
//
// Threads: any; no lock is held across a host call.
// Owns:    the file, the key, what waits to be written.
// Errors:  none that a caller hears: the log has each kind once, and the counts stand in cache_stats.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <howdah/jobs.hpp>

#include "plugins/cache/config.hpp"
#include "plugins/cache/databases.hpp"
#include "plugins/cache/disk.hpp"
#include "plugins/cache/ledger.hpp"
#include "plugins/cache/vault.hpp"

namespace howdah::cache {

class Shelf {
public:
    Shelf(const Host& host, Jobs& jobs, const Config& config, const Ledger& ledger, const Databases& databases,
          std::string folder, Vault vault);

    // Opens the file on a worker, unless it is open or its time has not come; nothing is found before. Where it fails,
    // calls that miss begin again, after a pause that doubles from one second to four.
    void begin();
    // May wait, for read_ms at most. Null: it does not lie there, or not in time.
    EntryPtr find(const Context& context, std::uint64_t hash, std::string_view key);
    // Puts down some time those that were used. More than can be written are left out.
    void take(std::vector<EntryPtr> entries);
    // On the control thread, at the end: puts these down now.
    void finish(const std::vector<EntryPtr>& entries);

    struct Figures {
        std::string state;  // opening, ready, failing; failing and not open: retry_ms says when it is tried again
        bool open = false;
        std::uint64_t retry_ms = 0, opens_failed = 0;
        Disk::Load load;
        std::uint64_t written = 0, left_out = 0, damaged = 0, late = 0;
    };
    Figures figures() const;

private:
    static constexpr std::uint64_t kPause_ns = 1'000 * kMs, kPauseMax_ns = 4'000 * kMs;

    struct Slip;  // how an entry is named and sealed
    std::string identityOf(std::string_view key) const;
    std::optional<std::int64_t> idOf(std::string_view key, const std::string& identity) const;
    std::string scopeOf(std::string_view key, const std::string& identity) const;
    std::string aboutOf(const Disk::Row& row) const;

    void open();
    void openLater();
    void writeWaiting();
    void write(const std::vector<EntryPtr>& entries);
    EntryPtr read(const Slip& slip, std::uint64_t hash);
    void drop(std::int64_t id);
    void forget(const std::vector<std::int64_t>& ids);
    void tellOnce(const Error& error);

    const Host& host_;
    Jobs& jobs_;
    const Config& config_;
    const Ledger& ledger_;
    const Databases& databases_;
    const Vault vault_;
    Disk disk_;

    mutable std::mutex mutex_;
    bool ready_ = false;
    bool opening_ = false;
    std::uint64_t pause_ns_ = kPause_ns, next_open_ns_ = 0;
    std::uint64_t opens_failed_ = 0;
    bool writing_ = false;
    std::unordered_set<std::int64_t> ids_;
    std::deque<EntryPtr> waiting_;
    std::size_t waiting_bytes_ = 0;
    std::atomic<bool> failing_{false};
    std::atomic<std::uint64_t> written_{0}, left_out_{0}, damaged_{0}, late_{0};
};

}  // namespace howdah::cache
