// The rows of one statement, copied: what a judge is given, so that it can be tried without a server.
//
// Threads: plain values.
#pragma once

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace howdah::health {

class Table {
public:
    using Cells = std::vector<std::optional<std::string>>;

    Table() = default;
    Table(std::vector<std::string> columns, std::vector<Cells> rows)
        : columns_(std::move(columns)), rows_(std::move(rows)) {}

    class Row {
    public:
        Row(const Table& table, const Cells& cells) : table_(table), cells_(cells) {}
        bool isNull(std::string_view column) const { return !cell(column); }
        std::string text(std::string_view column) const { return cell(column).value_or(""); }
        bool boolean(std::string_view column) const { return text(column) == "t"; }
        // PostgreSQL's text of a number; NULL is 0.
        double number(std::string_view column) const { return std::strtod(text(column).c_str(), nullptr); }
        std::int64_t integer(std::string_view column) const {
            const std::string digits = text(column);
            std::int64_t value = 0;
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
            return value;
        }

    private:
        const std::optional<std::string>& cell(std::string_view column) const {
            const auto found = std::find(table_.columns_.begin(), table_.columns_.end(), column);
            assert(found != table_.columns_.end());  // the judge and its statement stand side by side
            return cells_[static_cast<std::size_t>(found - table_.columns_.begin())];
        }
        const Table& table_;
        const Cells& cells_;
    };

    std::size_t size() const { return rows_.size(); }
    bool empty() const { return rows_.empty(); }
    Row operator[](std::size_t index) const { return Row(*this, rows_[index]); }
    std::vector<Row> rows() const {
        std::vector<Row> all;
        all.reserve(rows_.size());
        for (const Cells& cells : rows_)
            all.emplace_back(*this, cells);
        return all;
    }
    void add(Cells cells) { rows_.push_back(std::move(cells)); }
    bool whole() const { return whole_; }
    void cut() { whole_ = false; }  // a limit of the executor left rows out

private:
    std::vector<std::string> columns_;
    std::vector<Cells> rows_;
    bool whole_ = true;
};

}  // namespace howdah::health
