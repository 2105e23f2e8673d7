// The plugin over a fake host: calls of principals, and queries within them, as the kernel makes them.
#pragma once

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

#include <howdah/abi/hooks.h>

#include "tests/plugins/query/tool_host.hpp"
#include "tests/plugins/rate_limit/shared_store.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace howdah::test {

struct Who {
    std::string subject = "token:ada";
    std::string tenant;
    std::string tier;
};

// One call between its hooks. Each has a request of its own.
class StagedCall {
public:
    StagedCall(FakeHost& host, std::uint64_t id, const Who& who, std::string_view tool = "query",
               std::string_view client = "test", std::uint32_t kind = HOWDAH_CALL_TOOL)
        : hooks_(host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1)), self_(host.self()), request_(host), who_(who) {
        principal_ = {sizeof principal_, 0, toAbi(who_.subject), toAbi(who_.tenant), toAbi(who_.tier), nullptr, 0};
        call_.struct_size = sizeof call_;
        call_.name = toAbi(tool);
        call_.plugin = toAbi(tool == "get_quota" ? "rate_limit" : "query");
        call_.request_id = id;
        call_.principal = &principal_;
        call_.client_name = toAbi(client);
        call_.kind = kind;
    }
    bool admitted() { return hooks_->before_call(self_, request_.ctx(), &call_) == HOWDAH_PROCEED; }
    Error error() { return request_.error(); }
    void end() { hooks_->after_call(self_, request_.ctx(), &call_, nullptr); }
    void cancel() { request_.cancel(); }

    // --- a query of it
    std::uint32_t begin(howdah_query& query) {
        query.struct_size = sizeof query;
        query.request_id = call_.request_id;
        query.principal = &principal_;
        query.access = HOWDAH_ACCESS_READ;
        query.provenance = HOWDAH_PROVENANCE_CLIENT;
        return hooks_->before_query(self_, request_.ctx(), &query);
    }
    void giveWhole(howdah_query& query, const BatchBuilder& rows) {
        const howdah_batch batch = rows.batch();
        howdah_result result{};
        result.struct_size = sizeof result;
        result.batches = &batch;
        result.batch_count = 1;
        CHECK(hooks_->after_query(self_, request_.ctx(), &query, &result) == HOWDAH_PROCEED);
    }
    void stream(howdah_query& query, const BatchBuilder& rows) {
        const howdah_batch batch = rows.batch();
        howdah_batch out = batch;
        CHECK(hooks_->on_rows(self_, request_.ctx(), &query, &batch, &out) == HOWDAH_PROCEED);
    }
    void endStream(howdah_query& query) {
        howdah_result result{};
        result.struct_size = sizeof result;
        result.flags = HOWDAH_RESULT_STREAMED;
        CHECK(hooks_->after_query(self_, request_.ctx(), &query, &result) == HOWDAH_PROCEED);
    }
    void fail(howdah_query& query) {
        const Error error = Error::timeout("too slow");
        const howdah_error view = toAbi(error);
        CHECK(hooks_->on_error(self_, request_.ctx(), &query, &view) == HOWDAH_PROCEED);
    }

private:
    const howdah_hooks_v1* hooks_;
    void* self_;
    FakeCall request_;
    Who who_;
    howdah_principal principal_{};
    howdah_call call_{};
};

class LimitStage {
public:
    // `prepare` puts in place what the host is to answer otherwise.
    explicit LimitStage(std::string_view section, std::string_view folder = {}, SharedStore* store = nullptr,
                        const std::function<void(ToolHost&)>& prepare = {}) {
        own_folder_ = folder.empty();
        folder_ = own_folder_ ? fresh() : std::string(folder);
        std::filesystem::create_directories(folder_);
        host.state_folder = folder_;
        query_table_ = *static_cast<const howdah_query_v1*>(host.interfaces[HOWDAH_QUERY_1]);
        query_table_.set_limits = &setLimits;
        host.interfaces[HOWDAH_QUERY_1] = &query_table_;
        if (store) host.services[HOWDAH_KV_1] = {store->table(), store};
        if (prepare) prepare(host);
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section) == "");
    }
    ~LimitStage() {
        host.stop();
        if (own_folder_) std::filesystem::remove_all(folder_);
    }

    static std::string fresh() {
        static int number = 0;
        return (std::filesystem::temp_directory_path() / concat("rate-limit-", getpid(), "-", ++number)).string();
    }
    const std::string& folder() const { return folder_; }
    Json quota(const Who& who = {}) {
        host.principal = {sizeof host.principal, 0, toAbi(who.subject), toAbi(who.tenant), toAbi(who.tier), nullptr, 0};
        const FakeAnswer answer = host.call("get_quota", Json::object());
        REQUIRE_MESSAGE(answer.status == HOWDAH_OK, answer.error.message);
        CHECK(answer.text == answer.structured);
        return Json::parse(answer.text);
    }

    Json report() {
        const auto* reports = host.plugin<howdah_report_v1>(HOWDAH_REPORT_1);
        FakeCall request(host);
        howdah_str json{};
        REQUIRE(reports->report(host.self(), request.ctx(), &json) == HOWDAH_OK);
        return Json::parse(fromAbi(json));
    }

    ToolHost host;

private:
    static howdah_status setLimits(howdah_ctx*, howdah_query* query, std::uint64_t rows, std::uint64_t bytes,
                                   std::uint64_t) {
        if (rows > 0 && (query->rows_max == 0 || rows < query->rows_max)) query->rows_max = rows;
        if (bytes > 0 && (query->bytes_max == 0 || bytes < query->bytes_max)) query->bytes_max = bytes;
        return HOWDAH_OK;
    }

    std::string folder_;
    howdah_query_v1 query_table_{};
    bool own_folder_ = false;
};

inline Json limitOf(const Json& quota, std::string_view scope, std::string_view of, std::string_view per = {}) {
    for (const Json& limit : quota["limits"]) {
        if (limit["scope"] == scope && limit["of"] == of && (per.empty() || limit["per"] == per)) return limit;
    }
    FAIL("no limit of ", of);
    return {};
}

}  // namespace howdah::test
