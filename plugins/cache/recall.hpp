// What the hooks do: look up, remember, and take note of writes.
//
// Threads: any shard; what a query leaves between its hooks is its shard's own.
// Owns:    the levels in memory, the reads under way.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <howdah/plugin.hpp>

#include "plugins/cache/commons.hpp"
#include "plugins/cache/config.hpp"
#include "plugins/cache/databases.hpp"
#include "plugins/cache/flights.hpp"
#include "plugins/cache/memory.hpp"
#include "plugins/cache/notices.hpp"
#include "plugins/cache/peers.hpp"
#include "plugins/cache/shelf.hpp"

namespace howdah::cache {

class Recall {
public:
    Recall(const Host& host, const Config& config, Ledger& ledger, Databases& databases, Shelf* shelf,
           const Notices* notices, Peers* peers, Commons* commons);

    Verdict before(Query& query);
    Verdict after(Query& query, const howdah_result& result);
    void failed(Query& query, const Error& error);

    const Memory& memory() const { return memory_; }
    const std::vector<Counters>& counters() const { return counters_; }
    std::size_t waiting() const { return flights_.waiting(); }

private:
    // A read that was let through. What nobody landed has failed.
    struct Reading {
        Reading(Flights& its_flights, Flights::FlightPtr its_flight, SharedKey its_key, const Database& its_database)
            : flights(its_flights), flight(std::move(its_flight)), key(std::move(its_key)), database(its_database) {}
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;
        ~Reading() { land(Flights::Landing::failed); }
        void land(Flights::Landing landing, EntryPtr entry = nullptr) {
            if (flight) flights.land(std::exchange(flight, nullptr), landing, std::move(entry));
        }

        Flights& flights;
        Flights::FlightPtr flight;  // null: nobody waits for it
        SharedKey key;
        const Database& database;
        std::uint64_t hash = 0;
        std::uint64_t born_ns = 0;
        const Notices::Good* good_until_ns = nullptr;
        std::optional<Peers::Position> position;  // none: it is not for other instances
        std::vector<Footing> footings;
    };
    // What the reach of a write was judged by: the definitions of its database, and those of one that is not known. If
    // they move while it waits, a trigger, say, may have come that it fires. Rows are no part of it, or writes side by
    // side would set each other off without end.
    using Grounds = std::array<Footing, 2>;
    // A write that was let through. One whose end nobody told may still come true.
    struct Writing {
        Writing(Recall& its_recall, std::uint32_t its_database, Ledger::Reach its_reach, Grounds its_grounds,
                std::vector<std::uint32_t> its_slots)
            : recall(its_recall),
              database(its_database),
              reach(its_reach),
              grounds(its_grounds),
              slots(std::move(its_slots)) {
            recall.ledger_.beginWrite(slots, reach);
        }
        Writing(const Writing&) = delete;
        Writing& operator=(const Writing&) = delete;
        ~Writing();
        bool hasGrown() const;

        Recall& recall;
        const std::uint32_t database;  // 0: not known which
        const Ledger::Reach reach;
        const Grounds grounds;
        const std::vector<std::uint32_t> slots;
        Peers::AnnouncedPtr announced;  // null: nobody else was told
        bool defines = false;
        bool settled = false;
    };
    struct alignas(128) Shard {
        std::string key;  // of the query that is looked at
        // By the address of the query, which is another one's after its end: see forget().
        std::unordered_map<const howdah_query*, std::unique_ptr<Reading>> readings;
        std::unordered_map<const howdah_query*, std::unique_ptr<Writing>> writings;
    };

    std::size_t shardOf(const Query& query) const;
    void forget(const howdah_query* query, std::size_t shard);
    bool isOver(const Query& query) const;
    Verdict beforeWrite(Query& query, std::size_t shard);
    Result<void> tellPeers(const Query& query, Writing& writing);
    Result<void> endWrite(const Query& query, std::unique_ptr<Writing> writing, bool settled);
    bool mayBeKept(const Query& query, Counters& counters) const;
    Verdict miss(Query& query, std::size_t shard, const Database& database, std::uint64_t hash);
    EntryPtr fromShelf(const Query& query, std::uint64_t hash, std::string_view key, Counters& counters);
    EntryPtr fromCommons(const Query& query, const Database& database, std::uint64_t hash, std::string_view key,
                         Counters& counters);
    Verdict give(std::size_t shard, const Entry& entry, std::uint32_t source, std::uint64_t now_ns);
    void landRead(std::size_t shard, Reading& reading, const howdah_result& result);
    void keep(std::size_t shard, Reading& reading, EntryPtr entry);
    bool holds(const Entry& entry, Counters& counters) const;
    const Notices::Good* coverOf(const Query& query, const Database& database) const;
    void cover(const Query& query, const Database& database, Reading& reading) const;
    Entry::Life lifeOf(const Reading& reading) const;
    bool isQuiet(const std::vector<Footing>& footings, std::uint64_t now_ns) const;
    Grounds groundsOf(std::uint32_t database) const;
    std::vector<Footing> footingsOf(const Query& query, const Database& database) const;

    const Host& host_;
    const Config& config_;
    Ledger& ledger_;
    Databases& databases_;
    Shelf* shelf_;            // null: nothing is kept on disk
    const Notices* notices_;  // null: no database is listened to
    Peers* peers_;            // null: there are no other instances
    Commons* commons_;        // null: they share no answers
    Memory memory_;
    Flights flights_;
    std::vector<Shard> shards_;
    std::vector<Counters> counters_;
};

}  // namespace howdah::cache
