// One statement as a client asked for it, and as a handle keeps it until the client goes on.
//
// Owns:   everything in it.
// Errors: invalid_argument for a state of another version of this plugin.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/tool_call.hpp>

namespace howdah::query {

struct Ask {
    std::string sql;
    Json params;  // null: none
    std::string database;
    std::string format;
    std::uint64_t rows_max = 0;
    std::uint64_t timeout_ms = 0;
    std::uint64_t skip = 0;  // rows that have been shown

    std::string toState() const {
        return Json::array({sql, params, database, format, rows_max, timeout_ms, skip})
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
        } catch (const Json::exception&) {
            return Error::invalidArgument("the handle is of another version").withHint("run the query again");
        }
        return ask;
    }
};

}  // namespace howdah::query
