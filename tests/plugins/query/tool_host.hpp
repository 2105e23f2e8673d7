// The fake host with what tools use besides: arguments, an answer that is collected, and queries that a test answers.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/plugin.hpp>
#include <howdah/test/fake_host.hpp>

namespace howdah::test {

// What a database would give; the texts are kept here, columns and batches point to them.
struct FakeResult {
    std::deque<std::string> names;
    std::vector<howdah_column> columns;
    std::vector<BatchBuilder> batches{1};
    howdah_trailer trailer{sizeof(howdah_trailer), 0, 0, -1, 0, {}, HOWDAH_FROM_DATABASE, 0, 0, 0};
    bool complete = true;
    std::optional<Error> fails_at_end;  // instead of a trailer
    std::string report;                 // of the executor, as JSON

    void column(std::string_view name, std::uint32_t type_oid) {
        columns.push_back({toAbi(names.emplace_back(name)), type_oid, -1});
    }
    void row(const std::vector<std::optional<std::string_view>>& cells) {
        for (const auto& cell : cells)
            batches.back().cell(cell);
        batches.back().endRow();
    }
};

struct FakeAnswer {
    std::string text;
    std::string structured;
    std::size_t text_pieces = 0;
    Error error;  // when the tool failed
    howdah_status status = HOWDAH_OK;
};

class ToolHost : public FakeHost {
public:
    using Database = std::function<Result<FakeResult>(const howdah_query_request&)>;

    ToolHost() {
        static const howdah_query_v1 kQuery = queryTable();
        static constexpr howdah_rows_v1 kRows{sizeof kRows, 0, &columns, &next, &trailer, &complete, &close, &report};
        static constexpr howdah_call_v1 kCall{sizeof kCall, 0,           &argument,      &arguments,
                                              &text,        &structured, &text,          &progress,
                                              nullptr,      nullptr,     &continueAsTask};
        interfaces = {{HOWDAH_QUERY_1, &kQuery}, {HOWDAH_ROWS_1, &kRows}, {HOWDAH_CALL_1, &kCall}};
    }

    Database database;
    std::vector<std::string> registered;
    std::uint32_t flags = HOWDAH_CALL_STRUCTURED;
    howdah_principal principal{sizeof(howdah_principal), 0, toAbi("local"), {}, {}, nullptr, 0};

    FakeAnswer call(std::string_view tool, const Json& with) {
        auto* tools = plugin<howdah_handlers_v1>(HOWDAH_TOOLS_1);
        FakeCall request(*this);
        Running running;
        running.arguments = with;
        running.struct_size = sizeof(howdah_call);
        running.flags = flags;
        running.kind = HOWDAH_CALL_TOOL;
        running.name = toAbi(tool);
        running.principal = &principal;
        auto bound = tools->bind(self(), toAbi(tool));
        running.answer.status = tools->call(self(), request.ctx(), bound, &running);
        running.answer.error = request.error();
        return std::move(running.answer);
    }

private:
    struct Running : howdah_call {
        Running() : howdah_call{} {}
        Json arguments;
        std::deque<std::string> texts;
        FakeAnswer answer;
    };
    struct Open {
        FakeResult result;
        std::size_t next = 0;
    };

    static Running& of(howdah_call* call) { return *static_cast<Running*>(call); }
    static Open& of(howdah_rows* rows) { return *reinterpret_cast<Open*>(rows); }
    static howdah_status failWith(howdah_ctx* ctx, const Error& error) {
        ctx->error = error;
        return static_cast<howdah_status>(error.code);
    }

    static howdah_query_v1 queryTable() {
        howdah_query_v1 table{};
        table.struct_size = sizeof table;
        table.run = &run;
        table.register_statement = &registerStatement;
        return table;
    }
    static howdah_status run(howdah_ctx* ctx, const howdah_query_request* request, howdah_rows** rows) {
        auto result = static_cast<ToolHost*>(ctx->host)->database(*request);
        if (!result) return failWith(ctx, result.error());
        *rows = reinterpret_cast<howdah_rows*>(new Open{*std::move(result)});
        return HOWDAH_OK;
    }
    static howdah_status registerStatement(howdah_ctx* ctx, howdah_str sql, std::uint32_t) {
        static_cast<ToolHost*>(ctx->host)->registered.emplace_back(fromAbi(sql));
        return HOWDAH_OK;
    }

    static howdah_status columns(howdah_ctx*, howdah_rows* rows, const howdah_column** out, std::uint64_t* count) {
        *out = of(rows).result.columns.data();
        *count = of(rows).result.columns.size();
        return HOWDAH_OK;
    }
    static howdah_status next(howdah_ctx* ctx, howdah_rows* rows, howdah_batch* batch) {
        Open& open = of(rows);
        if (open.next < open.result.batches.size()) {
            *batch = open.result.batches[open.next++].batch();
            return 1;
        }
        return open.result.fails_at_end ? failWith(ctx, *open.result.fails_at_end) : 0;
    }
    static howdah_status trailer(howdah_ctx*, howdah_rows* rows, howdah_trailer* out) {
        copyTrailer(of(rows).result.trailer, *out);
        return HOWDAH_OK;
    }
    static howdah_status report(howdah_ctx*, howdah_rows* rows, howdah_str* json) {
        *json = toAbi(of(rows).result.report);
        return HOWDAH_OK;
    }
    static howdah_status complete(howdah_ctx*, howdah_rows* rows) { return of(rows).result.complete ? 1 : 0; }
    static void close(howdah_ctx*, howdah_rows* rows) { delete &of(rows); }

    static howdah_status argument(howdah_ctx*, howdah_call* call, howdah_str name, howdah_value* out) {
        Running& running = of(call);
        auto found = running.arguments.find(std::string{fromAbi(name)});
        if (found == running.arguments.end()) return HOWDAH_ERROR_NOT_FOUND;
        Value value;
        switch (found->type()) {
            case Json::value_t::string: value = Value(running.texts.emplace_back(found->get<std::string>())); break;
            case Json::value_t::number_integer:
            case Json::value_t::number_unsigned: value = Value(found->get<std::int64_t>()); break;
            case Json::value_t::boolean: value = Value(found->get<bool>()); break;
            default: value = Value::json(running.texts.emplace_back(found->dump()));
        }
        *out = value.raw();
        return HOWDAH_OK;
    }
    static howdah_status arguments(howdah_ctx*, howdah_call* call, howdah_str* json) {
        *json = toAbi(of(call).texts.emplace_back(of(call).arguments.dump()));
        return HOWDAH_OK;
    }
    static howdah_status text(howdah_ctx*, howdah_call* call, howdah_str bytes) {
        of(call).answer.text += fromAbi(bytes);
        ++of(call).answer.text_pieces;
        return HOWDAH_OK;
    }
    static howdah_status structured(howdah_ctx*, howdah_call* call, howdah_str json) {
        of(call).answer.structured += fromAbi(json);
        return HOWDAH_OK;
    }
    static howdah_status continueAsTask(howdah_ctx*, howdah_call*) { return HOWDAH_OK; }
    static howdah_status progress(howdah_ctx*, howdah_call*, double, double, howdah_str) { return HOWDAH_OK; }
};

}  // namespace howdah::test
