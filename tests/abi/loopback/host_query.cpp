// The kernel's interfaces for queries and calls: query, rows, call.
#include "tests/abi/loopback/link.hpp"

namespace howdah::loopback {
namespace {

// What the plugin holds as howdah_rows*; the other side's is a number to it.
struct NearRows {
    howdah_rows* far;
    Room columns;  // until closed
    Room batch;    // until the next call on these rows
    Room report;   // until closed

    static NearRows& of(howdah_rows* rows) { return *reinterpret_cast<NearRows*>(rows); }
};

const howdah_query_v1& query(const Link& link) {
    return link.host<howdah_query_v1>(HOWDAH_QUERY_1);
}
const howdah_rows_v1& rowsOf(const Link& link) {
    return link.host<howdah_rows_v1>(HOWDAH_ROWS_1);
}
const howdah_call_v1& callOf(const Link& link) {
    return link.host<howdah_call_v1>(HOWDAH_CALL_1);
}

// The hook's query and the handler's call exist during their call only.
howdah_query* farQuery(NearContext& near, const howdah_query* given) {
    if (given != near.near_query) std::abort();
    return near.far_query;
}
howdah_call* farCall(NearContext& near, const howdah_call* given) {
    if (given != near.near_call) std::abort();
    return near.far_call;
}

struct QueryTable {
    static howdah_status run(howdah_ctx* ctx, const howdah_query_request* request, howdah_rows** rows) {
        Outward way(ctx);
        Bytes answer = carry(
            [&](Writer& out, howdah_query_request& given) {
                howdah_rows* made = nullptr;
                put(out, query(way.link()).run(way.ctx(), &given, &made));
                put(out, reinterpret_cast<std::uintptr_t>(made));
            },
            *request);
        std::uintptr_t handle = 0;
        howdah_status status = settle(answer, way.results(), handle);
        if (status >= 0) {
            auto made = std::make_unique<NearRows>();
            made->far = reinterpret_cast<howdah_rows*>(handle);
            *rows = reinterpret_cast<howdah_rows*>(made.release());
        }
        return status;
    }
    static howdah_status registerStatement(howdah_ctx* ctx, howdah_str sql, std::uint32_t access) {
        Outward way(ctx);
        Bytes answer =
            carry([&](Writer& out, howdah_str text,
                      std::uint32_t given) { put(out, query(way.link()).register_statement(way.ctx(), text, given)); },
                  sql, access);
        return settle(answer, way.results());
    }
    // A setter: the query is named by its context, the arguments are carried.
    template <typename Function, typename... Arguments>
    static howdah_status set(howdah_ctx* ctx, const howdah_query* near, Function function,
                             const Arguments&... arguments) {
        Outward way(ctx);
        howdah_query* far = farQuery(way.near(), near);
        Bytes answer =
            carry([&](Writer& out, auto&... given) { put(out, function(query(way.link()), way.ctx(), far, given...)); },
                  arguments...);
        return settle(answer, way.results());
    }
    static howdah_status setSql(howdah_ctx* ctx, howdah_query* near, howdah_str sql) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, howdah_str text) { return table.set_sql(far_ctx, far, text); },
            sql);
    }
    static howdah_status setParameters(howdah_ctx* ctx, howdah_query* near, const howdah_value* values,
                                       std::uint64_t count) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, List<howdah_value>& list) {
                return table.set_parameters(far_ctx, far, list.values, list.count);
            },
            List<howdah_value>{values, count});
    }
    static howdah_status setLimits(howdah_ctx* ctx, howdah_query* near, std::uint64_t rows_max, std::uint64_t bytes_max,
                                   std::uint64_t timeout_ms) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, auto rows, auto bytes, auto timeout) {
                return table.set_limits(far_ctx, far, rows, bytes, timeout);
            },
            rows_max, bytes_max, timeout_ms);
    }
    static howdah_status setSetting(howdah_ctx* ctx, howdah_query* near, howdah_str name, howdah_str value) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, howdah_str key, howdah_str text) {
                return table.set_setting(far_ctx, far, key, text);
            },
            name, value);
    }
    static howdah_status setDatabase(howdah_ctx* ctx, howdah_query* near, howdah_str name) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, howdah_str text) {
                return table.set_database(far_ctx, far, text);
            },
            name);
    }
    static howdah_status setFacts(howdah_ctx* ctx, howdah_query* near, const howdah_facts* facts) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, howdah_facts& given) {
                return table.set_facts(far_ctx, far, &given);
            },
            *facts);
    }
    static howdah_status addTag(howdah_ctx* ctx, howdah_query* near, howdah_str tag) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, howdah_str text) { return table.add_tag(far_ctx, far, text); },
            tag);
    }
    static howdah_status hasTag(howdah_ctx* ctx, howdah_query* near, howdah_str tag) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, howdah_str text) { return table.has_tag(far_ctx, far, text); },
            tag);
    }
    static howdah_status reply(howdah_ctx* ctx, howdah_query* near, const howdah_result* result) {
        return set(
            ctx, near,
            [](auto& table, auto* far_ctx, auto* far, howdah_result& given) {
                return table.reply(far_ctx, far, &given);
            },
            *result);
    }
    static howdah_status connectDatabase(howdah_ctx* ctx, howdah_str database) {
        Outward way(ctx);
        Bytes answer =
            carry([&](Writer& out, howdah_str name) { put(out, query(way.link()).connect_database(way.ctx(), name)); },
                  database);
        return settle(answer, way.results());
    }
    static constexpr howdah_query_v1 kTable{sizeof(howdah_query_v1),
                                            0,
                                            &run,
                                            &registerStatement,
                                            &setSql,
                                            &setParameters,
                                            &setLimits,
                                            &setSetting,
                                            &setDatabase,
                                            &setFacts,
                                            &addTag,
                                            &hasTag,
                                            &reply,
                                            &connectDatabase};
};

