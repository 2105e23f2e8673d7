#include <algorithm>
#include <array>

#include "statements.hpp"
#include "table_name.hpp"
#include "tools.hpp"

namespace howdah::schema {
namespace {

// Columns of kListTables.
enum Column : std::size_t {
    kName,
    kKind,
    kTotal,
    kComment,
    kRowEstimate,
    kBytes,
    kPartitionCount,
    kRowSecurity,
    kReadable,
    kColumns,
    kColumnCount,
    kPrimaryKey,
    kForeignKeys
};

enum class Detail : std::int64_t { names, summary, full };

Detail detailOf(std::string_view name) {
    if (name == "names") return Detail::names;
    return name == "full" ? Detail::full : Detail::summary;
}

void addColumns(Document& table, const Rows& rows) {
    for (auto [key, column] :
         {std::pair{"columns", kColumns}, {"primary_key", kPrimaryKey}, {"foreign_keys", kForeignKeys}}) {
        if (!rows.isNull(column)) table[key] = fromJson(rows.text(column));
    }
    if (!rows.isNull(kColumns)) {
        const auto left_out = rows.integer(kColumnCount) - static_cast<std::int64_t>(table["columns"].size());
        if (left_out > 0) table["columns_left_out"] = left_out;
    }
}

// One table; what is usual (readable, no row security) is not said.
Document entryOf(const Rows& rows, Detail detail) {
    if (detail == Detail::names) return rows.text(kName);
    Document table;
    table["name"] = rows.text(kName);
    table["kind"] = rows.text(kKind);
    if (!rows.isNull(kComment)) table["comment"] = rows.text(kComment);
    if (!rows.isNull(kRowEstimate)) table["row_estimate"] = rows.integer(kRowEstimate);
    if (!rows.isNull(kBytes)) table["bytes"] = rows.integer(kBytes);
    if (!rows.isNull(kPartitionCount)) table["partition_count"] = rows.integer(kPartitionCount);
    if (rows.boolean(kRowSecurity)) table["row_security"] = true;
    if (!rows.boolean(kReadable)) table["readable"] = false;
    if (detail == Detail::full) addColumns(table, rows);
    return table;
}

std::string note(std::int64_t from, std::size_t shown, std::int64_t total, Detail detail) {
    if (total == 0) return "no table matches; try another pattern or schema";
    std::string text = concat(shown, " of ", total, " tables are shown: narrow with schema or pattern");
    if (detail != Detail::names) text += concat(", ask for detail ", detail == Detail::full ? "summary" : "names");
    return text + concat(", or go on with offset ", from + static_cast<std::int64_t>(shown));
}

Value textOrNull(std::string_view text) {
    return text.empty() ? Value{} : Value{text};
}

}  // namespace

Result<void> listTables(ToolCall& call, const Config& config) {
    constexpr std::int64_t kLimit = 100;
    constexpr std::int64_t kCommentMax = 200;  // characters; describe_table shows the whole
    const Detail detail = detailOf(call.text("detail"));
    const std::int64_t offset = call.integer("offset");
    const std::string pattern = call.text("pattern").empty() ? std::string{} : likePattern(call.text("pattern"));
    const std::int64_t limit = call.integer("limit", kLimit);
    // The server need not look up what will not fit: most entries have more bytes than these.
    constexpr std::array<std::uint64_t, 3> kEntryBytes{8, 64, 128};
    const auto fitting = config.answer_bytes_max / kEntryBytes[static_cast<std::size_t>(detail)];
    const auto asked = std::min(limit, static_cast<std::int64_t>(fitting));
    auto rows = call.query(kListTables,
                           {textOrNull(call.text("schema")), textOrNull(pattern), asked, offset,
                            static_cast<std::int64_t>(detail), config.entries_max, kCommentMax},
                           call.text("database"));
    if (!rows) return std::move(rows).error();

    Document tables = Document::array();
    std::int64_t total = offset;  // an offset past the end finds no row that could tell
    std::size_t bytes = 0;
    const char* reason = nullptr;
    while (true) {
        auto more = rows->next();
        if (!more) return std::move(more).error();
        if (!*more) break;
        total = rows->integer(kTotal);
        Document entry = entryOf(*rows, detail);
        bytes += entry.dump(-1, ' ', false, Document::error_handler_t::replace).size();
        if (bytes > config.answer_bytes_max && !tables.empty()) {
            reason = "bytes";
            break;
        }
        tables.push_back(std::move(entry));
    }
    const std::size_t shown = tables.size();
    if (!reason && offset + static_cast<std::int64_t>(shown) < total) reason = "rows";

    Document object;
    object["tables"] = std::move(tables);
    object["total"] = total;
    object["truncated"] = reason ? Document{{"reason", reason}} : Document(false);
    if (reason || total == 0) object["note"] = note(offset, shown, total, detail);
    return answer(call, object);
}

}  // namespace howdah::schema
