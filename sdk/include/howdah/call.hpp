// A call as its handler sees it: arguments, who asks, queries, progress. Tools, prompts, resources and completions add
// what they answer with; hooks around calls see this part.
//
// Threads: the request's; every member may wait and then end with cancelled or timeout.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <howdah/abi/call.h>
#include <howdah/host.hpp>
#include <howdah/rows.hpp>
#include <howdah/statement.hpp>
#include <howdah/value.hpp>

namespace howdah {

using Json = nlohmann::json;

enum class CallKind : std::uint32_t {
    tool = HOWDAH_CALL_TOOL,
    prompt = HOWDAH_CALL_PROMPT,
    resource = HOWDAH_CALL_RESOURCE,
    completion = HOWDAH_CALL_COMPLETION,
    resource_list = HOWDAH_CALL_RESOURCE_LIST
};

// Of a message for the client (RFC 5424).
enum class ClientLogLevel : std::uint32_t { debug, info, notice, warning, error, critical, alert, emergency };

class Call {
public:
    Call(const Host& host, howdah_ctx* ctx, howdah_call* raw) : context_(host, ctx), raw_(raw) {}

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

    // --- who asks, and for what
    CallKind kind() const { return static_cast<CallKind>(raw_->kind); }
    // Of the tool or prompt, the URI that is read, what is completed.
    std::string_view name() const { return fromAbi(raw_->name); }
    std::string_view clientName() const { return fromAbi(raw_->client_name); }
    std::string_view protocol() const { return fromAbi(raw_->protocol); }
    const howdah_principal& principal() const { return *raw_->principal; }

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

    // --- on the way
    Result<void> progress(double done, double total = 0, std::string_view message = {}) {
        return context_.check(table().progress(context_.raw(), raw_, done, total, toAbi(message)));
    }
    // A log message for the client, if it asked for that level. Never passwords, connection strings or row values.
    Result<void> log(ClientLogLevel level, const Json& data, std::string_view logger = {}) {
        const std::string json = jsonText(data);
        return context_.check(
            table().log(context_.raw(), raw_, static_cast<std::uint32_t>(level), toAbi(logger), toAbi(json)));
    }

    // --- questions to the client, before anything is written or answered (not in completions)
    bool canElicit() const { return (raw_->flags & HOWDAH_CALL_CAN_ELICIT) != 0; }
    bool canElicitUrl() const { return (raw_->flags & HOWDAH_CALL_CAN_ELICIT_URL) != 0; }
    bool canSample() const { return (raw_->flags & HOWDAH_CALL_CAN_SAMPLE) != 0; }
    bool canListRoots() const { return (raw_->flags & HOWDAH_CALL_CAN_LIST_ROOTS) != 0; }
    // {"key":{"method","params"}} gives {"key":result}; questions.hpp makes the values. Return an error at once:
    // cancelled may mean that the client is asked first, and this handler then runs again from its first line.
    Result<Json> askAll(const Json& questions) {
        const std::string json = jsonText(questions);
        howdah_str answers{};
        if (table().ask(context_.raw(), raw_, toAbi(json), &answers) < 0) return context_.lastError();
        return Json::parse(fromAbi(answers));
    }
    Result<Json> ask(std::string_view key, const Json& question) {
        const std::string name(key);
        auto answers = askAll(Json{{name, question}});
        if (!answers) return std::move(answers).error();
        return std::move((*answers)[name]);
    }

    const Context& context() const { return context_; }
    howdah_call* raw() const { return raw_; }

protected:
    // Bytes that are no UTF-8 become U+FFFD.
    static std::string jsonText(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

    Result<void> addText(std::string_view bytes) {
        return context_.check(table().text(context_.raw(), raw_, toAbi(bytes)));
    }
    Result<void> addContent(std::string_view json) {
        return context_.check(table().content(context_.raw(), raw_, toAbi(json)));
    }
    Result<void> asTask() { return context_.check(table().continue_as_task(context_.raw(), raw_)); }
    Result<void> addStructured(std::string_view json) {
        return context_.check(table().structured(context_.raw(), raw_, toAbi(json)));
    }

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
        request.flags = limits.flags;
        request.affected_max = limits.affected_max;
        request.cursor = toAbi(limits.cursor);
        howdah_rows* rows = nullptr;
        if (context_.host().query().run(context_.raw(), &request, &rows) < 0) return context_.lastError();
        return Rows(context_, rows);
    }

    Context context_;
    howdah_call* raw_;
};

}  // namespace howdah
