// The two tools of this plugin and what they share.
#pragma once

#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include <howdah/tool_call.hpp>

namespace howdah::schema {

// Members keep the order they are written in: what matters most to the reader comes first.
using Document = nlohmann::ordered_json;

struct Config {
    std::uint64_t answer_bytes_max = 32768;  // 4096..1048576, of one answer's JSON
    std::uint64_t entries_max = 200;  // 10..1600, of each list in describe_table; columns of a table in list_tables
};

Result<void> listTables(ToolCall& call, const Config& config);
Result<void> describeTable(ToolCall& call, const Config& config);

// The same object as text and as structuredContent.
inline Result<void> answer(ToolCall& call, const Document& object) {
    const std::string json = object.dump(-1, ' ', false, Document::error_handler_t::replace);
    if (auto done = call.writeText(json); !done) return done;
    return call.structuredWanted() ? call.writeStructured(json) : Result<void>{};
}

// A cell that PostgreSQL made with json_agg.
inline Document fromJson(std::string_view text) {
    return Document::parse(text, nullptr, false);
}

}  // namespace howdah::schema
