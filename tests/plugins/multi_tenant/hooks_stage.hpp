// The plugin over a fake host: what the kernel hands a hook, and what the hook did to it.
//
// Threads: a Stage's calls any, each with a query and a call of its own.
// Owns:    the folder of its state, gone with it.
#pragma once

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
#include <howdah/test/fake_host.hpp>

#include "plugins/multi_tenant/audit/log.hpp"

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
inline howdah_status registerStatement(howdah_ctx*, howdah_str, std::uint32_t) {
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
// The guard's service: a write is DDL when it says so.
inline howdah_status facts(void*, howdah_ctx* ctx, howdah_str sql, std::uint32_t, const howdah_facts** out) {
    static howdah_facts found{};
    found.struct_size = sizeof found;
    if (fromAbi(sql) == "nonsense") {
        ctx->error = Error::refused("no");
        return HOWDAH_ERROR_REFUSED;
    }
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
    explicit Stage(Json section = {{"model", "schema"}}) {
        static const howdah_query_v1 kQuery = [] {
            howdah_query_v1 table{};
            table.struct_size = sizeof table;
            table.register_statement = &registerStatement;
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
        host.interfaces = {{HOWDAH_QUERY_1, &kQuery}, {HOWDAH_CALL_1, &kCall}};
        host.services = {{HOWDAH_STATEMENT_1, {&kStatement, nullptr}}};
        REQUIRE(host.load(&howdah_plugin_v1) == "");
        REQUIRE(host.start(section.dump()) == "");
        hooks_ = host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
    }
    ~Stage() {
        host.stop();
        fs::remove_all(folder_);
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
    Answer before(Called& call, std::uint32_t shard = 0) {
        FakeCall request(host, std::chrono::seconds(30), shard);
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
    void after(Called& call, const Error* met = nullptr) {
        FakeCall request(host);
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

    FakeHost host;

private:
    const std::string folder_ = (fs::temp_directory_path() / concat("multi-tenant-hooks-", ::getpid())).string();
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
