// Rows copied out of libpq at once, in the form abi/rows.h gives them: int32 size, then that many bytes, cell by cell.
//
// Threads: the request's.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include <libpq-fe.h>

#include <howdah/abi/rows.h>

namespace howdah::pool {

class Batch {
public:
    static constexpr std::size_t kBytesMax = 64 * 1024;

    // Size one row would take here, and its largest cell.
    struct RowSize {
        std::size_t bytes = 0;
        std::size_t largest_cell = 0;
    };
    static RowSize measure(const PGresult* result) {
        RowSize size;
        int columns = PQnfields(result);
        for (int column = 0; column < columns; ++column) {
            auto length = static_cast<std::size_t>(PQgetlength(result, 0, column));
            size.bytes += 4 + length;
            if (length > size.largest_cell) size.largest_cell = length;
        }
        return size;
    }

    // A row fits if the batch stays within its limit; one larger row stands alone.
    bool hasRoomFor(std::size_t row_bytes) const { return bytes_.empty() || bytes_.size() + row_bytes <= kBytesMax; }

    void add(const PGresult* result, std::size_t row_bytes) {
        std::size_t at = bytes_.size();
        bytes_.resize(at + row_bytes);
        std::uint8_t* place = bytes_.data() + at;
        int columns = PQnfields(result);
        for (int column = 0; column < columns; ++column) {
            std::int32_t size = PQgetisnull(result, 0, column) ? -1 : PQgetlength(result, 0, column);
            std::memcpy(place, &size, 4);
            place += 4;
            if (size > 0) {
                std::memcpy(place, PQgetvalue(result, 0, column), static_cast<std::size_t>(size));
                place += size;
            }
        }
        ++rows_;
    }

    void clear() {
        bytes_.clear();
        rows_ = 0;
    }
    bool empty() const { return rows_ == 0; }
    howdah_batch view() const { return {bytes_.data(), bytes_.size(), rows_}; }

private:
    std::vector<std::uint8_t> bytes_;
    std::uint64_t rows_ = 0;
};

}  // namespace howdah::pool
