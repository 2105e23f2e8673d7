// Rows as the answer of a tool: JSON, CSV or Markdown, whole or streamed, honest about what is missing.
//
//     auto rows = call.query(sql, parameters, database, limits);
//     if (!rows) return std::move(rows).error();
//     return reply(call, *rows, {.format = ReplyFormat::csv, .rows_asked = 1000, .rows_limit = 100000});
//
// A result in memory (at most 256 KiB) stands in the text and, as JSON, in structuredContent. A larger one is streamed:
// its rows stand once, in the text; structuredContent then holds columns, row_count, truncated and note.
// JSON: {"columns":[...],"rows":[[...],...],"row_count":n,"truncated":false}; truncated may be
// {"reason":"rows"|"bytes"|"cell"}, then `next` may hold a handle to go on with, and a note says how. Rows that did not
// come from the database have "source":"memory"|"disk"|"shared" and "age_ms" in the object; the other formats are the
// rows alone, so that a reader of CSV finds the same each time.
//
// Threads: the request's.
// Owns:    one buffer for the whole answer, or of 64 KiB when streaming; nothing is allocated per row.
// Errors:  what reading rows or writing the answer met. After one in a stream the text stands there unfinished; the
//          kernel adds the error.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/feature_calls.hpp>
#include <howdah/rows.hpp>
#include <howdah/tool_call.hpp>
#include <howdah/values.hpp>

namespace howdah {

enum class ReplyFormat : std::uint8_t { json, csv, markdown, ndjson };

// By the name a tool's argument has; anything else is json.
inline ReplyFormat replyFormat(std::string_view name) {
    if (name == "csv") return ReplyFormat::csv;
    if (name == "ndjson") return ReplyFormat::ndjson;
    return name == "markdown" ? ReplyFormat::markdown : ReplyFormat::json;
}

// What stands in an answer besides, once the last row is known.
struct ReplyMore {
    Json members = Json::object();  // of the JSON object; "key: value" lines in the other formats
    std::string note;               // before the one on what is missing
};

struct ReplyOptions {
    ReplyFormat format = ReplyFormat::json;
    std::uint64_t rows_asked = 0;   // the row limit of this query, 0 = the executor's
    std::uint64_t rows_limit = 0;   // how far the caller may raise it with max_rows, 0 = not at all
    std::uint64_t rows_before = 0;  // rows of the result that stand in answers before this one
    bool command = false;           // also tell the command and the rows it affected: for statements that write
    // Asked when the answer was cut, with the rows it has: a handle for more, or nothing; the tool that takes it.
    std::function<std::string(std::uint64_t row_count)> next;
    std::string_view next_tool;
    std::string_view next_how = "which runs the statement again (use order by)";
    std::string_view cut_note;  // instead of the note on how to go on
    std::function<Result<ReplyMore>()> more;
    ValueOptions values;
};

namespace detail {

// What is known once the last row has been read.
struct ReplyEnd {
    std::uint64_t row_count = 0;
    std::uint32_t truncated = 0;
    std::int64_t affected_rows = -1;
    std::string_view command;
    std::string next;
    std::string note;
    Json members;
    std::string_view source;  // "" = the database
    std::uint64_t age_ms = 0;
};

// How to go on: by the handle where there is one.
inline std::string truncationNote(const ReplyEnd& end, const ReplyOptions& options) {
    if (end.truncated == 0) return {};
    if (!options.cut_note.empty()) return std::string(options.cut_note);
    const std::string more = end.next.empty() ? std::string{", or page with order by, limit and offset"}
                                              : concat(", or pass next to ", options.next_tool, ", ", options.next_how);
    if (end.truncated == HOWDAH_TRUNCATED_CELL) {
        return concat("cut off after ", end.row_count,
                      " rows: the next one has a value larger than cell_bytes_max of the pool: shorten it, as with "
                      "left(), or select other columns",
                      more);
    }
    if (end.truncated == HOWDAH_TRUNCATED_BYTES) {
        return concat("cut off after ", end.row_count, " rows at the byte limit: select fewer or shorter columns",
                      more);
    }
    std::string note = options.rows_before == 0
                           ? concat("only the first ", end.row_count, " rows")
                           : concat("only rows ", options.rows_before + 1, " to ", options.rows_before + end.row_count);
    note += ", there are more: narrow with where, aggregate";
    // Fewer rows than asked for: another limit acted, and asking for more would not help.
    if (end.row_count >= options.rows_asked && end.row_count < options.rows_limit) {
        note += concat(", raise max_rows (up to ", options.rows_limit, ")");
    }
    return note + more;
}

template <typename CallType>
class ReplyWriter {
public:
    ReplyWriter(CallType& call, Rows& rows, const ReplyOptions& options)
        : call_(call), rows_(rows), options_(options), encoder_(rows.columns(), options.values) {
        if (options.format == ReplyFormat::ndjson) keys_ = encoder_.objectKeys();
    }

