#include <algorithm>
#include <utility>

#include "statements.hpp"
#include "table_name.hpp"
#include "tools.hpp"

namespace howdah::schema {
namespace {

struct Found {
    std::string oid;
    std::string name;  // qualified and quoted, as SQL takes it
};

Value textOrNull(const std::optional<std::string>& text) {
    return text ? Value{*text} : Value{};
}

Result<void> notFound(ToolCall& call, const TableName& wanted) {
    auto rows = call.query(kTableNames, {}, call.text("database"));
    if (!rows) return std::move(rows).error();
    std::vector<std::string> known;
    while (true) {
        auto more = rows->next();
        if (!more) return std::move(more).error();
        if (!*more) break;
        known.push_back(concat(rows->text(0), ".", rows->text(1)));
    }
    std::string near;
    for (const std::string& name :
         nearestNames(wanted.schema ? *wanted.schema + "." + wanted.name : wanted.name, known, 3))
        near += (near.empty() ? ", did you mean " : ", ") + name;
    return Error::notFound("no table ", call.text("table"), " visible to this role", near, near.empty() ? "" : "?")
        .withHint("list_tables shows what there is");
}

// The one table that is meant. A name without a schema that several schemas have, none of them on the search_path, is
// the caller's to decide.
Result<Found> findTable(ToolCall& call, const TableName& wanted) {
    auto rows = call.query(kFindTable, {textOrNull(wanted.schema), wanted.name, wanted.folded}, call.text("database"));
    if (!rows) return std::move(rows).error();
    std::optional<Found> best;
    bool best_exact = false;
    std::string others;
    while (true) {
        auto more = rows->next();
        if (!more) return std::move(more).error();
        if (!*more) break;
        const bool exact = rows->boolean(4);
        const bool visible = rows->boolean(5);
        if (!best) {
            best = Found{std::string{rows->text(0)}, std::string{rows->text(3)}};
            best_exact = exact;
            if (visible) return *std::move(best);
        } else if (exact == best_exact) {
            others += concat(", ", rows->text(3));
        }
    }
    if (!best) return Found{};
    if (!others.empty() && !wanted.schema) {
        return Error::invalidArgument("several schemas have a table ", wanted.name, ": ", best->name, others)
            .withHint("name the one you mean as schema.table");
    }
    return *std::move(best);
}

// What kDescribeTable calls `name`, moved into the document unless it is null.
class Section {
public:
    Section(Document& document, const Rows& rows) : document_(document), rows_(rows) {}

    void text(std::string_view name) {
        if (auto column = find(name)) document_[std::string{name}] = rows_.text(*column);
    }
    void integer(std::string_view name) {
        if (auto column = find(name)) document_[std::string{name}] = rows_.integer(*column);
    }
    void flag(std::string_view name, bool told_when) {
        auto column = find(name);
        if (column && rows_.boolean(*column) == told_when) document_[std::string{name}] = told_when;
    }
    void json(std::string_view name) {
        if (auto column = find(name)) document_[std::string{name}] = fromJson(rows_.text(*column));
    }
    std::int64_t count(std::string_view name) const {
        auto column = find(name);
        return column ? rows_.integer(*column) : 0;
    }

private:
    std::optional<std::size_t> find(std::string_view name) const {
        const auto columns = rows_.columns();
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (fromAbi(columns[i].name) == name && !rows_.isNull(i)) return i;
        }
        return std::nullopt;
    }
    Document& document_;
    const Rows& rows_;
};

std::size_t sizeOf(const Document& document) {
    return document.dump(-1, ' ', false, Document::error_handler_t::replace).size();
}

// The longest lists are left out until the answer fits: the keys go last, and then columns from the end, down to the
// first.
std::vector<std::string> shorten(Document& table, std::size_t bytes_max) {
    std::vector<std::string> left_out;
    std::size_t bytes = sizeOf(table);
    for (const char* key : {"children", "view_definition", "triggers", "policies", "constraints", "indexes",
                            "referenced_by", "foreign_keys", "comment"}) {
        if (bytes <= bytes_max) return left_out;
        if (table.erase(key) > 0) left_out.emplace_back(key);
        bytes = sizeOf(table);
    }
    if (!table.contains("columns")) return left_out;
    Document& columns = table["columns"];
    while (bytes > bytes_max && columns.size() > 1) {
        bytes -= sizeOf(columns.back()) + 1;  // and its comma
        columns.erase(columns.size() - 1);
    }
    return left_out;
}

Document documentOf(const Found& found, const Rows& rows, const Config& config) {
    Document table;
    table["table"] = found.name;
    Section section(table, rows);
    section.text("kind");
    section.text("comment");
    section.integer("row_estimate");
    section.integer("bytes");
    section.flag("readable", false);
    section.flag("row_security", true);
    section.flag("row_security_forced", true);
    section.json("columns");
    section.json("primary_key");
    section.json("foreign_keys");
    section.json("referenced_by");
    section.json("constraints");
    section.json("indexes");
    section.json("triggers");
    section.json("policies");
    section.json("options");
    section.text("server");
    section.text("view_definition");
    section.text("partition_key");
    section.text("partition_bound");
    section.json("parents");
    if (section.count("child_count") > 0) {
        section.integer("child_count");
        section.json("children");
    }

    std::string note;
    for (const auto& [key, list] : table.items()) {
        if (key != "columns" && list.is_array() && list.size() >= config.entries_max) {
            note += concat(note.empty() ? "" : "; ", "only the first ", list.size(), " ", key);
        }
    }
    for (const std::string& key : shorten(table, config.answer_bytes_max))
        note += concat(note.empty() ? "" : "; ", key, " left out, the answer would be too large");
    const auto columns_left_out =
        section.count("column_count") - static_cast<std::int64_t>(table.value("columns", Document::array()).size());
    if (columns_left_out > 0) {
        note = concat(columns_left_out, " more columns are not shown", note.empty() ? "" : "; ", note);
    }
    table["truncated"] = !note.empty();
    if (!note.empty()) table["note"] = note + "; ask pg_catalog with query";
    return table;
}

}  // namespace

Result<void> describeTable(ToolCall& call, const Config& config) {
    auto wanted = TableName::parse(call.text("table"));
    if (!wanted) return std::move(wanted).error();
    auto found = findTable(call, *wanted);
    if (!found) return std::move(found).error();
    if (found->oid.empty()) return notFound(call, *wanted);
    auto rows = call.query(kDescribeTable, {found->oid, config.entries_max}, call.text("database"));
    if (!rows) return std::move(rows).error();
    auto more = rows->next();
    if (!more) return std::move(more).error();
    if (!*more) return notFound(call, *wanted);  // dropped in between
    return answer(call, documentOf(*found, *rows, config));
}

}  // namespace howdah::schema
