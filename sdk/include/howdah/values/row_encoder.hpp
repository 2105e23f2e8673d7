// Rows of a query into JSON: each an array of values in column order, so equal or empty column names do no harm.
//
//   RowEncoder encoder(rows.columns());
//   encoder.decideJson(batches);            // only when the whole result is in memory
//   encoder.appendJsonRow(out, rows.cells());
//   encoder.appendColumns(out);             // says how each column was written
//
// Threads: one at a time.
// Owns:    copies of the column names, so it may outlive the rows.
// Errors:  none, see encode.hpp.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/rows.hpp>
#include <howdah/values/encode.hpp>
#include <howdah/values/json_check.hpp>

namespace howdah {

class RowEncoder {
public:
    explicit RowEncoder(std::span<const howdah_column> columns, const ValueOptions& options = {}) {
        columns_.reserve(columns.size());
        for (const howdah_column& column : columns) {
            columns_.push_back({std::string{fromAbi(column.name)}, column.type_oid, planFor(column.type_oid, options)});
        }
    }

    // A json column is spliced only if every value of the result can be, so that one rule holds for the column and a
    // JSON string is never mistaken for JSON in a string. Without this pass (streams) json columns are text.
    void decideJson(std::span<const howdah_batch> batches) {
        beginJsonPass();
        for (const howdah_batch& batch : batches) {
            BatchReader reader(batch, columns_.size());
            while (reader.next())
                inspect(reader.cells());
        }
        endJsonPass();
    }

    // The same in steps: every row of the result has to be shown between the first and the last.
    void beginJsonPass() {
        for (EncodedColumn& column : columns_)
            column.can_splice = column.plan.form == Form::json;
    }
    void inspect(std::span<const Cell> row) {
        assert(row.size() == columns_.size());
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            EncodedColumn& column = columns_[i];
            if (column.can_splice && !row[i].isNull()) column.can_splice = splices(column, row[i].text());
        }
    }
    void endJsonPass() {
        for (EncodedColumn& column : columns_)
            column.plan.splice = column.can_splice;
    }
    bool hasJson() const {
        for (const EncodedColumn& column : columns_) {
            if (column.plan.form == Form::json) return true;
        }
        return false;
    }

    // [1,"two",null]
    void appendJsonRow(std::string& out, std::span<const Cell> row) const {
        assert(row.size() == columns_.size());
        out += '[';
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i != 0) out += ',';
            appendValue(out, i, row[i]);
        }
        out += ']';
    }

    // What stands before each value of an object: {"id": and ,"name": and so on. A name that was there before gets #2,
    // #3.
    std::vector<std::string> objectKeys() const {
        std::vector<std::string> names;
        std::vector<std::string> keys;
        for (const EncodedColumn& column : columns_) {
            std::string name = column.name;
            for (int number = 2; std::find(names.begin(), names.end(), name) != names.end(); ++number)
                name = concat(column.name, "#", number);
            std::string key = keys.empty() ? "{" : ",";
            appendJsonString(key, name);
            keys.push_back(std::move(key += ':'));
            names.push_back(std::move(name));
        }
        return keys;
    }
    // {"id":1,"name":"two"} and a line feed: for readers of one object a line.
    void appendJsonLine(std::string& out, std::span<const Cell> row, std::span<const std::string> keys) const {
        assert(row.size() == columns_.size() && keys.size() == columns_.size());
        if (row.empty()) out += '{';
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            out += keys[i];
            appendValue(out, i, row[i]);
        }
        out += "}\n";
    }

    // [{"name":"id","type":"int4","encoding":"number"},...]; a type that is not built in shows "type_oid" instead.
    void appendColumns(std::string& out) const {
        out += '[';
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const EncodedColumn& column = columns_[i];
            out += i == 0 ? "{\"name\":" : ",{\"name\":";
            appendJsonString(out, column.name);
            if (std::string_view type = typeName(column.type_oid); !type.empty()) {
                out += ",\"type\":";
                appendJsonString(out, type);
            } else {
                out += ",\"type_oid\":";
                out += std::to_string(column.type_oid);
            }
            out += ",\"encoding\":";
            appendJsonString(out, encodingName(column.plan));
            out += '}';
        }
        out += ']';
    }

    std::size_t columnCount() const { return columns_.size(); }
    std::string_view encoding(std::size_t column) const { return encodingName(columns_[column].plan); }

private:
    void appendValue(std::string& out, std::size_t column, const Cell& cell) const {
        if (cell.isNull()) {
            out += "null";
        } else {
            const ColumnPlan& plan = columns_[column].plan;
            plan.write(out, cell.text(), plan);
        }
    }

    struct EncodedColumn {
        std::string name;
        std::uint32_t type_oid;
        ColumnPlan plan;
        bool can_splice = false;  // so far, during the json pass
    };

    // Elements of a json array are looked at one by one; its own brackets are the encoder's.
    struct ElementCheck {
        JsonCheck& check;
        bool keys_known_unique;
        int depth = 0;
        bool nested = false;  // a dimension more would look like an element that is an array itself
        void open() { nested = ++depth > 1 || nested; }
        void close() { --depth; }
        void separator() {}
        void null() {}
        bool element(std::string_view text) { return !isJsonNull(text) && check.splices(text, keys_known_unique); }
    };

    // JSON's null would look like NULL.
    static bool isJsonNull(std::string_view text) {
        constexpr std::string_view kSpace = " \t\n\r";
        const std::size_t from = std::min(text.find_first_not_of(kSpace), text.size());
        return text.substr(from, text.find_last_not_of(kSpace) + 1 - from) == "null";
    }

    bool splices(const EncodedColumn& column, std::string_view text) {
        const bool unique = column.type_oid == kJsonbOid || column.type_oid == kJsonbArrayOid;
        if (!column.plan.is_array) return !isJsonNull(text) && check_.splices(text, unique);
        ElementCheck elements{check_, unique};
        return walkArray(arrayBody(text), column.plan.delimiter, elements) && !elements.nested;
    }

    std::vector<EncodedColumn> columns_;
    JsonCheck check_;
};

}  // namespace howdah
