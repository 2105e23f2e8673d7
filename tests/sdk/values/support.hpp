// What the tests of the type contract share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <simdjson.h>

#include <howdah/values.hpp>

namespace howdah::test {

// Numbers of types, as in pg_type.
inline constexpr std::uint32_t kBool = 16, kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kOid = 26,
                               kJson = 114, kFloat4 = 700, kFloat8 = 701, kDate = 1082, kTimestamp = 1114,
                               kTimestamptz = 1184, kNumeric = 1700, kJsonb = 3802, kVoid = 2278;
inline constexpr std::uint32_t kBoolArray = 1000, kByteaArray = 1001, kInt4Array = 1007, kTextArray = 1009,
                               kInt8Array = 1016, kBoxArray = 1020, kFloat8Array = 1022, kTimestamptzArray = 1185,
                               kJsonArray = 199, kJsonbArray = 3807, kNumericArray = 1231, kRecordArray = 2287,
                               kDateArray = 1182;

// True when both parsers the project uses take `text` for one JSON value.
inline bool parses(const std::string& text) {
    simdjson::dom::parser parser;
    simdjson::dom::element element;
    return nlohmann::json::accept(text) && parser.parse(text).get(element) == simdjson::SUCCESS;
}

// The value as JSON; a mark that no test expects when the parsers do not take it.
inline std::string encoded(std::uint32_t type_oid, std::string_view text, ValueOptions options = {}) {
    std::string out;
    appendJsonValue(out, type_oid, text, options);
    return parses(out) ? out : "not JSON: " + out;
}

// A result in memory.
class Table {
public:
    using Field = std::optional<std::string>;

    Table(std::vector<std::pair<std::string, std::uint32_t>> columns, std::vector<std::vector<Field>> rows)
        : names_(std::move(columns)) {
        for (const auto& [name, oid] : names_)
            columns_.push_back({toAbi(std::string_view{name}), oid, -1});
        for (const auto& row : rows) {
            for (const Field& field : row) {
                builder_.cell(field ? std::optional<std::string_view>{*field} : std::nullopt);
            }
            builder_.endRow();
        }
    }
    Table(const Table&) = delete;  // columns_ points into names_

    std::span<const howdah_column> columns() const { return columns_; }
    howdah_batch batch() const { return builder_.batch(); }

    template <typename Use>
    void eachRow(Use&& use) const {
        howdah_batch rows = batch();
        BatchReader reader(rows, columns_.size());
        while (reader.next())
            use(reader.cells());
    }

private:
    std::vector<std::pair<std::string, std::uint32_t>> names_;
    std::vector<howdah_column> columns_;
    BatchBuilder builder_;
};

}  // namespace howdah::test
