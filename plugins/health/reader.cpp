#include "plugins/health/reader.hpp"

#include <algorithm>
#include <utility>

#include <howdah/own_statement.hpp>

#include "plugins/health/judge.hpp"
#include "plugins/health/names.hpp"

namespace howdah::health {

using Json = nlohmann::json;

constexpr Statement kPingStatement{"select 1"};

namespace {

// Their judges look at the first row, which a sound server always gives.
bool needsRow(const Check& check) {
    for (const Check* one : {&kConnections, &kArchiving, &kCache, &kCheckpoints, &kMemory, &kDisk, &kPermissions}) {
        if (one == &check) return true;
    }
    return false;
}

}  // namespace

std::string reasonOf(const Error& error, const Server& server, std::chrono::milliseconds limit) {
    // 57014: the server heard of the time limit first; 55P03: of its own lock_timeout.
    if (error.code == Code::timeout || error.sqlstate == "57014" || error.sqlstate == "55P03")
        return concat("timed out after ", limit.count(), " ms");
    if (error.sqlstate == "42501")
        return concat("role ", server.role, " may not read it (", error.message, "): grant pg_monitor to ",
                      server.role);
    if (error.sqlstate == "42P01" || error.sqlstate == "42703" || error.sqlstate == "42883")
        return concat("this server does not have it (", error.message, ")");
    return error.message;
}

Result<Table> Reader::ask(const Context& context, std::string_view database, const Statement& statement,
                          const std::vector<std::int64_t>& values) const {
    const Values parameters(values.begin(), values.end());
    auto asked =
        runOwn(context, database, statement, parameters, static_cast<std::uint64_t>(config_.check_timeout.count()));
    if (!asked) return std::move(asked).error();
    Rows& rows = *asked;
    std::vector<std::string> columns;
    for (const howdah_column& column : rows.columns())
        columns.emplace_back(fromAbi(column.name));
    Table table(std::move(columns), {});
    for (;;) {
        auto more = rows.next();
        if (!more) return std::move(more).error();
        if (!*more) break;
        Table::Cells cells;
        for (const Cell& cell : rows.cells())
            cells.push_back(cell.isNull() ? std::nullopt : std::optional(std::string(cell.text())));
        table.add(std::move(cells));
    }
    auto trailer = rows.trailer();
    if (!trailer) return std::move(trailer).error();
    if (trailer->truncated) table.cut();
    return table;
}

Result<double> Reader::pingMs(const Context& context, std::string_view database) const {
    const std::uint64_t began_ns = host_.nowNs();
    auto rows = ask(context, database, kPingStatement);
    if (!rows) return std::move(rows).error();
    return msSince(began_ns);
}

Json Reader::poolState(const Context& context, const std::string& database) const {
    howdah_str json{};
    if (!pool_.table || pool_.table->state(pool_.self, context.raw(), toAbi(database), &json) < 0)
        return Json::object();
    Json state = Json::parse(fromAbi(json), nullptr, false);
    return state.is_object() ? state : Json::object();
}

Json Reader::describe(const Context& context) const {
    howdah_str json{};
    if (host_.kernel().describe(host_.raw(), context.raw(), &json) < 0) return Json::object();
    Json described = Json::parse(fromAbi(json), nullptr, false);
    return described.is_object() ? described : Json::object();
}

// Looks up each host of the connection string. One that does not come back in time goes on alone, on its worker.
Json Reader::network(const Context& context, const std::string& database) const {
    const Json state = poolState(context, database);
    Json told{{"hosts", Json::array()}};
    for (const Json& host : state.value("hosts", Json::array())) {
        const auto name = host.get<std::string>();
        if (!needsLookup(name)) continue;
        const auto lookup = std::make_shared<Lookup>(name);
        const std::uint64_t began_ns = host_.nowNs();
        const auto limit_ns = static_cast<std::uint64_t>(config_.check_timeout.count()) * 1'000'000;
        const auto done = jobs_.run(context, [lookup] { lookup->run(); }, HOWDAH_OFFLOAD_BLOCKING, began_ns + limit_ns);
        Json entry{{"name", name}, {"ms", msSince(began_ns)}};
        if (!done && done.error().code == Code::timeout) {
            entry["error"] = concat("no answer within ", config_.check_timeout.count(), " ms");
        } else if (!done) {
            continue;  // no worker was free: that says nothing of the name
        } else if (const std::string error = lookup->error(); !error.empty()) {
            entry["error"] = error;
        }
        told["hosts"].push_back(std::move(entry));
    }
    if (state.contains("server_certificate_until_s"))
        told["server_certificate_until_s"] = state["server_certificate_until_s"];
    const Json described = describe(context);
    if (described.contains("certificate_until_s")) told["own_certificate_until_s"] = described["certificate_until_s"];
    return told;
}

Judgement Reader::judged(const Check& check, const Server& server, const History& before, const Table& rows,
                         const Json& told) const {
    Input input{rows, told, server, config_};
    input.now_s = now_s();
    const std::string name(check.name);
    if (const History::OfCheck* known = before.of(name); known && !known->counters.empty()) {
        input.before = &known->counters;
        input.before_s = input.now_s - known->counted_s;
    }
    Judgement judgement = check.judge(input);
    if (!rows.whole()) judgement.reason = "the answer was cut at a limit of the pool; what is said holds for a part";
    before.foresee(name, judgement, input.now_s, config_);
    std::stable_sort(judgement.findings.begin(), judgement.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.status > b.status; });
    if (judgement.findings.size() > config_.findings_max) {
        judgement.figures["findings_left_out"] = judgement.findings.size() - config_.findings_max;
        judgement.findings.resize(config_.findings_max);
    }
    return judgement;
}

Outcome Reader::judgeReachability(const Server& server, const History& before, double latency_ms) const {
    Json told{{"latency_ms", latency_ms}, {"samples", before.baseline.sampleCount()}};
    if (const auto usual = before.baseline.usual(config_.thresholds)) {
        told["median_ms"] = usual->median_ms;
        told["usual_max_ms"] = usual->max_ms;
    }
    return {&kReachability, judged(kReachability, server, before, {}, told), latency_ms};
}

Outcome Reader::run(const Context& context, const std::string& database, const Check& check, const Server& server,
                    const History& before) const {
    const std::uint64_t began_ns = host_.nowNs();
    Outcome outcome{&check, {}, 0};
    Table rows;
    Json told;
    switch (check.origin) {
        case Origin::pool: told = poolState(context, database); break;
        case Origin::plugins: told = describe(context); break;
        case Origin::network: told = network(context, database); break;
        case Origin::statement: {
            const Statement* statement = check.statementFor(server.major());
            if (!statement) {
                outcome.judgement = Judgement::skipped(concat("PostgreSQL ", server.major(), " does not tell it"));
                return outcome;
            }
            auto read =
                ask(context, database, *statement, check.values ? check.values(config_) : std::vector<std::int64_t>{});
            outcome.took_ms = msSince(began_ns);
            if (!read) {
                outcome.judgement = Judgement::skipped(reasonOf(read.error(), server, config_.check_timeout));
                return outcome;
            }
            rows = std::move(*read);
            if (rows.empty() && needsRow(check)) {
                outcome.judgement = Judgement::skipped("the server gave no row");
                return outcome;
            }
        }
    }
    outcome.judgement = check.origin != Origin::statement && told.empty()
                            ? Judgement::skipped("this server tells nothing of it")
                            : judged(check, server, before, rows, told);
    outcome.took_ms = msSince(began_ns);
    return outcome;
}

}  // namespace howdah::health
