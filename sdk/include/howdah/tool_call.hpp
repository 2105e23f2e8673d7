// A tool call as its handler sees it: arguments in, queries, text and structured content out.
//
// The arguments are valid by the tool's schema before the handler runs, so it never meets a missing or ill-typed one.
// Threads: the request's; every member may wait and then end with cancelled or timeout.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <howdah/abi/tools.h>
#include <howdah/host.hpp>
#include <howdah/rows.hpp>
#include <howdah/statement.hpp>
#include <howdah/value.hpp>

namespace howdah {

using Json = nlohmann::json;

class ToolCall {
public:
    ToolCall(const Host& host, howdah_ctx* ctx, howdah_call* raw) : context_(host, ctx), raw_(raw) {}

    // --- arguments
    std::optional<Value> argument(std::string_view name) const {
        howdah_value value{};
        if (table().argument(context_.raw(), raw_, toAbi(name), &value) != HOWDAH_OK) return std::nullopt;
        return Value(value);
    }
    bool has(std::string_view name) const { return argument(name).has_value(); }
    std::string_view text(std::string_view name, std::string_view fallback = {}) const {
        auto value = argument(name);
        return value && !value->isNull() ? value->text() : fallback;
    }
    std::int64_t integer(std::string_view name, std::int64_t fallback = 0) const {
        auto value = argument(name);
        if (!value || value->isNull()) return fallback;
        return value->type() == HOWDAH_VALUE_NUMBER ? static_cast<std::int64_t>(value->number()) : value->integer();
    }
    bool boolean(std::string_view name, bool fallback = false) const {
        auto value = argument(name);
        return value && !value->isNull() ? value->boolean() : fallback;
    }
    // An array or object argument; null when absent.
    Json json(std::string_view name) const {
        auto value = argument(name);
        if (!value || value->isNull()) return nullptr;
        return Json::parse(value->text(), nullptr, false);
    }

    // --- who asks
    std::string_view tool() const { return fromAbi(raw_->tool); }
    std::string_view clientName() const { return fromAbi(raw_->client_name); }
    std::string_view protocol() const { return fromAbi(raw_->protocol); }
    const howdah_principal& principal() const { return *raw_->principal; }
    // False when the client's revision has no structuredContent: then everything must stand in the text.
    bool structuredWanted() const { return (raw_->flags & HOWDAH_CALL_STRUCTURED) != 0; }

    // --- queries
    // Client text: passes every hook, the guard included.
    Result<Rows> query(std::string_view sql, const Values& parameters = {}, std::string_view database = {},
                       QueryLimits limits = {}, std::uint32_t access = HOWDAH_ACCESS_READ) {
        return run(sql, parameters, database, limits, access, HOWDAH_PROVENANCE_CLIENT);
    }
    // A text of the plugin's own, declared in start().
    Result<Rows> query(const Statement& statement, const Values& parameters = {}, std::string_view database = {},
                       QueryLimits limits = {}) {
        return run(statement.sql, parameters, database, limits, statement.access, HOWDAH_PROVENANCE_PLUGIN);
    }

    // --- the answer
    Result<void> writeText(std::string_view bytes) {
        return context_.check(table().text(context_.raw(), raw_, toAbi(bytes)));
    }
    // Raw JSON; the pieces make one object. Ends the text.
    Result<void> writeStructured(std::string_view json) {
        return context_.check(table().structured(context_.raw(), raw_, toAbi(json)));
    }
    // A content block other than text, as JSON.
    Result<void> writeContent(std::string_view json) {
        return context_.check(table().content(context_.raw(), raw_, toAbi(json)));
    }
    // The same object as text and as structuredContent.
    Result<void> reply(const Json& object) {
        std::string json = object.dump(-1, ' ', false, Json::error_handler_t::replace);
        if (auto done = writeText(json); !done) return done;
        return writeStructured(json);
    }
    Result<void> progress(double done, double total = 0, std::string_view message = {}) {
        return context_.check(table().progress(context_.raw(), raw_, done, total, toAbi(message)));
    }

    const Context& context() const { return context_; }
    howdah_call* raw() const { return raw_; }

private:
    const howdah_call_v1& table() const { return context_.host().call(); }

    Result<Rows> run(std::string_view sql, const Values& parameters, std::string_view database, QueryLimits limits,
                     std::uint32_t access, std::uint32_t provenance) {
        howdah_query_request request{};
        request.struct_size = sizeof request;
        request.access = access;
        request.provenance = provenance;
        request.database = toAbi(database);
        request.sql = toAbi(sql);
        request.parameters = toAbi(parameters);
        request.parameter_count = parameters.size();
        request.rows_max = limits.rows_max;
        request.bytes_max = limits.bytes_max;
        request.timeout_ms = limits.timeout_ms;
        request.rows_skip = limits.rows_skip;
        howdah_rows* rows = nullptr;
        if (context_.host().query().run(context_.raw(), &request, &rows) < 0) return context_.lastError();
        return Rows(context_, rows);
    }

    Context context_;
    howdah_call* raw_;
};

}  // namespace howdah
