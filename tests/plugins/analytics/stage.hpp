// The plugin over a fake host with a guard, a clock and callers of its own.
#pragma once

#include <atomic>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "plugins/query/tool_host.hpp"
#include "tests/plugins/analytics/support.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace howdah::analytics {

using test::FakeAnswer;
using test::FakeCall;
using test::ToolHost;

// A guard whose pattern is the text up to its first digit. As with the real one, names of columns ("as x ") do not
// change the fingerprint.
struct Guard {
    static howdah_status pattern(void* self, howdah_ctx* ctx, howdah_str sql, howdah_pattern* out) {
        Guard& guard = *static_cast<Guard*>(self);
        ++guard.asked;
        if (ctx->deadline_ns != UINT64_MAX) ++guard.asked_in_requests;
        guard.takes();
        const std::string_view text = fromAbi(sql);
        if (guard.status != HOWDAH_OK || text.starts_with("selec ")) {
            ctx->error = Error::invalidArgument("the statement does not parse");
            return guard.status != HOWDAH_OK ? guard.status.load() : HOWDAH_ERROR_INVALID_ARGUMENT;
        }
        thread_local std::string kept;
        kept = concat(text.substr(0, text.find_first_of("0123456789")), "$1");
        std::string nameless = kept;
        if (const std::size_t name = nameless.find(" as "); name != std::string::npos)
            nameless.erase(name, nameless.find(' ', name + 4) - name);
        out->fingerprint = std::hash<std::string>()(nameless);
        out->text = toAbi(kept);
        return HOWDAH_OK;
    }
    howdah_statement_v1 table{sizeof table, 0, nullptr, &pattern};
    std::atomic<howdah_status> status{HOWDAH_OK};
    std::atomic<int> asked{0};
    std::atomic<int> asked_in_requests{0};  // a task has no deadline
    void (*takes)() = [] {};                // before it answers
};

// The clock of the host, which a text can move on by what a busy machine would have taken for others.
struct MovedClock {
    static void install(test::FakeHost& host) {
        real = static_cast<const howdah_context_v1*>(host.raw()->get_interface(host.raw(), HOWDAH_CONTEXT_1));
        table = *real;
        table.now_ns = [](const howdah_host* raw) { return real->now_ns(raw) + moved_ns; };
        host.interfaces[HOWDAH_CONTEXT_1] = &table;
    }
    static inline std::atomic<std::uint64_t> moved_ns{0};
    static inline const howdah_context_v1* real = nullptr;
    static inline howdah_context_v1 table{};
};

inline void spendProcessorTime() {
    const auto now = [] {
        timespec spent{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
        return spent.tv_sec * 1'000'000'000 + spent.tv_nsec;
    };
    constexpr long kSpend_ns = 20'000'000;
    for (const long end = now() + kSpend_ns; now() < end;) {
    }
}

class Stage {
public:
    explicit Stage(const Folder& folder, std::string_view section = "{}", bool guarded = true,
                   void (*prepare)(test::FakeHost&) = nullptr) {
        if (prepare) prepare(host);
        host.state_folder = folder.path();
        host.shard_count = 2;
        if (guarded) host.services = {{HOWDAH_STATEMENT_1, {&guard.table, &guard}}};
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section) == "");
        hooks_ = host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
    }

    struct Asked {
        std::string_view sql;
        std::string_view tenant = {};
        std::string_view client = "ide";
        std::uint32_t provenance = HOWDAH_PROVENANCE_CLIENT;
        std::optional<Error> error = std::nullopt;
        std::uint32_t result_flags = 0;
        std::uint32_t source = HOWDAH_FROM_DATABASE;
    };
    void ask(const Asked& asked) {
        FakeCall request(host);
        howdah_principal principal{sizeof principal, 0, toAbi("ada"), toAbi(asked.tenant), {}, nullptr, 0};
        howdah_call call{};
        call.struct_size = sizeof call;
        call.request_id = ++request_id_;
        call.principal = &principal;
        call.client_name = toAbi(asked.client);
        REQUIRE(hooks_->before_call(host.self(), request.ctx(), &call) == HOWDAH_PROCEED);
        howdah_query query{};
        query.struct_size = sizeof query;
        query.provenance = asked.provenance;
        query.sql = toAbi(asked.sql);
        query.database = toAbi("main");
        query.plugin = toAbi("query");
        query.tool = toAbi("query");
        query.request_id = call.request_id;
        query.principal = &principal;
        REQUIRE(hooks_->before_query(host.self(), request.ctx(), &query) == HOWDAH_PROCEED);
        query.sql = toAbi("rewritten meanwhile");
        if (asked.error) {
            const howdah_error error = toAbi(*asked.error);
            REQUIRE(hooks_->on_error(host.self(), request.ctx(), &query, &error) == HOWDAH_PROCEED);
        } else {
            static constexpr std::uint8_t kBytes[40] = {};
            const howdah_batch batch{kBytes, sizeof kBytes, 2};
            howdah_result result{};
            result.struct_size = sizeof result;
            result.flags = asked.result_flags;
            result.batches = &batch;
            result.batch_count = 1;
            result.trailer = {sizeof result.trailer, 0, 2, -1, 5 * kMs, {}, asked.source, 0, 0, sizeof kBytes};
            REQUIRE(hooks_->after_query(host.self(), request.ctx(), &query, &result) == HOWDAH_PROCEED);
        }
        hooks_->after_call(host.self(), request.ctx(), &call, nullptr);
    }
    FakeAnswer called(const Json& arguments = Json::object()) { return host.call("get_query_analytics", arguments); }
    Json answer(const Json& arguments = Json::object()) {
        const FakeAnswer told = called(arguments);
        REQUIRE_MESSAGE(told.status == HOWDAH_OK, told.error.message);
        CHECK(told.text == told.structured);
        return Json::parse(told.text);
    }

    Guard guard;
    ToolHost host;

private:
    const howdah_hooks_v1* hooks_ = nullptr;
    std::uint64_t request_id_ = 0;
};

}  // namespace howdah::analytics
