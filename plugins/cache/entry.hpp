// One answer that is remembered: rows, or an error that would come again, with what it stands on.
//
// Threads: immutable once made, but for the mark that it was used; shared by levels and shards.
// Owns:    every byte of it; columns and batches point into its block.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/abi/query.h>
#include <howdah/host.hpp>
#include <howdah/result.hpp>

namespace howdah::cache {

// A relation's epoch when the read began. The answer holds as long as all of its epochs are what they were.
struct Footing {
    std::uint32_t slot = 0;
    std::uint64_t epoch = 0;
    bool operator==(const Footing&) const = default;
};

// The bytes of a key.hpp key, copied once and then shared by the read, those who wait for it, and what is remembered.
class SharedKey {
public:
    explicit SharedKey(std::string_view bytes) : bytes_(std::make_shared<const std::string>(bytes)) {}
    const std::string& bytes() const { return *bytes_; }

private:
    std::shared_ptr<const std::string> bytes_;
};

class Entry;
using EntryPtr = std::shared_ptr<const Entry>;

class Entry {
public:
    // When it was true, and until when it may be given out (bootNs).
    struct Life {
        std::uint64_t born_ns = 0;  // before its read began
        std::uint64_t ends_ns = 0;
        // Of one whose tables tell of their writes: no longer than it is known that all is told. Outlives the entry.
        const std::atomic<std::uint64_t>* good_until_ns = nullptr;

        bool lasts(std::uint64_t now_ns) const {
            return now_ns < ends_ns && (!good_until_ns || now_ns < good_until_ns->load(std::memory_order_acquire));
        }
    };

    static EntryPtr ofResult(SharedKey key, std::uint64_t hash, Life life, std::vector<Footing> footings,
                             const howdah_result& result);
    static EntryPtr ofError(SharedKey key, std::uint64_t hash, Life life, std::vector<Footing> footings, Error error);

    // As bytes and back, for the disk, which keeps no errors. Nothing: these are not the bytes of an entry. What was
    // put down when answers lived longer lives `age_max_ns` at most.
    std::string toBytes() const;
    static EntryPtr fromBytes(std::string_view bytes, std::uint64_t hash, std::uint64_t age_max_ns);

    // Of another instance, whose epochs and clock are its own: it lives and stands as is said here. Nothing as well
    // where it stood on other relations.
    static EntryPtr ofPeer(std::string_view bytes, std::uint64_t hash, Life life, const std::vector<Footing>& footings);

    const std::string& key() const { return key_.bytes(); }
    std::uint64_t hash() const { return hash_; }
    const Life& life() const { return life_; }
    const std::vector<Footing>& footings() const { return footings_; }
    const std::optional<Error>& error() const { return error_; }
    const std::vector<howdah_column>& columns() const { return columns_; }
    const std::vector<howdah_batch>& batches() const { return batches_; }
    const howdah_trailer& trailer() const { return trailer_; }
    std::size_t size() const { return size_; }  // bytes of memory, all told

    // It has been given out again: worth a place on disk, which most of a scan is not. Written once, so that hits share
    // it.
    void noteUse() const {
        if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
    }
    bool wasUsed() const { return used_.load(std::memory_order_relaxed); }

private:
    Entry(SharedKey key, std::uint64_t hash, Life life, std::vector<Footing> footings);
    void takeResult(const howdah_result& result);
    void weigh();

    SharedKey key_;
    std::uint64_t hash_;
    Life life_;
    std::vector<Footing> footings_;
    std::optional<Error> error_;
    std::unique_ptr<char[]> block_;  // names, rows, command tag
    std::size_t block_size_ = 0;
    std::vector<howdah_column> columns_;
    std::vector<howdah_batch> batches_;
    howdah_trailer trailer_{};
    std::size_t size_ = 0;
    mutable std::atomic<bool> used_{false};
};

// Bytes of rows, names and tag: what a result would take, before it is copied.
std::size_t sizeOf(const howdah_result& result);

}  // namespace howdah::cache