struct RowsTable {
    static howdah_status columns(howdah_ctx* ctx, howdah_rows* rows, const howdah_column** columns,
                                 std::uint64_t* count) {
        Outward way(ctx);
        NearRows& near = NearRows::of(rows);
        Bytes answer = carry([&](Writer& out) {
            List<howdah_column> made;
            put(out, rowsOf(way.link()).columns(way.ctx(), near.far, &made.values, &made.count));
            put(out, made);
        });
        List<howdah_column> list;
        howdah_status status = settle(answer, near.columns, list);
        *columns = list.values, *count = list.count;
        return status;
    }
    static howdah_status next(howdah_ctx* ctx, howdah_rows* rows, howdah_batch* batch) {
        Outward way(ctx);
        NearRows& near = NearRows::of(rows);
        near.batch.clear();
        Bytes answer = carry([&](Writer& out) {
            howdah_batch made{};
            put(out, rowsOf(way.link()).next(way.ctx(), near.far, &made));
            put(out, made);
        });
        return settle(answer, near.batch, *batch);
    }
    static howdah_status trailer(howdah_ctx* ctx, howdah_rows* rows, howdah_trailer* trailer) {
        Outward way(ctx);
        NearRows& near = NearRows::of(rows);
        Bytes answer = carry([&](Writer& out) {
            howdah_trailer made{};
            made.struct_size = sizeof made;
            put(out, rowsOf(way.link()).trailer(way.ctx(), near.far, &made));
            put(out, made);
        });
        return settle(answer, way.results(), *trailer);
    }
    static howdah_status complete(howdah_ctx* ctx, howdah_rows* rows) {
        Outward way(ctx);
        Bytes answer =
            carry([&](Writer& out) { put(out, rowsOf(way.link()).complete(way.ctx(), NearRows::of(rows).far)); });
        return settle(answer, way.results());
    }
    static void close(howdah_ctx* ctx, howdah_rows* rows) {
        Outward way(ctx);
        std::unique_ptr<NearRows> near(&NearRows::of(rows));
        carry([&](Writer&) { rowsOf(way.link()).close(way.ctx(), near->far); });
    }
    static howdah_status report(howdah_ctx* ctx, howdah_rows* rows, howdah_str* json) {
        Outward way(ctx);
        NearRows& near = NearRows::of(rows);
        Bytes answer = carry([&](Writer& out) {
            howdah_str made{"", 0};
            put(out, rowsOf(way.link()).report(way.ctx(), near.far, &made));
            put(out, made);
        });
        return settle(answer, near.report, *json);
    }
    static constexpr howdah_rows_v1 kTable{
        sizeof(howdah_rows_v1), 0, &columns, &next, &trailer, &complete, &close, &report};
};