    // Everything is in memory: encoded once or, in another format than JSON, once for each reader.
    Result<void> whole() {
        // Rows follow one another, so the batches together are one batch.
        std::string bytes;
        std::uint64_t count = 0;
        while (true) {
            auto batch = rows_.nextBatch();
            if (!batch) return std::move(batch).error();
            if (!*batch) break;
            bytes.append(reinterpret_cast<const char*>((*batch)->bytes), (*batch)->size);
            count += (*batch)->row_count;
        }
        auto end = readEnd(count);
        if (!end) return std::move(end).error();
        const howdah_batch batch{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), count};
        if (encoder_.hasJson()) encoder_.decideJson({&batch, 1});

        const bool structured = call_.structuredWanted();
        std::string document;
        if (structured || isJson()) {
            document.reserve(bytes.size() * 2 + 256);
            openDocument(document);
            appendRows(document, batch, ReplyFormat::json, true);
            closeDocument(document, *end, true);
        }
        if (isJson()) {
            if (auto done = call_.writeText(document); !done) return done;
        } else {
            std::string table;
            table.reserve(bytes.size() + bytes.size() / 4 + 256);
            openTable(table);
            appendRows(table, batch, options_.format, true);
            closeTable(table, *end);
            if (auto done = call_.writeText(table); !done) return done;
        }
        if (!structured) return {};
        return call_.writeStructured(document);
    }

    // Rows leave as they come; JSON columns are written as text, since nobody has seen all their values yet.
    Result<void> streamed() {
        std::string buffer;
        auto end = allRows(buffer);
        if (!end) return std::move(end).error();
        if (isJson()) {
            closeDocument(buffer, *end, true);
        } else {
            closeTable(buffer, *end);
        }
        if (auto done = call_.writeText(buffer); !done) return done;
        if (!call_.structuredWanted()) return {};

        std::string summary = "{\"columns\":";
        encoder_.appendColumns(summary);
        end->note = concat(end->note, end->note.empty() ? "" : "; ",
                           "the rows stand in the text only, they are more than 256 KiB");
        closeDocument(summary, *end, false);
        return call_.writeStructured(summary);
    }

    // The rows alone, as a file of that format; what there is to say of them goes beside it.
    Result<void> file() {
        std::string buffer;
        auto end = allRows(buffer);
        if (!end) return std::move(end).error();
        if (isJson()) closeDocument(buffer, *end, true);
        if (auto done = call_.writeText(buffer); !done) return done;
        Json about{{"row_count", end->row_count}, {"truncated", end->truncated != 0}};
        if (!end->source.empty()) about.update({{"source", end->source}, {"age_ms", end->age_ms}});
        if (!end->note.empty()) about["note"] = end->note;
        return call_.writeMeta({{"howdah/result", std::move(about)}});
    }

private:
    static constexpr std::size_t kFlushAt = 64u << 10;

    // All but what is left in the buffer is written.
    Result<ReplyEnd> allRows(std::string& buffer) {
        buffer.reserve(kFlushAt + kFlushAt / 2);
        if (isJson()) {
            openDocument(buffer);
        } else {
            openTable(buffer);
        }
        std::uint64_t count = 0;
        while (true) {
            auto batch = rows_.nextBatch();
            if (!batch) return std::move(batch).error();
            if (!*batch) break;
            appendRows(buffer, **batch, options_.format, count == 0);
            count += (*batch)->row_count;
            if (buffer.size() < kFlushAt) continue;
            if (auto done = call_.writeText(buffer); !done) return std::move(done).error();
            buffer.clear();
        }
        return readEnd(count);
    }

    bool isJson() const { return options_.format == ReplyFormat::json; }

