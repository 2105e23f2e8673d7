#include "plugins/cache/entry.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include <howdah/rows.hpp>

#include "plugins/cache/bytes.hpp"

namespace howdah::cache {
namespace {

constexpr std::size_t kOverhead = 160;  // of list, map and allocations, measured once and rounded up

// A result put together from bytes that may be anything: whole rows only, as executors give them.
bool holdsWholeRows(const howdah_batch& batch, std::size_t columns) {
    std::size_t at = 0;
    for (std::uint64_t cells = batch.row_count * columns; cells > 0; --cells) {
        std::int32_t size = 0;
        if (batch.size - at < sizeof size) return false;
        std::memcpy(&size, batch.bytes + at, sizeof size);
        at += sizeof size;
        if (size < -1) return false;
        if (size > 0 && batch.size - at < static_cast<std::size_t>(size)) return false;
        at += size > 0 ? static_cast<std::size_t>(size) : 0;
    }
    return at == batch.size;
}

}  // namespace

std::size_t sizeOf(const howdah_result& result) {
    std::size_t size = result.trailer.command_tag.size;
    for (std::uint64_t i = 0; i < result.column_count; ++i)
        size += result.columns[i].name.size;
    for (std::uint64_t i = 0; i < result.batch_count; ++i)
        size += result.batches[i].size;
    return size;
}

Entry::Entry(SharedKey key, std::uint64_t hash, Life life, std::vector<Footing> footings)
    : key_(std::move(key)), hash_(hash), life_(life), footings_(std::move(footings)) {}

EntryPtr Entry::ofResult(SharedKey key, std::uint64_t hash, Life life, std::vector<Footing> footings,
                         const howdah_result& result) {
    std::shared_ptr<Entry> entry(new Entry(std::move(key), hash, life, std::move(footings)));
    entry->takeResult(result);
    entry->weigh();
    return entry;
}

EntryPtr Entry::ofError(SharedKey key, std::uint64_t hash, Life life, std::vector<Footing> footings, Error error) {
    std::shared_ptr<Entry> entry(new Entry(std::move(key), hash, life, std::move(footings)));
    entry->error_ = std::move(error);
    entry->weigh();
    return entry;
}

void Entry::takeResult(const howdah_result& result) {
    block_size_ = sizeOf(result);
    block_ = std::make_unique_for_overwrite<char[]>(std::max<std::size_t>(block_size_, 1));
    char* next = block_.get();
    const auto keep = [&next](const void* bytes, std::size_t size) {
        char* const place = next;
        if (size > 0) std::memcpy(place, bytes, size);
        next += size;
        return place;
    };
    columns_.reserve(result.column_count);
    for (std::uint64_t i = 0; i < result.column_count; ++i) {
        const howdah_column& column = result.columns[i];
        columns_.push_back(
            {{keep(column.name.data, column.name.size), column.name.size}, column.type_oid, column.type_modifier});
    }
    batches_.reserve(result.batch_count);
    for (std::uint64_t i = 0; i < result.batch_count; ++i) {
        const howdah_batch& batch = result.batches[i];
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(keep(batch.bytes, batch.size));
        batches_.push_back({bytes, batch.size, batch.row_count});
    }
    trailer_ = wholeTrailer(result.trailer);
    const howdah_str tag = result.trailer.command_tag;
    trailer_.command_tag = {keep(tag.data, tag.size), tag.size};
}

void Entry::weigh() {
    size_ = sizeof(Entry) + kOverhead + key().capacity() + block_size_ + footings_.capacity() * sizeof(Footing) +
            columns_.capacity() * sizeof(howdah_column) + batches_.capacity() * sizeof(howdah_batch);
    if (error_) size_ += error_->message.size() + error_->hint.size() + error_->detail.size();
}

std::string Entry::toBytes() const {
    ByteWriter out;
    out.text(key());
    out.number(life_.born_ns);
    out.number(life_.ends_ns);
    out.number(static_cast<std::uint32_t>(footings_.size()));
    for (const Footing& footing : footings_) {
        out.number(footing.slot);
        out.number(footing.epoch);
    }
    out.number(static_cast<std::uint32_t>(columns_.size()));
    for (const howdah_column& column : columns_) {
        out.text(fromAbi(column.name));
        out.number(column.type_oid);
        out.number(column.type_modifier);
    }
    out.number(static_cast<std::uint32_t>(batches_.size()));
    for (const howdah_batch& batch : batches_) {
        out.number(batch.row_count);
        out.text({reinterpret_cast<const char*>(batch.bytes), static_cast<std::size_t>(batch.size)});
    }
    out.number(trailer_.truncated);
    out.number(trailer_.row_count);
    out.number(trailer_.affected_rows);
    out.number(trailer_.elapsed_ns);
    out.text(fromAbi(trailer_.command_tag));
    return std::move(out).bytes();
}

namespace {

// In whatever order they were found.
std::set<std::uint32_t> slotSet(const std::vector<Footing>& footings) {
    std::set<std::uint32_t> slots;
    for (const Footing& footing : footings)
        slots.insert(footing.slot);
    return slots;
}

// `place(life, footings)` says how it lives here, and whether it does.
template <typename Place>
EntryPtr entryOf(std::string_view bytes, std::uint64_t hash, Place place) {
    ByteReader in(bytes);
    SharedKey key(in.text());
    Entry::Life life;
    life.born_ns = in.number<std::uint64_t>();
    life.ends_ns = in.number<std::uint64_t>();
    std::vector<Footing> footings(in.count(sizeof(std::uint32_t) + sizeof(std::uint64_t)));
    for (Footing& footing : footings) {
        footing.slot = in.number<std::uint32_t>();
        footing.epoch = in.number<std::uint64_t>();
    }
    if (!place(life, footings)) return nullptr;
    std::vector<howdah_column> columns(in.count(16));
    for (howdah_column& column : columns) {
        column.name = toAbi(in.text());
        column.type_oid = in.number<std::uint32_t>();
        column.type_modifier = in.number<std::int32_t>();
    }
    std::vector<howdah_batch> batches(in.count(16));
    for (howdah_batch& batch : batches) {
        batch.row_count = in.number<std::uint64_t>();
        const std::string_view rows = in.text();
        batch.bytes = reinterpret_cast<const std::uint8_t*>(rows.data());
        batch.size = rows.size();
        if ((!columns.empty() && batch.row_count > rows.size()) || !holdsWholeRows(batch, columns.size()))
            return nullptr;
    }
    howdah_result result{};
    result.struct_size = sizeof result;
    result.columns = columns.data();
    result.column_count = columns.size();
    result.batches = batches.data();
    result.batch_count = batches.size();
    result.trailer.truncated = in.number<std::uint32_t>();
    result.trailer.row_count = in.number<std::uint64_t>();
    result.trailer.affected_rows = in.number<std::int64_t>();
    result.trailer.elapsed_ns = in.number<std::uint64_t>();
    result.trailer.command_tag = toAbi(in.text());
    return in.atEnd() ? Entry::ofResult(std::move(key), hash, life, std::move(footings), result) : nullptr;
}

}  // namespace

EntryPtr Entry::fromBytes(std::string_view bytes, std::uint64_t hash, std::uint64_t age_max_ns) {
    return entryOf(bytes, hash, [&](Life& life, const std::vector<Footing>&) {
        if (life.ends_ns - life.born_ns > age_max_ns) life.ends_ns = life.born_ns + age_max_ns;
        return true;
    });
}

EntryPtr Entry::ofPeer(std::string_view bytes, std::uint64_t hash, Life life, const std::vector<Footing>& footings) {
    return entryOf(bytes, hash, [&](Life& its_life, std::vector<Footing>& stood_on) {
        if (slotSet(stood_on) != slotSet(footings)) return false;
        its_life = life;
        stood_on = footings;
        return true;
    });
}

}  // namespace howdah::cache
