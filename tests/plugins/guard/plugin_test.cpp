// The plugin through its C tables, on the smallest host that carries it.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <howdah/abi/hooks.h>
#include <howdah/abi/plugin.h>
#include <howdah/abi/runtime.h>
#include <howdah/abi/statement.h>
#include <howdah/host.hpp>

#include "plugins/guard/text_scan.hpp"
#include "tests/plugins/guard/stack_thread.hpp"

extern "C" const howdah_entry_v1 howdah_plugin_v1;

struct howdah_ctx {
    howdah::Error last;
    std::vector<std::unique_ptr<char[]>> arena;
    std::vector<std::string> tables;  // of the facts that were attached
    howdah_facts attached{};
    howdah_status wait_status = HOWDAH_OK;  // of waiting for a thread
    int offloads = 0;
};

namespace howdah::guard {
namespace {

using Json = nlohmann::json;

const howdah_plugin* running = nullptr;  // whose jobs the offload runs
std::vector<std::string> logged;         // at level info

howdah_status failWith(howdah_ctx* ctx, const howdah_error* error) {
    ctx->last = fromAbi(*error);
    return error->code;
}
void lastError(howdah_ctx* ctx, howdah_error* out) {
    *out = toAbi(ctx->last);
}
void* allocate(howdah_ctx* ctx, std::uint64_t size) {
    return ctx->arena.emplace_back(std::make_unique<char[]>(size)).get();
}
std::uint64_t noDeadline(howdah_ctx*) {
    return UINT64_MAX;
}

howdah_status attachFacts(howdah_ctx* ctx, howdah_query*, const howdah_facts* facts) {
    ctx->attached = *facts;
    ctx->tables.clear();
    for (std::uint64_t i = 0; i < facts->table_count; ++i)
        ctx->tables.emplace_back(fromAbi(facts->tables[i].name));
    return HOWDAH_OK;
}

howdah_ctx* asking = nullptr;  // whose request it is

howdah_status runJob(const howdah_host*, std::uint64_t token, std::uint32_t kind) {
    ++asking->offloads;
    CHECK(kind == HOWDAH_OFFLOAD_LARGE_STACK);
    if (asking->wait_status < 0) return HOWDAH_OK;  // no worker has come to it
    const auto* jobs = static_cast<const howdah_jobs_v1*>(running->get_interface(running->self, HOWDAH_JOBS_1));
    test::runOnStack(kLargeStack, [&] { jobs->work(running->self, token); });
    return HOWDAH_OK;
}

howdah_status makeEvent(const howdah_host*, std::uint64_t* event) {
    *event = reinterpret_cast<std::uint64_t>(new bool{false});
    return HOWDAH_OK;
}
void setEvent(const howdah_host*, std::uint64_t event) {
    *reinterpret_cast<bool*>(event) = true;
}
void dropEvent(const howdah_host*, std::uint64_t event) {
    delete reinterpret_cast<bool*>(event);
}
howdah_status waitForEvent(howdah_ctx* ctx, std::uint64_t event, std::uint64_t) {
    CHECK(*reinterpret_cast<bool*>(event) == (ctx->wait_status == HOWDAH_OK));
    if (ctx->wait_status < 0) ctx->last = Error::timeout("no worker was free in time");
    return ctx->wait_status;
}

howdah_status registerStatement(howdah_ctx*, howdah_str, std::uint32_t) {
    return HOWDAH_OK;
}
howdah_status noDatabases(const howdah_host*, howdah_ctx*, howdah_str* json) {
    *json = toAbi("[]");
    return HOWDAH_OK;
}
void writeLine(const howdah_host*, std::int32_t level, howdah_str line) {
    if (level == HOWDAH_LOG_INFO) logged.emplace_back(fromAbi(line));
}

const void* hostInterface(const howdah_host*, const char* id) {
    static const howdah_context_v1 context = [] {
        howdah_context_v1 table{};
        table.struct_size = sizeof table;
        table.fail = &failWith;
        table.last_error = &lastError;
        table.alloc = &allocate;
        table.deadline_ns = &noDeadline;
        return table;
    }();
    static const howdah_query_v1 query = [] {
        howdah_query_v1 table{};
        table.struct_size = sizeof table;
        table.set_facts = &attachFacts;
        table.register_statement = &registerStatement;
        return table;
    }();
    static const howdah_kernel_v1 kernel = [] {
        howdah_kernel_v1 table{};
        table.struct_size = sizeof table;
        table.databases = &noDatabases;
        return table;
    }();
    static const howdah_log_v1 log{sizeof(howdah_log_v1), 0, &writeLine};
    static const howdah_offload_v1 offload{sizeof(howdah_offload_v1), 0, nullptr, &runJob};
    static const howdah_reactor_v1 reactor = [] {
        howdah_reactor_v1 table{};
        table.struct_size = sizeof table;
        table.event_create = &makeEvent;
        table.event_wait = &waitForEvent;
        table.event_set = &setEvent;
        table.event_destroy = &dropEvent;
        return table;
    }();
    const std::string_view name(id);
    if (name == HOWDAH_CONTEXT_1) return &context;
    if (name == HOWDAH_QUERY_1) return &query;
    if (name == HOWDAH_OFFLOAD_1) return &offload;
    if (name == HOWDAH_REACTOR_1) return &reactor;
    if (name == HOWDAH_KERNEL_1) return &kernel;
    if (name == HOWDAH_LOG_1) return &log;
    return nullptr;
}

class Loaded {
public:
    explicit Loaded(std::string_view section = "{}") {
        plugin_ = howdah_plugin_v1.create(&host_);
        REQUIRE(plugin_);
        running = plugin_;
        asking = &ctx;
        REQUIRE(plugin_->configure(plugin_->self, &ctx, toAbi(section)) == HOWDAH_OK);
        REQUIRE(plugin_->start(plugin_->self, &ctx) == HOWDAH_OK);
    }
    ~Loaded() {
        plugin_->stop(plugin_->self);
        plugin_->destroy(plugin_->self);
    }

