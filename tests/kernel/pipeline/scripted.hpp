// A hook chain and an executor that do what a script says, and write down who was called.
//
// Threads: used on one fiber; worker slots call back on a worker while that fiber waits.
// Owns:    the instances, the generation, the log of one run.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <howdah/host.hpp>

#include "kernel/host/host_services.hpp"
#include "kernel/host/host_tables.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/host/library.hpp"
#include "kernel/pipeline/query_run.hpp"
#include "kernel/pipeline/request.hpp"
#include "kernel/runtime/support.hpp"

namespace howdah::kernel {

// The last four proceed, except cancel_fault: while the hook runs the request is cancelled, its deadline passes, or
// another generation is published.
enum class Forward : std::uint8_t {
    proceed,
    reply,
    deny,
    fault,
    unknown,
    budget,
    cancel,
    cancel_fault,
    expire,
    reload
};
enum class Backward : std::uint8_t { proceed, reply, deny, fault };
enum class Ends : std::uint8_t { result, error, streamed, error_in_stream, stops_reading };

struct Script {
    Forward forward = Forward::proceed;
    Backward backward = Backward::proceed;
    OnFailure on_failure = OnFailure::deny;
    Mode mode = Mode::enforce;
    Stage stage = Stage::observe;
};

// What one run was seen to do: "b0 b1 x a1 a0" and how it ended ("rows db", "error deny b1").
struct Seen {
    std::string calls;
    std::string outcome;
    unsigned quarantined = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
};

inline Manifest manifestOf(const std::string& id, const std::string& more = {}) {
    auto made = Manifest::fromText(
        R"({"schema":1,"id":")" + id +
            R"(","version":"1.0.0","summary":"test","abi":{"needs":0},"permissions":["db.read"])" + more + "}",
        "test");
    REQUIRE(made);
    return *made;
}

// The kernel around a chain: services, a runtime of one shard, one database.
class Bench {
public:
    Bench() : runtime_(startRuntime()), services_{generations, *runtime_, kv_} {
        services_.quarantine = [this](Instance&, const std::string&) { ++quarantined; };
    }
    HostServices& services() { return services_; }
    Runtime& runtime() { return *runtime_; }
    Shard& shard() { return runtime_->shard(0); }
    void on(FunctionRef body) { onFiber(shard(), body); }

    std::shared_ptr<Instance> instance(const std::string& id, bool worker = false, const std::string& more = {}) {
        return std::make_shared<Instance>(manifestOf(id, more), nullptr, services_,
                                          Instance::Placement{.folder = "", .worker = worker, .key = ""});
    }
    std::unique_ptr<Generation> generation() {
        auto made = std::make_unique<Generation>();
        made->databases = {{"main", false}, {"other", false}};
        return made;
    }

    GenerationStore generations;
    unsigned quarantined = 0;

private:
    KvStore kv_;
    std::unique_ptr<Runtime> runtime_;
    HostServices services_;
};

inline howdah_query_request request(std::string_view sql) {
    howdah_query_request query{};
    query.struct_size = sizeof query;
    query.access = HOWDAH_ACCESS_READ;
    query.provenance = HOWDAH_PROVENANCE_CLIENT;
    query.sql = toAbi(sql);
    return query;
}

// An executor whose answer is scripted. Batches of a stream are larger than what is held in memory.
struct FakeExecutor {
    Ends ends = Ends::result;
    std::string calls;
    std::string sql;       // of the last execution
    std::string database;  // likewise
    std::string settings;
    const howdah_facts* facts = nullptr;
    std::uint32_t flags = 0;
    bool never_answers = false;  // waits until the request or its time is over, from execute() or the second batch on
    std::int64_t time_ns = 0;    // it was given for that
    unsigned open = 0;
    unsigned step = 0;
    std::uint64_t batch_bytes = QueryRun::kCompleteBytes + 1;

    static FakeExecutor& of(void* self) { return *static_cast<FakeExecutor*>(self); }
    static howdah_status fail(howdah_ctx* ctx, Error error) { return ctx->fail(std::move(error)); }
    static howdah_status waitForever(void* self, howdah_ctx* ctx) {
        of(self).time_ns = ctx->waitDeadline().remainingNs();
        const WaitStatus ended = sleepUntil(ctx->request->cancellation, ctx->waitDeadline());
        return fail(ctx, waitError(ended == WaitStatus::ready ? WaitStatus::timeout : ended, ctx->request->cancellation,
                                   "the database is silent"));
    }

