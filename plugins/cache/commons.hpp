// The level that all instances share: answers in howdah.kv/1, sealed for their scopes, given out by whoever can tell
// that no write has reached them since.
//
// An answer lies there with the number up to which its reader had taken in all writes before it read, and with a tick
// (chronicle.hpp). Another instance gives it out where no write with a greater number is known to have reached its
// tables, while it has a lease of its own: so an answer from here is as good as one that it had remembered itself.
// Nothing has to be removed, then, and whoever puts back what lay there before gains nothing.
//
// Work on the store is done by tasks; a call that waits for one does so for a bounded time and goes on without.
//
// Threads: any; no lock is held across a host call.
// Owns:    the key; what it has put into the store runs out by itself.
// Errors:  none that a caller hears: the log has the first of each kind, and the counts stand in cache_stats.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/jobs.hpp>
#include <howdah/kv.hpp>

#include "plugins/cache/config.hpp"
#include "plugins/cache/databases.hpp"
#include "plugins/cache/peers.hpp"
#include "plugins/cache/vault.hpp"

namespace howdah::cache {

class Commons {
public:
    Commons(const Host& host, Jobs& jobs, const Config& config, const Databases& databases, const Peers& peers, Kv kv,
            Vault vault);

    // May wait, for read_ms at most. `footings`: what the answer would stand on, noted before; it was not written since
    // then only if they still stand afterwards. Null: there is none that is good here, or not in time.
    EntryPtr find(const Context& context, std::uint64_t hash, std::string_view key,
                  const std::vector<Footing>& footings);
    // Some time. `position`: of before it was read.
    void put(EntryPtr entry, Peers::Position position);

    struct Figures {
        std::uint64_t misses = 0, outdated = 0, late = 0, failed = 0, damaged = 0, bytes_read = 0;
        std::uint64_t stored = 0, bytes_written = 0, bytes = 0, too_large = 0, left_out = 0;
        std::uint64_t pause_ms = 0;  // of reads
        std::string trouble;         // empty: none at the moment
    };
    Figures figures() const;

private:
    using Gauge = std::shared_ptr<std::atomic<std::size_t>>;  // outlives this, as a task may that is dropped
    static constexpr std::uint64_t kPause_ns = 100 * kMs, kPauseMax_ns = 4'000 * kMs;
    static constexpr std::uint64_t kToldAgain_ns = 60'000 * kMs;
    static constexpr std::size_t kAtOnceMax = 32;  // reads, and as many writes: connections are the announcements', too

    // Where an answer lies, and for whom it is sealed.
    struct Place {
        std::string name, scope;
    };
    struct Found;
    std::optional<Place> placeOf(std::string_view key, const std::string& store) const;
    static std::string aboutOf(const Place& place, std::uint64_t number, std::uint64_t tick);
    std::string sealed(const Entry& entry, const Place& place, const Peers::Position& position) const;

    // To the store or from it: the one may work where the other does not, as when there is no room.
    struct Way {
        std::uint64_t pause_ns = kPause_ns, paused_until_ns = 0, told_ns = 0;
        std::string trouble;  // empty: none at the moment
    };
    static bool enter(const Gauge& gauge);
    bool isPaused(const Way& way) const;
    std::optional<std::string> fetch(const Context& context, const std::string& name);
    EntryPtr judged(std::string_view value, const Place& place, Peers::Position position, std::uint64_t hash,
                    std::string_view key, const std::vector<Footing>& footings);
    void write(const Context& context, const Entry& entry, const Peers::Position& position);
    bool takesRoom(std::size_t bytes, std::uint64_t until_ns);
    void noteSuccess(Way& way);
    void pause(Way& way, const std::string& trouble);
    EntryPtr damaged();

    const Host& host_;
    Jobs& jobs_;
    const Config& config_;
    const Databases& databases_;
    const Peers& peers_;
    const Kv kv_;
    const Vault vault_;
    const std::string prefix_;
    const Gauge reads_ = std::make_shared<std::atomic<std::size_t>>(0);
    const Gauge writes_ = std::make_shared<std::atomic<std::size_t>>(0);
    std::atomic<std::uint64_t> misses_{0}, outdated_{0}, late_{0}, failed_{0}, damaged_{0}, bytes_read_{0}, stored_{0},
        bytes_written_{0}, too_large_{0}, left_out_{0};

    mutable std::mutex mutex_;
    Way reading_, writing_;
    struct Share {
        std::uint64_t until_ns;
        std::size_t bytes;
    };
    std::deque<Share> shares_;  // of the store, that have not run out as far as is known
    std::size_t bytes_ = 0;
};

}  // namespace howdah::cache