    std::uint32_t beforeQuery(std::string_view sql, std::uint32_t access = HOWDAH_ACCESS_READ,
                              std::uint32_t provenance = HOWDAH_PROVENANCE_CLIENT,
                              const std::vector<std::string>& parameters = {}) {
        std::vector<howdah_value> values;
        values.reserve(parameters.size());
        for (const std::string& text : parameters)
            values.push_back({HOWDAH_VALUE_TEXT, 0, 0, 0, {text.data(), text.size()}});
        howdah_query query{};
        query.parameters = values.data();
        query.parameter_count = values.size();
        query.struct_size = sizeof query;
        query.access = access;
        query.provenance = provenance;
        query.sql = toAbi(sql);
        query.database = toAbi("main");
        query.principal = &principal_;
        const auto* hooks = static_cast<const howdah_hooks_v1*>(plugin_->get_interface(plugin_->self, HOWDAH_HOOKS_1));
        return hooks->before_query(plugin_->self, &ctx, &query);
    }

    howdah_status facts(std::string_view sql, const howdah_facts** out) {
        const auto* service =
            static_cast<const howdah_statement_v1*>(plugin_->get_interface(plugin_->self, HOWDAH_STATEMENT_1));
        REQUIRE(service);
        return service->facts(plugin_->self, &ctx, toAbi(sql), HOWDAH_ACCESS_READ, out);
    }

    howdah_status pattern(std::string_view sql, howdah_pattern* out) {
        const auto* service =
            static_cast<const howdah_statement_v1*>(plugin_->get_interface(plugin_->self, HOWDAH_STATEMENT_1));
        REQUIRE(service);
        return service->pattern(plugin_->self, &ctx, toAbi(sql), out);
    }

