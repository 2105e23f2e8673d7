// One statement as a client asked for it, and as a handle keeps it until the client goes on.
//
// Owns:   everything in it.
// Errors: invalid_argument for a state of another version of this plugin.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/tool_call.hpp>

#include "config.hpp"

namespace howdah::query {

inline constexpr std::size_t kStateMax = 4096;  // bytes in a handle: a longer one costs a model more than it gives

// What every handle that does not open is answered with, whatever the reason.
inline constexpr const char* kRunAgain = "run the query again; a handle ends with time or a restart";

struct Ask {
    std::string sql;
    Json params;  // null: none
    std::string database;
    std::string format;
    std::uint64_t rows_max = 0;
    std::uint64_t timeout_ms = 0;
    std::uint64_t skip = 0;   // rows that have been shown
    bool stable = false;      // in one snapshot
    std::string cursor = {};  // the executor's, of a stable one that has been begun

    static Ask of(const Call& call, const Config& config) {
        Ask ask;
        ask.sql = call.text("sql");
        ask.params = call.json("params");
        ask.database = call.text("database");
        ask.rows_max = config.rows_max;
        ask.timeout_ms = config.timeout_ms;
        ask.takeArguments(call, config);
        return ask;
    }

    // What may be asked for anew when going on.
    void takeArguments(const Call& call, const Config& config) {
        const auto positive = [&call](std::string_view name, std::uint64_t fallback) {
            return static_cast<std::uint64_t>(call.integer(name, static_cast<std::int64_t>(fallback)));
        };
        if (std::string_view given = call.text("format"); !given.empty()) format = given;
        rows_max = std::min(positive("max_rows", rows_max), config.rows_limit);
        timeout_ms = positive("timeout_ms", timeout_ms);
    }

    QueryLimits limits() const {
        QueryLimits limits;
        limits.rows_max = rows_max;
        limits.timeout_ms = timeout_ms;
        limits.rows_skip = skip;
        if (stable) limits.flags |= HOWDAH_RUN_STABLE;
        limits.cursor = cursor;
        return limits;
    }

    std::string toState() const {
        return Json::array({sql, params, database, format, rows_max, timeout_ms, skip, stable, cursor})
            .dump(-1, ' ', false, Json::error_handler_t::replace);
    }

    static Result<Ask> fromState(std::string_view state) {
        const Json list = Json::parse(state, nullptr, false);
        Ask ask;
        try {
            list.at(0).get_to(ask.sql);
            ask.params = list.at(1);
            list.at(2).get_to(ask.database);
            list.at(3).get_to(ask.format);
            list.at(4).get_to(ask.rows_max);
            list.at(5).get_to(ask.timeout_ms);
            list.at(6).get_to(ask.skip);
            list.at(7).get_to(ask.stable);
            list.at(8).get_to(ask.cursor);
        } catch (const Json::exception&) {
            return Error::invalidArgument("the handle is of another version").withHint("run the query again");
        }
        return ask;
    }

    // Sealed for the principal of the call; "" where it is too long for a handle.
    std::string sealed(const Context& context, std::string_view purpose, std::uint64_t ttl_ms) const {
        const std::string state = toState();
        if (state.size() > kStateMax) return {};
        auto sealed = context.seal(purpose, state, ttl_ms);
        return sealed ? std::string(*sealed) : std::string{};
    }
    static Result<Ask> opened(const Context& context, std::string_view purpose, std::string_view handle) {
        auto state = context.unseal(purpose, handle);
        if (!state) return std::move(state).error().withHint(kRunAgain);
        return fromState(*state);
    }
};

}  // namespace howdah::query