    static howdah_status execute(void* self, howdah_ctx* ctx, const howdah_execution* execution,
                                 std::uint64_t* cursor) noexcept {
        FakeExecutor& it = of(self);
        it.calls += "x ";
        it.sql = fromAbi(execution->sql);
        it.database = fromAbi(execution->database);
        it.settings.clear();
        for (std::uint64_t i = 0; i < execution->setting_count; ++i)
            it.settings +=
                concat(fromAbi(execution->settings[i].name), "=", fromAbi(execution->settings[i].value), ";");
        it.facts = execution->facts;
        it.flags = execution->flags;
        if (it.never_answers && it.ends == Ends::result) return waitForever(self, ctx);
        if (it.ends == Ends::error) return fail(ctx, Error::database("42601", "db"));
        ++it.open;
        it.step = 0;
        *cursor = 1;
        return HOWDAH_OK;
    }
    static howdah_status columns(void*, howdah_ctx*, std::uint64_t, const howdah_column** columns,
                                 std::uint64_t* count) noexcept {
        static const howdah_column kColumn{{"db", 2}, 25, -1};
        *columns = &kColumn;
        *count = 1;
        return HOWDAH_OK;
    }
    static howdah_status next(void* self, howdah_ctx* ctx, std::uint64_t, howdah_batch* batch) noexcept {
        static const std::vector<std::uint8_t> kBytes(QueryRun::kCompleteBytes + 1);
        FakeExecutor& it = of(self);
        const unsigned step = it.step++;
        if (it.never_answers && step == 1) return waitForever(self, ctx);
        if (it.ends == Ends::result) {
            if (step == 1) return 0;
            *batch = {kBytes.data(), 8, 1};
            return 1;
        }
        if (it.ends == Ends::error_in_stream && step == 1) return fail(ctx, Error::database("57014", "db"));
        if (step == 2) return 0;
        *batch = {kBytes.data(), it.batch_bytes, 1};
        return 1;
    }
    static howdah_status trailer(void*, howdah_ctx*, std::uint64_t, howdah_trailer* trailer) noexcept {
        *trailer = {sizeof *trailer, 0, 1, -1, 0, {"SELECT 1", 8}, HOWDAH_FROM_DATABASE, 0, 0, 0};
        return HOWDAH_OK;
    }
    static void close(void* self, howdah_ctx*, std::uint64_t) noexcept { --of(self).open; }

    Service<howdah_sql_v1> service(Instance& instance) {
        static const howdah_sql_v1 kTable{sizeof kTable, 0, &execute, &columns, &next, &trailer, &close};
        return {this, &kTable, &instance};
    }
};

inline howdah_status replyWith(howdah_ctx* ctx, howdah_query* query, std::string_view column) {
    const howdah_column columns[] = {{toAbi(column), 25, -1}};
    howdah_result result{};
    result.struct_size = sizeof result;
    result.columns = columns;
    result.column_count = 1;
    result.trailer.struct_size = sizeof result.trailer;
    return kHostQuery.reply(ctx, query, &result);
}

// One hook of a scripted chain.
struct FakeHook {
    Script script;
    unsigned index = 0;
    std::string* calls = nullptr;
    Cancellation* cancellation = nullptr;
    GenerationStore* generations = nullptr;

    std::string name(char direction) const { return concat(direction, index); }
    std::uint32_t back(howdah_ctx* ctx, howdah_query* query) const {
        switch (script.backward) {
            case Backward::proceed: return HOWDAH_PROCEED;
            case Backward::reply: (void)replyWith(ctx, query, name('r')); return HOWDAH_REPLY;
            case Backward::deny: ctx->fail(Error::refused("deny ", name('r'))); return HOWDAH_DENY;
            case Backward::fault: ctx->fail(Error::internal("broken")); return HOWDAH_FAULT;
        }
        return 0;
    }

    static FakeHook& of(void* self) { return *static_cast<FakeHook*>(self); }
    static std::uint32_t before(void* self, howdah_ctx* ctx, howdah_query* query) noexcept {
        FakeHook& it = of(self);
        *it.calls += it.name('b') + " ";
        switch (it.script.forward) {
            case Forward::proceed: return HOWDAH_PROCEED;
            case Forward::reply: (void)replyWith(ctx, query, it.name('b')); return HOWDAH_REPLY;
            case Forward::deny: ctx->fail(Error::refused("deny ", it.name('b'))); return HOWDAH_DENY;
            case Forward::fault: ctx->fail(Error::internal("broken")); return HOWDAH_FAULT;
            case Forward::unknown: return 77;
            case Forward::budget:
                (void)ctx->waitDeadline();
                ctx->noteTimeout();
                return HOWDAH_PROCEED;
            case Forward::cancel: it.cancellation->cancel(CancelReason::requested); return HOWDAH_PROCEED;
            case Forward::cancel_fault:
                it.cancellation->cancel(CancelReason::requested);
                ctx->fail(Error::internal("broken"));
                return HOWDAH_FAULT;
            case Forward::expire:
                ctx->deadline = Deadline(Deadline::Clock::now() - std::chrono::seconds(1));
                ctx->used = true;  // by a host call that waited so long
                return HOWDAH_PROCEED;
            case Forward::reload: it.generations->publish(std::make_unique<Generation>()); return HOWDAH_PROCEED;
        }
        return 0;
    }
    static std::uint32_t after(void* self, howdah_ctx* ctx, howdah_query* query, const howdah_result*) noexcept {
        *of(self).calls += of(self).name('a') + " ";
        return of(self).back(ctx, query);
    }
    static std::uint32_t error(void* self, howdah_ctx* ctx, howdah_query* query, const howdah_error*) noexcept {
        *of(self).calls += of(self).name('e') + " ";
        return of(self).back(ctx, query);
    }

    HookSlot slot(Instance& instance) {
        static const howdah_hooks_v1 kTable{sizeof kTable, 0,       &before, &after, &error,
                                            nullptr,       nullptr, nullptr, nullptr};
        HookSlot made;
        made.self = this;
        made.table = &kTable;
        made.instance = &instance;
        made.stage = script.stage;
        made.mode = script.mode;
        made.on_failure = script.on_failure;
        made.worker = instance.onWorker();
        return made;
    }
};

}  // namespace howdah::kernel
