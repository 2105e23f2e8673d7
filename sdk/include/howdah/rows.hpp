// The rows of a query, read one after the other. Values are PostgreSQL's text format; values.hpp turns them into JSON.
//
// Threads: the request's; a Rows never outlives the call that made it.
// Owns:    the running statement: destroying it before the end cancels the rest.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/abi/rows.h>
#include <howdah/host.hpp>

namespace howdah {

// A trailer from or for somebody who may have been built before its last members: these are 0, or left out.
inline void copyTrailer(const howdah_trailer& from, howdah_trailer& to) {
    static constexpr std::size_t kFirst = offsetof(howdah_trailer, source);  // of those who set no size
    const auto sizeOf = [](const howdah_trailer& one) {
        return std::clamp<std::size_t>(one.struct_size, kFirst, sizeof one);
    };
    const std::size_t room = sizeOf(to), known = std::min(sizeOf(from), room);
    std::memcpy(&to, &from, known);
    std::memset(reinterpret_cast<char*>(&to) + known, 0, room - known);
    to.struct_size = static_cast<std::uint32_t>(room);
}

inline howdah_trailer wholeTrailer(const howdah_trailer& from) {
    howdah_trailer whole{};
    whole.struct_size = sizeof whole;
    copyTrailer(from, whole);
    return whole;
}

// As answers name it; "" for the database.
inline std::string_view sourceName(std::uint32_t source) {
    switch (source) {
        case HOWDAH_FROM_DATABASE: return {};
        case HOWDAH_FROM_MEMORY: return "memory";
        case HOWDAH_FROM_DISK: return "disk";
        case HOWDAH_FROM_SHARED: return "shared";
        default: return "store";
    }
}

// One cell; size -1 is NULL.
struct Cell {
    const char* data = nullptr;
    std::int32_t size = -1;

    bool isNull() const { return size < 0; }
    std::string_view text() const {
        return isNull() ? std::string_view{} : std::string_view(data, static_cast<std::size_t>(size));
    }
};

// Takes a batch apart, row by row. The cells point into the batch.
class BatchReader {
public:
    BatchReader(const howdah_batch& batch, std::size_t column_count)
        : next_(batch.bytes), end_(batch.bytes + batch.size), rows_left_(batch.row_count), cells_(column_count) {}

    // False at the end (or where the bytes do not hold a whole row, which a sound executor never gives).
    bool next() {
        if (rows_left_ == 0) return false;
        --rows_left_;
        for (Cell& cell : cells_) {
            if (end_ - next_ < 4) return false;
            std::memcpy(&cell.size, next_, 4);
            next_ += 4;
            cell.data = reinterpret_cast<const char*>(next_);
            if (cell.size > 0) {
                if (end_ - next_ < cell.size) return false;
                next_ += cell.size;
            }
        }
        return true;
    }
    std::span<const Cell> cells() const { return cells_; }

private:
    const std::uint8_t* next_;
    const std::uint8_t* end_;
    std::uint64_t rows_left_;
    std::vector<Cell> cells_;
};

// Puts rows together into one batch, e.g. for a reply from a hook.
class BatchBuilder {
public:
    void cell(std::optional<std::string_view> value) {
        std::int32_t size = value ? static_cast<std::int32_t>(value->size()) : -1;
        auto* head = reinterpret_cast<const std::uint8_t*>(&size);
        bytes_.insert(bytes_.end(), head, head + 4);
        if (value) bytes_.insert(bytes_.end(), value->begin(), value->end());
    }
    void endRow() { ++rows_; }
    howdah_batch batch() const { return {bytes_.data(), bytes_.size(), rows_}; }

private:
    std::vector<std::uint8_t> bytes_;
    std::uint64_t rows_ = 0;
};

class Rows {
public:
    Rows(Context context, howdah_rows* raw) : context_(context), raw_(raw) {
        const howdah_column* columns = nullptr;
        std::uint64_t count = 0;
        if (table().columns(context_.raw(), raw_, &columns, &count) == HOWDAH_OK) columns_ = {columns, count};
    }
    Rows(Rows&& other) noexcept
        : context_(other.context_),
          raw_(std::exchange(other.raw_, nullptr)),
          columns_(other.columns_),
          reader_(std::move(other.reader_)) {}
    Rows& operator=(Rows&&) = delete;
    ~Rows() {
        if (raw_) table().close(context_.raw(), raw_);
    }

    std::span<const howdah_column> columns() const { return columns_; }

    // True when the whole result is in memory (at most 256 KiB), false when it streams.
    bool complete() const { return table().complete(context_.raw(), raw_) == 1; }

    // The next batch, or nothing at the end. After an error what came before is not a whole answer.
    Result<std::optional<howdah_batch>> nextBatch() {
        howdah_batch batch{};
        howdah_status status = table().next(context_.raw(), raw_, &batch);
        if (status < 0) return context_.lastError();
        if (status == 0) return std::optional<howdah_batch>{};
        return std::optional<howdah_batch>{batch};
    }

    // Steps to the next row; false at the end.
    Result<bool> next() {
        while (!reader_ || !reader_->next()) {
            auto batch = nextBatch();
            if (!batch) return std::move(batch).error();
            if (!*batch) return false;
            reader_.emplace(**batch, columns_.size());
        }
        return true;
    }

    // Cells of the row next() stepped to; valid until the next step.
    std::span<const Cell> cells() const { return reader_->cells(); }
    std::string_view text(std::size_t column) const { return cells()[column].text(); }
    bool isNull(std::size_t column) const { return cells()[column].isNull(); }
    std::int64_t integer(std::size_t column) const {
        std::int64_t value = 0;
        std::string_view digits = text(column);
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return value;
    }
    bool boolean(std::size_t column) const { return text(column) == "t"; }

    // After the end only.
    Result<howdah_trailer> trailer() const {
        howdah_trailer trailer{};
        trailer.struct_size = sizeof trailer;
        if (table().trailer(context_.raw(), raw_, &trailer) < 0) return context_.lastError();
        return trailer;
    }

    // After the end only: a JSON object, or "" (abi/rows.h lists its members). Valid as long as this.
    Result<std::string_view> report() const {
        howdah_str json{};
        if (table().struct_size <= offsetof(howdah_rows_v1, report)) return std::string_view{};  // an older kernel
        if (table().report(context_.raw(), raw_, &json) < 0) return context_.lastError();
        return fromAbi(json);
    }

    const Context& context() const { return context_; }

private:
    const howdah_rows_v1& table() const { return context_.host().rows(); }

    Context context_;
    howdah_rows* raw_;
    std::span<const howdah_column> columns_;
    std::optional<BatchReader> reader_;
};

}  // namespace howdah