    Result<ReplyEnd> readEnd(std::uint64_t count) const {
        auto trailer = rows_.trailer();
        if (!trailer) return std::move(trailer).error();
        ReplyEnd end;
        end.row_count = count;
        end.truncated = trailer->truncated;
        end.affected_rows = trailer->affected_rows;
        end.command = fromAbi(trailer->command_tag);
        end.source = sourceName(trailer->source);
        end.age_ms = trailer->age_ns / 1'000'000;
        // Without a row there is no getting past the one that was too large.
        if (end.truncated != 0 && count > 0 && options_.next) end.next = options_.next(count);
        end.note = truncationNote(end, options_);
        if (!options_.more) return end;
        auto more = options_.more();
        if (!more) return std::move(more).error();
        end.members = std::move(more->members);
        end.note = concat(more->note, more->note.empty() || end.note.empty() ? "" : "; ", end.note);
        return end;
    }

    void appendRows(std::string& out, const howdah_batch& batch, ReplyFormat format, bool first) const {
        BatchReader reader(batch, encoder_.columnCount());
        while (reader.next()) {
            switch (format) {
                case ReplyFormat::csv: appendCsvRow(out, reader.cells()); break;
                case ReplyFormat::markdown: appendMarkdownRow(out, reader.cells()); break;
                case ReplyFormat::ndjson: encoder_.appendJsonLine(out, reader.cells(), keys_); break;
                case ReplyFormat::json:
                    if (!first) out += ',';
                    encoder_.appendJsonRow(out, reader.cells());
            }
            first = false;
        }
    }

    void openDocument(std::string& out) const {
        out += "{\"columns\":";
        encoder_.appendColumns(out);
        out += ",\"rows\":[";
    }
    void closeDocument(std::string& out, const ReplyEnd& end, bool rows_open) const {
        if (rows_open) out += ']';
        out += concat(",\"row_count\":", end.row_count, ",\"truncated\":");
        switch (end.truncated) {
            case 0: out += "false"; break;
            case HOWDAH_TRUNCATED_CELL: out += "{\"reason\":\"cell\"}"; break;
            case HOWDAH_TRUNCATED_BYTES: out += "{\"reason\":\"bytes\"}"; break;
            default: out += "{\"reason\":\"rows\"}";
        }
        if (!end.next.empty()) {
            out += ",\"next\":";
            appendJsonString(out, end.next);
        }
        if (options_.command) {
            out += ",\"command\":";
            appendJsonString(out, end.command);
            if (end.affected_rows >= 0) out += concat(",\"affected_rows\":", end.affected_rows);
        }
        for (const auto& [key, value] : end.members.items()) {
            out += ',';
            appendJsonString(out, key);
            out += ':';
            out += value.dump(-1, ' ', false, Json::error_handler_t::replace);
        }
        if (!end.source.empty()) out += concat(",\"source\":\"", end.source, "\",\"age_ms\":", end.age_ms);
        if (!end.note.empty()) {
            out += ",\"note\":";
            appendJsonString(out, end.note);
        }
        out += '}';
    }

    void openTable(std::string& out) const {
        if (encoder_.columnCount() == 0 || options_.format == ReplyFormat::ndjson) return;
        if (options_.format == ReplyFormat::csv) {
            appendCsvHeader(out, rows_.columns());
        } else {
            appendMarkdownHeader(out, rows_.columns());
        }
    }
    void closeTable(std::string& out, const ReplyEnd& end) const {
        const bool has_table = encoder_.columnCount() != 0;
        if (options_.command || !has_table) out += concat(has_table ? "\n" : "", end.command, "\n");
        for (const auto& [key, value] : end.members.items()) {
            out += concat("\n", key, ": ", value.is_string() ? value.template get<std::string>() : value.dump());
        }
        if (!end.members.empty()) out += '\n';
        if (!end.note.empty()) out += concat("\nnote: ", end.note, "\n");
        if (!end.next.empty()) out += concat("next: ", end.next, "\n");
    }

    CallType& call_;
    Rows& rows_;
    const ReplyOptions& options_;
    RowEncoder encoder_;
    std::vector<std::string> keys_;  // of ndjson
};

}  // namespace detail

inline Result<void> reply(ToolCall& call, Rows& rows, const ReplyOptions& options = {}) {
    detail::ReplyWriter writer(call, rows, options);
    return rows.complete() ? writer.whole() : writer.streamed();
}

// Rows as the contents of a resource: csv, json or ndjson, sent as they come. Row count, truncated and the note stand
// in the _meta of the contents ("howdah/result"), since csv and ndjson have no place for them.
inline Result<void> replyAsFile(ResourceCall& call, Rows& rows, const ReplyOptions& options) {
    return detail::ReplyWriter(call, rows, options).file();
}

}  // namespace howdah
