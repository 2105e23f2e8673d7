// Rows as CSV and as a Markdown table. Values are PostgreSQL's text; docs/types.md says what each form keeps.
//
// Threads: any. Owns: nothing; appends to the caller's string.
// Source:  RFC 4180 (CSV); GitHub Flavored Markdown, section "Tables (extension)".
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <howdah/rows.hpp>
#include <howdah/values/byte_set.hpp>

namespace howdah {

namespace detail {

inline void appendCsvField(std::string& out, std::string_view text) {
    static constexpr ByteSet kQuoted("\",\r\n");
    if (!text.empty() && kQuoted.firstIn(text) == text.size()) {
        out += text;
        return;
    }
    out += '"';  // an empty text too: a field with nothing at all is NULL
    std::size_t copied = 0;
    for (std::size_t quote = text.find('"'); quote != std::string_view::npos; quote = text.find('"', copied)) {
        out += text.substr(copied, quote + 1 - copied);
        out += '"';
        copied = quote + 1;
    }
    out += text.substr(copied);
    out += '"';
}

// Besides what would break the table: [ and <, so that a value can hide no link, image or tag in what a person or a
// client renders.
inline void appendMarkdownCell(std::string& out, std::string_view text) {
    static constexpr ByteSet kEscaped("|\\[<\r\n");
    std::size_t copied = 0;
    while (true) {
        const std::size_t at = kEscaped.firstIn(text, copied);
        out += text.substr(copied, at - copied);
        if (at == text.size()) return;
        switch (text[at]) {
            case '<': out += "&lt;"; break;
            case '\r':
                if (at + 1 < text.size() && text[at + 1] == '\n') break;  // one line break, not two
                [[fallthrough]];
            case '\n': out += "<br>"; break;
            default: out += '\\', out += text[at];
        }
        copied = at + 1;
    }
}

template <typename Range, typename AppendOne>
void appendJoined(std::string& out, const Range& range, std::string_view separator, AppendOne&& append) {
    bool first = true;
    for (const auto& one : range) {
        if (!first) out += separator;
        first = false;
        append(one);
    }
}

}  // namespace detail

inline void appendCsvHeader(std::string& out, std::span<const howdah_column> columns) {
    detail::appendJoined(out, columns, ",",
                         [&](const howdah_column& column) { detail::appendCsvField(out, fromAbi(column.name)); });
    out += "\r\n";
}

// NULL is an empty field, an empty text is "". Values that a spreadsheet would take for formulas are not altered.
inline void appendCsvRow(std::string& out, std::span<const Cell> row) {
    detail::appendJoined(out, row, ",", [&](const Cell& cell) {
        if (!cell.isNull()) detail::appendCsvField(out, cell.text());
    });
    out += "\r\n";
}

inline void appendMarkdownHeader(std::string& out, std::span<const howdah_column> columns) {
    out += "| ";
    detail::appendJoined(out, columns, " | ",
                         [&](const howdah_column& column) { detail::appendMarkdownCell(out, fromAbi(column.name)); });
    out += " |\n|";
    for (std::size_t i = 0; i < columns.size(); ++i)
        out += " --- |";
    out += '\n';
}

// NULL is the word NULL: Markdown is for reading, not for reading back.
inline void appendMarkdownRow(std::string& out, std::span<const Cell> row) {
    out += "| ";
    detail::appendJoined(out, row, " | ", [&](const Cell& cell) {
        if (cell.isNull()) {
            out += "NULL";
        } else {
            detail::appendMarkdownCell(out, cell.text());
        }
    });
    out += " |\n";
}

}  // namespace howdah
