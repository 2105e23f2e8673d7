// The plugin over a fake host: what the kernel hands a hook, and what the hook did to it.
//
// Threads: a Stage's calls any, each with a query and a call of its own.
// Owns:    the folder of its state, gone with it.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include <howdah/abi/hooks.h>
#include <howdah/call.hpp>
#include <howdah/query.hpp>

#include "plugins/multi_tenant/audit/log.hpp"
#include "plugins/multi_tenant/checks/checks.hpp"
#include "plugins/query/tool_host.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

namespace howdah::test {

namespace fs = std::filesystem;

// A query or call as the kernel hands it over, and what a hook did to it.
struct Asked : howdah_query {
    explicit Asked(const howdah_principal& who, std::string_view text = "select 1") : howdah_query{} {
        struct_size = sizeof(howdah_query);
        access = HOWDAH_ACCESS_READ;
        provenance = HOWDAH_PROVENANCE_CLIENT;
        sql = toAbi(text);
        database = toAbi("main");
        request_id = 1;
        principal = &who;
    }
    std::vector<std::pair<std::string, std::string>> settings;
    std::string chosen;
};
struct Called : howdah_call {
    explicit Called(const howdah_principal& who, Json with = Json::object())
        : howdah_call{}, arguments(std::move(with)) {
        struct_size = sizeof(howdah_call);
        kind = HOWDAH_CALL_TOOL;
        name = toAbi("query");
        request_id = 1;
        principal = &who;
    }
    Json arguments;
    std::string text;
};

inline howdah_status setSetting(howdah_ctx*, howdah_query* query, howdah_str name, howdah_str value) {
    static_cast<Asked*>(query)->settings.emplace_back(fromAbi(name), fromAbi(value));
    return HOWDAH_OK;
}
inline howdah_status setDatabase(howdah_ctx*, howdah_query* query, howdah_str name) {
    static_cast<Asked*>(query)->chosen = fromAbi(name);
    return HOWDAH_OK;
}
inline howdah_status argument(howdah_ctx*, howdah_call* raw, howdah_str name, howdah_value* out) {
    auto& call = *static_cast<Called*>(raw);
    const auto found = call.arguments.find(std::string(fromAbi(name)));
    if (found == call.arguments.end()) return HOWDAH_ERROR_NOT_FOUND;
    call.text = found->get<std::string>();
    *out = Value(call.text).raw();
    return HOWDAH_OK;
}
// The guard's service: a write is DDL when it says so; of "silence" it says nothing.
inline howdah_status facts(void*, howdah_ctx* ctx, howdah_str sql, std::uint32_t, const howdah_facts** out) {
    static howdah_facts found{};
    found.struct_size = sizeof found;
    if (fromAbi(sql) == "nonsense") {
        ctx->error = Error::refused("no");
        ctx->error.rule = "function-not-allowed";
        return HOWDAH_ERROR_REFUSED;
    }
    if (fromAbi(sql) == "silence") return HOWDAH_OK;
    thread_local howdah_facts mine{};
    mine = found;
    mine.kind = fromAbi(sql).starts_with("create") ? HOWDAH_STATEMENT_DDL : HOWDAH_STATEMENT_INSERT;
    *out = &mine;
    return HOWDAH_OK;
}

inline howdah_principal who(const char* tenant, const char* subject = "oauth:ada") {
    return {sizeof(howdah_principal), 0, toAbi(subject), toAbi(tenant), {}, nullptr, 0};
}

class Stage {
public:
    // With `idle` no worker comes: what it is given waits in `host.given` for a test to run or drop it. With `before`
    // it is an instance beside that one, or after it, over the same files.
    explicit Stage(Json section = {{"model", "schema"}}, bool idle = false, const Stage* before = nullptr)
        : folder_(before ? before->folder_ : newFolder()), owns_folder_(!before) {
        static const howdah_offload_v1 kIdle{sizeof(howdah_offload_v1), 0, nullptr, &keepWork};
        if (idle) host.interfaces[HOWDAH_OFFLOAD_1] = &kIdle;
        static const howdah_query_v1 kQuery = [this] {
            auto table = *static_cast<const howdah_query_v1*>(host.interfaces.at(HOWDAH_QUERY_1));
            table.set_setting = &setSetting;
            table.set_database = &setDatabase;
            return table;
        }();
        static const howdah_call_v1 kCall = [] {
            howdah_call_v1 table{};
            table.struct_size = sizeof table;
            table.argument = &argument;
            return table;
        }();
        static const howdah_statement_v1 kStatement{sizeof(howdah_statement_v1), 0, &facts, nullptr};
        fs::create_directories(folder_);
        std::ofstream(folder_ + "/keys") << "k1 " << std::string(64, '1') << "\n";
        fs::permissions(folder_ + "/keys", fs::perms::owner_read | fs::perms::owner_write);
        if (section.contains("audit")) section["audit"]["key_file"] = folder_ + "/keys";
        host.state_folder = folder_;
        host.databases = R"([{"name":"main"},{"name":"notes","access":"read_write"},{"name":"gold"}])";
        host.interfaces[HOWDAH_QUERY_1] = &kQuery;
        host.interfaces[HOWDAH_CALL_1] = &kCall;
        // All that the hooks ask a database: who logs in.
        host.database = [this](const howdah_query_request& request) -> Result<FakeResult> {
            if (fromAbi(request.sql) != multi_tenant::kServerStatement.sql)
                return Error::internal("not asked by a hook");
            ++asked;
            FakeResult result;
            for (const char* name : {"number", "version", "login"})
                result.column(name, 25);
            result.row({"160009", "16.9", login});
            return result;
        };
        host.services = {{HOWDAH_STATEMENT_1, {&kStatement, nullptr}}};
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section.dump()) == "");
        hooks_ = host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
    }
    ~Stage() {
        host.stop();
        if (owns_folder_) fs::remove_all(folder_);
    }

    struct Answer {
        std::uint32_t verdict;
        Error error;
    };
    Answer before(Asked& query) {
        FakeCall request(host);
        const std::uint32_t verdict = hooks_->before_query(host.self(), request.ctx(), &query);
        return {verdict, request.error()};
    }
    Answer before(Called& call, std::uint32_t shard = 0, std::chrono::milliseconds left = std::chrono::seconds(30)) {
        FakeCall request(host, left, shard);
        const std::uint32_t verdict = hooks_->before_call(host.self(), request.ctx(), &call);
        return {verdict, request.error()};
    }
    Answer after(Asked& query) {
        FakeCall request(host);
        howdah_result result{};
        result.struct_size = sizeof result;
        const std::uint32_t verdict = hooks_->after_query(host.self(), request.ctx(), &query, &result);
        return {verdict, request.error()};
    }
    Answer error(Asked& query, const Error& met) {
        FakeCall request(host);
        const howdah_error abi = toAbi(met);
        const std::uint32_t verdict = hooks_->on_error(host.self(), request.ctx(), &query, &abi);
        return {verdict, request.error()};
    }
    void after(Called& call, const Error* met = nullptr, std::chrono::milliseconds left = std::chrono::seconds(30)) {
        FakeCall request(host, left);
        howdah_error abi{};
        if (met) abi = toAbi(*met);
        hooks_->after_call(host.self(), request.ctx(), &call, met ? &abi : nullptr);
    }
    multi_tenant::Verified logOf(const char* tenant, std::size_t newest) const {
        auto ring = multi_tenant::KeyRing::read(folder_ + "/keys");
        REQUIRE(ring);
        auto found =
            multi_tenant::AuditLog(folder_ + "/audit", std::move(*ring), 1u << 30, false).verify(tenant, newest);
        REQUIRE_MESSAGE(found, found.error().message);
        return std::move(*found);
    }
    const std::string& folder() const { return folder_; }

    struct StageHost : ToolHost {
        std::vector<std::uint64_t> given;
    };
    StageHost host;
    std::string login = "login";
    std::atomic<int> asked{0};

private:
    static howdah_status keepWork(const howdah_host* raw, std::uint64_t token, std::uint32_t) {
        static_cast<StageHost*>(static_cast<FakeHost*>(raw->self))->given.push_back(token);
        return HOWDAH_OK;
    }

    static std::string newFolder() {
        static std::atomic<int> number{0};
        return (fs::temp_directory_path() / concat("multi-tenant-hooks-", ::getpid(), "-", ++number)).string();
    }
    const std::string folder_;
    const bool owns_folder_;
    const howdah_hooks_v1* hooks_ = nullptr;
};

// Points into its arguments, which live as long as the expression it stands in, or a variable.
inline howdah_facts factsOf(std::uint32_t kind, const std::vector<howdah_name>& tables = {},
                            const std::vector<howdah_name>& functions = {}) {
    howdah_facts facts{};
    facts.struct_size = sizeof facts;
    facts.kind = kind;
    facts.tables = tables.data();
    facts.table_count = tables.size();
    facts.functions = functions.data();
    facts.function_count = functions.size();
    return facts;
}

using Settings = std::vector<std::pair<std::string, std::string>>;

}  // namespace howdah::test
