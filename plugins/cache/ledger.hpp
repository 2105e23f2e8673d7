// Who has written what: an epoch for each relation, one for the whole of each database, one for everything.
//
// The epochs lie in a file that is mapped, so that every instance of the plugin in this process sees the same ones
// while a reload replaces it, and so that they outlive the process: an answer on disk from before a kill -9 is known to
// be out of date as soon as the write that was under way had been let through. Relations share slots by hash; two in
// one slot only make each other's answers out of date.
//
// The process may be killed between any two steps. So what is known of a write is removed only after what follows from
// it has been put down: first the hold, then the epoch, then the count.
//
// Threads: any, at once.
// Owns:    the mapping. The lock on the file is the process's and kept to its end, as closing the file would end it for
//          all instances.
// Errors:  unavailable, with the file and the reason, where there is none to be had.
// Source:  fcntl(2), "Advisory record locking"; mmap(2), MAP_SHARED.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <howdah/result.hpp>

#include "plugins/cache/entry.hpp"

namespace howdah::cache {

class Ledger {
public:
    struct Places {
        std::string folder;
        std::uint64_t unsettled_ns = 0;  // how long a write whose end is not known may still come true
    };
    static Result<std::unique_ptr<Ledger>> open(const Places& places, std::uint64_t now_ns);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    // Part of what is on disk: another way to count slots needs another magic number. By oids. Relation 0 stands for
    // all of a database, kDefinitions for what writes are judged by there, kListened for what is known of writes by
    // others; database 0 for all databases.
    static constexpr std::uint32_t kDefinitions = UINT32_MAX;
    static constexpr std::uint32_t kListened = UINT32_MAX - 1;
    static constexpr std::size_t kSlots = 65'536;  // slotOf() gives 16 bits
    static std::uint32_t slotOf(std::uint32_t database, std::uint32_t relation);

    // --- reads
    Footing footing(std::uint32_t slot) const;
    bool stands(std::span<const Footing> footings) const;
    // No write of it is under way, nor one that may still come true.
    bool isQuiet(std::uint32_t slot, std::uint64_t now_ns) const;

    // --- writes
    // What a write may change: the relations it names and what is known to follow from them, or all of a database,
    // definitions included; then those that are under way may change more than was known when they began.
    enum class Reach { relations, database };
    void beginWrite(std::span<const std::uint32_t> written, Reach reach = Reach::relations);
    // Not settled: it may or may not have been committed, or still be.
    void endWrite(std::span<const std::uint32_t> written, bool settled, std::uint64_t now_ns,
                  Reach reach = Reach::relations);
    void move(std::uint32_t slot);

    // Of these epochs; a file that had to be made anew has another.
    std::uint64_t id() const;
    // For hashOf(), as long as the epochs are these: so that a key is found again after a restart.
    std::uint64_t seed() const;
    // False: another process has the folder, and these epochs end with this one.
    bool isLasting() const { return lasting_; }

private:
    struct Slot {
        std::atomic<std::uint64_t> epoch;
        std::atomic<std::uint32_t> writing;
        std::atomic<std::uint32_t> unsettled_until_s;
    };
    struct Header;
    Ledger(void* mapping, bool lasting, std::uint64_t unsettled_ns);

    void takeOver(std::uint64_t now_ns);
    std::uint32_t heldUntil(std::uint64_t now_ns) const;
    static void raise(std::atomic<std::uint32_t>& seconds, std::uint32_t until);
    Header& header() const;
    std::span<Slot> slots() const;

    void* mapping_;
    bool lasting_;
    std::uint64_t unsettled_ns_;
};

}  // namespace howdah::cache
