#include "kernel/protocol/errors.hpp"

#include <algorithm>
#include <cstdint>

#include <howdah/json_text.hpp>

namespace howdah::kernel {
namespace {

constexpr std::size_t kCaretLineMax = 120;  // bytes of the statement's line that are shown around the caret

bool startsCharacter(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

// The line of the statement that holds the position (counted in characters, from 1) and a caret under it.
void appendCaret(std::string& out, std::string_view statement, std::uint32_t position) {
    std::size_t at = 0;
    for (std::uint32_t left = position - 1; left > 0 && at < statement.size(); --left) {
        ++at;
        while (at < statement.size() && !startsCharacter(statement[at]))
            ++at;
    }
    std::size_t line_start = at == 0 ? 0 : statement.rfind('\n', at - 1);
    line_start = line_start == std::string_view::npos || at == 0 ? 0 : line_start + 1;
    std::size_t line_end = std::min(statement.find('\n', at), statement.size());
    auto number = 1 + std::count(statement.begin(), statement.begin() + static_cast<std::ptrdiff_t>(line_start), '\n');

    std::size_t from = at - line_start > kCaretLineMax / 2 ? at - kCaretLineMax / 2 : line_start;
    while (from > line_start && !startsCharacter(statement[from]))
        --from;
    std::size_t to = std::min(line_end, from + kCaretLineMax);
    while (to < line_end && !startsCharacter(statement[to]))
        ++to;

    std::string label = concat("\nline ", static_cast<std::uint64_t>(number), ": ");
    out += label;
    out += statement.substr(from, to - from);
    out += '\n';
    out.append(label.size() - 1, ' ');
    for (std::size_t i = from; i < at; ++i) {
        if (startsCharacter(statement[i])) out += statement[i] == '\t' ? '\t' : ' ';
    }
    out += '^';
}

int codeOf(Code code) {
    switch (code) {
        case Code::invalid_argument:
        case Code::not_found: return kInvalidParams;
        case Code::refused: return kInvalidRequest;
        default: return kInternalError;
    }
}

void appendField(std::string& out, std::string_view key, std::string_view value) {
    if (value.empty()) return;
    out += ",\"";
    out += key;
    out += "\":";
    appendJsonString(out, value);
}

}  // namespace

Refusal refusalOf(const Error& error) {
    return {.code = codeOf(error.code), .http_status = 200, .message = error.message, .data = errorJson(error)};
}

Refusal scopeRefusal(const Error& error, const std::vector<std::string>& needed) {
    Refusal refusal = refusalOf(error);
    refusal.http_status = 403;
    std::string list;
    for (const std::string& scope : needed) {
        list += list.empty() ? "" : ",";
        appendJsonString(list, scope);
    }
    refusal.data.insert(refusal.data.size() - 1, concat(",\"required_scopes\":[", list, "]"));
    return refusal;
}

std::string errorResponse(std::string_view id, const Refusal& refusal) {
    std::string out = R"({"jsonrpc":"2.0",)";
    if (!id.empty()) {
        out += "\"id\":";
        out += id;
        out += ',';
    }
    out += concat(R"("error":{"code":)", refusal.code, R"(,"message":)");
    appendJsonString(out, refusal.message);
    if (!refusal.data.empty()) {
        out += ",\"data\":";
        out += refusal.data;
    }
    out += "}}";
    return out;
}

std::string errorText(const Error& error, std::string_view statement) {
    std::string out(name(error.code));
    out += ": ";
    out += error.message;
    if (error.position > 0 && !statement.empty()) appendCaret(out, statement, error.position);
    if (!error.rule.empty()) out += concat("\nrule: ", error.rule);
    if (!error.detail.empty()) out += concat("\ndetail: ", error.detail);
    if (!error.hint.empty()) out += concat("\nhint: ", error.hint);
    if (!error.sqlstate.empty()) out += concat("\nSQLSTATE: ", error.sqlstate);
    if (error.retry_after_ms > 0) out += concat("\nretry in: ", error.retry_after_ms, " ms");
    return out;
}

std::string errorJson(const Error& error) {
    std::string out = "{\"code\":";
    appendJsonString(out, name(error.code));
    appendField(out, "message", error.message);
    appendField(out, "sqlstate", error.sqlstate);
    appendField(out, "rule", error.rule);
    appendField(out, "detail", error.detail);
    appendField(out, "hint", error.hint);
    if (error.position > 0) out += concat(",\"position\":", error.position);
    if (error.retry_after_ms > 0) out += concat(",\"retry_after_ms\":", error.retry_after_ms);
    out += '}';
    return out;
}

}  // namespace howdah::kernel