struct CallTable {
    static howdah_status argument(howdah_ctx* ctx, howdah_call* near, howdah_str name, howdah_value* out) {
        Outward way(ctx);
        howdah_call* far = farCall(way.near(), near);
        Bytes answer = carry(
            [&](Writer& answered, howdah_str given) {
                howdah_value made{};
                put(answered, callOf(way.link()).argument(way.ctx(), far, given, &made));
                put(answered, made);
            },
            name);
        return settle(answer, way.results(), *out);
    }
    static howdah_status arguments(howdah_ctx* ctx, howdah_call* near, howdah_str* json) {
        Outward way(ctx);
        howdah_call* far = farCall(way.near(), near);
        Bytes answer = carry([&](Writer& out) {
            howdah_str made{};
            put(out, callOf(way.link()).arguments(way.ctx(), far, &made));
            put(out, made);
        });
        return settle(answer, way.results(), *json);
    }
    static howdah_status text(howdah_ctx* ctx, howdah_call* near, howdah_str bytes) {
        return write(&howdah_call_v1::text, ctx, near, bytes);
    }
    static howdah_status structured(howdah_ctx* ctx, howdah_call* near, howdah_str json) {
        return write(&howdah_call_v1::structured, ctx, near, json);
    }
    static howdah_status content(howdah_ctx* ctx, howdah_call* near, howdah_str json) {
        return write(&howdah_call_v1::content, ctx, near, json);
    }
    static howdah_status progress(howdah_ctx* ctx, howdah_call* near, double done, double total, howdah_str message) {
        Outward way(ctx);
        howdah_call* far = farCall(way.near(), near);
        Bytes answer =
            carry([&](Writer& out, double so_far, double all,
                      howdah_str given) { put(out, callOf(way.link()).progress(way.ctx(), far, so_far, all, given)); },
                  done, total, message);
        return settle(answer, way.results());
    }
    static howdah_status log(howdah_ctx* ctx, howdah_call* near, std::uint32_t level, howdah_str logger,
                             howdah_str data) {
        Outward way(ctx);
        howdah_call* far = farCall(way.near(), near);
        Bytes answer = carry(
            [&](Writer& out, std::uint32_t given_level, howdah_str given_logger, howdah_str given) {
                put(out, callOf(way.link()).log(way.ctx(), far, given_level, given_logger, given));
            },
            level, logger, data);
        return settle(answer, way.results());
    }
    static howdah_status ask(howdah_ctx* ctx, howdah_call* near, howdah_str questions, howdah_str* answers) {
        Outward way(ctx);
        howdah_call* far = farCall(way.near(), near);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given) {
                howdah_str made{};
                put(out, callOf(way.link()).ask(way.ctx(), far, given, &made));
                put(out, made);
            },
            questions);
        return settle(answer, way.results(), *answers);
    }
    static howdah_status continueAsTask(howdah_ctx* ctx, howdah_call* near) {
        Outward way(ctx);
        howdah_call* far = farCall(way.near(), near);
        Bytes answer = carry([&](Writer& out) { put(out, callOf(way.link()).continue_as_task(way.ctx(), far)); });
        return settle(answer, way.results());
    }
    static constexpr howdah_call_v1 kTable{
        sizeof(howdah_call_v1), 0, &argument, &arguments, &text, &structured, &content, &progress, &log, &ask,
        &continueAsTask};

private:
    static howdah_status write(decltype(howdah_call_v1::text) howdah_call_v1::* function, howdah_ctx* ctx,
                               howdah_call* near, howdah_str bytes) {
        Outward way(ctx);
        howdah_call* far = farCall(way.near(), near);
        Bytes answer = carry(
            [&](Writer& out, howdah_str given) { put(out, (callOf(way.link()).*function)(way.ctx(), far, given)); },
            bytes);
        return settle(answer, way.results());
    }
};

}  // namespace

const void* queryTable(const std::string& id) {
    if (id == HOWDAH_QUERY_1) return &QueryTable::kTable;
    if (id == HOWDAH_ROWS_1) return &RowsTable::kTable;
    if (id == HOWDAH_CALL_1) return &CallTable::kTable;
    return nullptr;
}

}  // namespace howdah::loopback