    howdah_ctx ctx;

private:
    howdah_host host_{sizeof(howdah_host), HOWDAH_ABI_MAJOR, HOWDAH_ABI_MINOR, nullptr, &hostInterface};
    const howdah_plugin* plugin_ = nullptr;
    howdah_principal principal_{sizeof(howdah_principal), 0, toAbi("ada"), {"", 0}, {"", 0}, nullptr, 0};
};

std::string longRead() {
    return "select 1 from shop.orders where note <> '" + std::string(kInlineBytes, 'x') + "'";
}

}  // namespace

TEST_CASE("guard plugin: a read proceeds with its facts attached") {
    Loaded guard;
    for (int round = 0; round < 2; ++round) {  // judged, then found
        CHECK(guard.beforeQuery("select $1 from shop.orders; ") == HOWDAH_PROCEED);
        CHECK(guard.ctx.attached.kind == HOWDAH_STATEMENT_SELECT);
        CHECK(guard.ctx.attached.flags == (HOWDAH_FACT_READ_ONLY | HOWDAH_FACT_WRAPPABLE | HOWDAH_FACT_UNLIMITED));
        CHECK(guard.ctx.attached.parameter_count == 1);
        CHECK(guard.ctx.attached.body_end == 26);
        CHECK(guard.ctx.tables == std::vector<std::string>{"orders"});
    }
}

TEST_CASE("guard plugin: of one text a call passes with small parameters, and does not with one that makes it grow") {
    Loaded guard;
    const auto call = [&](std::string_view sql, const std::vector<std::string>& parameters) {
        return guard.beforeQuery(sql, HOWDAH_ACCESS_READ, HOWDAH_PROVENANCE_CLIENT, parameters);
    };
    const std::string long_text(100'000, 'x');
    CHECK(call("select replace(name, $1, $2) from t where id = any($3)", {"a", "b", long_text}) == HOWDAH_PROCEED);
    CHECK(call("select replace(name, $1, $2) from t where id = any($3)", {"a", long_text, "{}"}) == HOWDAH_DENY);
    CHECK(guard.ctx.last.rule == "value-too-large");
    CHECK(guard.ctx.last.message.find("$2") != std::string::npos);
    CHECK(call("select repeat('x', $1::int)", {"100"}) == HOWDAH_PROCEED);
    CHECK(call("select repeat('x', $1::int)", {"900000000"}) == HOWDAH_DENY);
    CHECK(call("select $1 from t where name like $2", {long_text, long_text}) == HOWDAH_PROCEED);
}

TEST_CASE("guard plugin: others get a text without its constants, also of one that needs a large stack") {
    Loaded guard;
    howdah_pattern first{sizeof first, 0, 0, {}}, second = first;
    CHECK(guard.pattern("select 1 from shop.orders where note <> 'x'", &first) == HOWDAH_OK);
    CHECK(guard.ctx.offloads == 0);
    CHECK(guard.pattern(longRead(), &second) == HOWDAH_OK);
    CHECK(guard.ctx.offloads == 1);
    CHECK(first.fingerprint == second.fingerprint);
    CHECK(fromAbi(first.text) == "select $1 from shop.orders where note <> $2");
    CHECK(fromAbi(second.text) == fromAbi(first.text));
    CHECK(guard.pattern("selec", &first) == HOWDAH_ERROR_INVALID_ARGUMENT);
    guard.ctx.wait_status = HOWDAH_ERROR_TIMEOUT;
    CHECK(guard.pattern(longRead(), &second) == HOWDAH_ERROR_TIMEOUT);
}

TEST_CASE("guard plugin: an attack is denied with rule, position and remedy") {
    Loaded guard;
    CHECK(guard.beforeQuery("select pg_sleep(1)") == HOWDAH_DENY);
    CHECK(guard.ctx.last.code == Code::refused);
    CHECK(guard.ctx.last.rule == "function-unsafe");
    CHECK(guard.ctx.last.position == 8);
    CHECK_FALSE(guard.ctx.last.hint.empty());
}

TEST_CASE("guard plugin: what is refused is told in the log, with a fingerprint and without the text") {
    const auto toldOf = [](Loaded& guard, std::string_view sql) {
        logged.clear();
        guard.beforeQuery(sql);
        return logged.empty() ? Json() : Json::parse(logged.back());
    };
    Loaded guard;
    const Json first = toldOf(guard, "select pg_sleep(4711)"), second = toldOf(guard, "select pg_sleep(1)");
    CHECK(first["audit"] == "statement");
    CHECK(first["principal"] == "ada");
    CHECK(first["verdict"] == "refused");
    CHECK(first["rule"] == "function-unsafe");
    CHECK(first["fingerprint"].get<std::string>().size() == 16);
    CHECK(first["fingerprint"] == second["fingerprint"]);  // of texts that differ in constants
    CHECK(first.dump().find("4711") == std::string::npos);
    CHECK(toldOf(guard, "select 1").is_null());

    Loaded telling_all(R"({"audit": "all"})");
    CHECK(toldOf(telling_all, "select 1")["verdict"] == "allowed");
    Loaded silent(R"({"audit": "none"})");
    CHECK(toldOf(silent, "select pg_sleep(1)").is_null());
}

TEST_CASE("guard plugin: access decides which rules hold, and a plugin's own text is not judged again") {
    Loaded guard;
    CHECK(guard.beforeQuery("delete from t") == HOWDAH_DENY);
    CHECK(guard.beforeQuery("delete from t", HOWDAH_ACCESS_WRITE) == HOWDAH_PROCEED);
    CHECK(guard.ctx.attached.kind == HOWDAH_STATEMENT_DELETE);
    CHECK(guard.ctx.attached.flags == 0);
    CHECK(guard.beforeQuery("commit", HOWDAH_ACCESS_WRITE) == HOWDAH_DENY);
    CHECK(guard.beforeQuery("select pg_sleep(1)", HOWDAH_ACCESS_READ, HOWDAH_PROVENANCE_PLUGIN) == HOWDAH_PROCEED);
}

TEST_CASE("guard plugin: a long text is judged on a large stack, once") {
    Loaded guard;
    CHECK(guard.beforeQuery(longRead()) == HOWDAH_PROCEED);
    CHECK(guard.beforeQuery(longRead()) == HOWDAH_PROCEED);
    CHECK(guard.ctx.offloads == 1);
    CHECK(guard.beforeQuery(longRead() + " and pg_sleep(1) is null") == HOWDAH_DENY);
}

TEST_CASE("guard plugin: without a worker a long text is a fault, not a pass") {
    Loaded guard;
    guard.ctx.wait_status = HOWDAH_ERROR_TIMEOUT;
    CHECK(guard.beforeQuery(longRead()) == HOWDAH_FAULT);
    CHECK(guard.ctx.last.code == Code::timeout);
    guard.ctx.wait_status = HOWDAH_OK;
    CHECK(guard.beforeQuery(longRead()) == HOWDAH_PROCEED);
}

TEST_CASE("guard plugin: a text beyond the limit is refused on the spot") {
    Loaded guard;
    CHECK(guard.beforeQuery(std::string(65537, ' ')) == HOWDAH_DENY);
    CHECK(guard.ctx.last.rule == "text-too-long");
    CHECK(guard.ctx.offloads == 0);
}

TEST_CASE("guard plugin: the configuration opens names and checks them") {
    Loaded guard(R"({"functions_allowed": ["st_*"], "operators_allowed": ["<=>"], "cache": {"entries_max": 0}})");
    CHECK(guard.beforeQuery("select st_area(g) <=> 1 from t") == HOWDAH_PROCEED);

    howdah_ctx ctx;
    const howdah_host host{sizeof host, HOWDAH_ABI_MAJOR, HOWDAH_ABI_MINOR, nullptr, &hostInterface};
    const howdah_plugin* plugin = howdah_plugin_v1.create(&host);
    CHECK(plugin->configure(plugin->self, &ctx, toAbi(R"({"functions_allowed": ["*"]})")) < 0);
    CHECK(ctx.last.code == Code::invalid_argument);
    plugin->destroy(plugin->self);
}

TEST_CASE("guard plugin: the service howdah.statement/1 lends the same judgement") {
    Loaded guard;
    const howdah_facts* facts = nullptr;
    REQUIRE(guard.facts("select lower(a) from shop.orders", &facts) == HOWDAH_OK);
    REQUIRE(facts->table_count == 1);
    CHECK(fromAbi(facts->tables[0].schema) == "shop");
    REQUIRE(facts->function_count == 1);
    CHECK(fromAbi(facts->functions[0].name) == "lower");
    CHECK(guard.facts("drop table t", &facts) == HOWDAH_ERROR_REFUSED);
    CHECK(guard.ctx.last.rule == "schema-change");
}

}  // namespace howdah::guard
