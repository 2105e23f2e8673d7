// howdah.query/1 and howdah.rows/1: running statements, and what hooks may do to one.
#include <algorithm>

#include <howdah/host.hpp>
#include <howdah/rows.hpp>

#include "kernel/host/host_services.hpp"
#include "kernel/host/host_tables.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/calls.hpp"
#include "kernel/pipeline/context.hpp"
#include "kernel/pipeline/query_run.hpp"
#include "kernel/runtime/worker_bridge.hpp"

namespace howdah::kernel {
namespace {

// A howdah_rows is a QueryRun; the tool sees only the name.
howdah_rows* toHandle(QueryRun* run) {
    return reinterpret_cast<howdah_rows*>(run);
}
QueryRun& runOf(howdah_rows* rows) {
    return *reinterpret_cast<QueryRun*>(rows);
}
QueryRun& runOf(howdah_query* query) {
    return *static_cast<QueryRun*>(query);
}

howdah_status settle(howdah_ctx* ctx, Result<void> done) {
    if (done) return HOWDAH_OK;
    if (done.error().code == Code::timeout) ctx->noteTimeout();
    return ctx->fail(std::move(done).error());
}

// --- running

howdah_status queryRun(howdah_ctx* ctx, const howdah_query_request* request, howdah_rows** rows) noexcept {
    *rows = nullptr;
    Result<void> done;
    WorkerBridge::atHome([&] {
        Request& served = *ctx->request;
        GenerationPin generation = served.generation ? served.generation : ctx->instance->services().generations.pin();
        if (!generation) {
            done = Error::unavailable("the server is still starting");
            return;
        }
        auto run = std::make_unique<QueryRun>(*ctx, std::move(generation));
        done = run->run(*request);
        if (!done) return;
        *rows = toHandle(run.get());
        served.queries.push_back(std::move(run));
    });
    return settle(ctx, std::move(done));
}

howdah_status queryRegister(howdah_ctx* ctx, howdah_str sql, std::uint32_t access) noexcept {
    return settle(ctx, ctx->instance->registerStatement(fromAbi(sql), access));
}

// --- what hooks may do; quick, so done where the hook runs

howdah_status querySetSql(howdah_ctx* ctx, howdah_query* query, howdah_str sql) noexcept {
    return settle(ctx, runOf(query).setSql(fromAbi(sql)));
}
howdah_status querySetParameters(howdah_ctx* ctx, howdah_query* query, const howdah_value* values,
                                 std::uint64_t count) noexcept {
    return settle(ctx, runOf(query).setParameters(values, count));
}
howdah_status querySetLimits(howdah_ctx* ctx, howdah_query* query, std::uint64_t rows_max, std::uint64_t bytes_max,
                             std::uint64_t timeout_ms) noexcept {
    return settle(ctx, runOf(query).setLimits(rows_max, bytes_max, timeout_ms));
}
howdah_status querySetSetting(howdah_ctx* ctx, howdah_query* query, howdah_str name, howdah_str value) noexcept {
    return settle(ctx, runOf(query).setSetting(fromAbi(name), fromAbi(value)));
}
howdah_status querySetDatabase(howdah_ctx* ctx, howdah_query* query, howdah_str name) noexcept {
    return settle(ctx, runOf(query).setDatabase(fromAbi(name)));
}
howdah_status querySetFacts(howdah_ctx* ctx, howdah_query* query, const howdah_facts* facts) noexcept {
    return settle(ctx, runOf(query).setFacts(*facts));
}
howdah_status queryAddTag(howdah_ctx* ctx, howdah_query* query, howdah_str tag) noexcept {
    return settle(ctx, runOf(query).addTag(fromAbi(tag)));
}
howdah_status queryHasTag(howdah_ctx*, howdah_query* query, howdah_str tag) noexcept {
    return runOf(query).hasTag(fromAbi(tag)) ? 1 : 0;
}
howdah_status queryReply(howdah_ctx* ctx, howdah_query* query, const howdah_result* result) noexcept {
    return settle(ctx, runOf(query).setReply(*result));
}

// The pool has a new connection: the onConnect hooks may still close it.
howdah_status queryConnectDatabase(howdah_ctx* ctx, howdah_str database) noexcept {
    Result<void> done;
    WorkerBridge::atHome([&] {
        howdah_connect_event event{};
        event.struct_size = sizeof event;
        event.kind = HOWDAH_CONNECT_DATABASE;
        event.principal = ctx->request->principalView();
        event.database = database;
        const Request& served = *ctx->request;
        // A task of the pool has no generation of its own.
        done = raiseConnect(*ctx->request,
                            served.generation ? served.generation : ctx->instance->services().generations.pin(), event);
    });
    return settle(ctx, std::move(done));
}

// --- reading

howdah_status rowsColumns(howdah_ctx*, howdah_rows* rows, const howdah_column** columns,
                          std::uint64_t* count) noexcept {
    *columns = runOf(rows).columns().data();
    *count = runOf(rows).columns().size();
    return HOWDAH_OK;
}

howdah_status rowsNext(howdah_ctx* ctx, howdah_rows* rows, howdah_batch* batch) noexcept {
    Result<bool> more = false;
    if (runOf(rows).complete()) {  // in memory: no waiting, no reason to leave this thread
        more = runOf(rows).next(*batch);
    } else {
        WorkerBridge::atHome([&] { more = runOf(rows).next(*batch); });
    }
    if (!more) return ctx->fail(std::move(more).error());
    return *more ? 1 : 0;
}

howdah_status rowsTrailer(howdah_ctx*, howdah_rows* rows, howdah_trailer* trailer) noexcept {
    copyTrailer(runOf(rows).trailer(), *trailer);
    return HOWDAH_OK;
}

howdah_status rowsComplete(howdah_ctx*, howdah_rows* rows) noexcept {
    return runOf(rows).complete() ? 1 : 0;
}

void rowsClose(howdah_ctx* ctx, howdah_rows* rows) noexcept {
    WorkerBridge::atHome([&] {
        auto& open = ctx->request->queries;
        auto found = std::find_if(open.begin(), open.end(), [&](const auto& run) { return run.get() == &runOf(rows); });
        if (found == open.end()) return;
        // Out of the list first: a hook that hears of the end may run a query of its own.
        std::unique_ptr<QueryRun> closing = std::move(*found);
        open.erase(found);
    });
}

howdah_status rowsReport(howdah_ctx*, howdah_rows* rows, howdah_str* json) noexcept {
    *json = runOf(rows).report();
    return HOWDAH_OK;
}

}  // namespace

const howdah_query_v1 kHostQuery{sizeof(howdah_query_v1),
                                 0,
                                 &queryRun,
                                 &queryRegister,
                                 &querySetSql,
                                 &querySetParameters,
                                 &querySetLimits,
                                 &querySetSetting,
                                 &querySetDatabase,
                                 &querySetFacts,
                                 &queryAddTag,
                                 &queryHasTag,
                                 &queryReply,
                                 &queryConnectDatabase};

const howdah_rows_v1 kHostRows{sizeof(howdah_rows_v1), 0,          &rowsColumns, &rowsNext, &rowsTrailer,
                               &rowsComplete,          &rowsClose, &rowsReport};

}  // namespace howdah::kernel
