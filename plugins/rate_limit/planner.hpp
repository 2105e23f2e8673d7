// What PostgreSQL's planner thinks a client's statement costs, before it runs.
//
// EXPLAIN of a client's text is a client's text: it runs as a nested query, which passes scope and guard itself, so
// nothing is planned that the guard has not allowed. What the guard knows of the statement says whether it has a plan
// at all.
//
// Threads: the request's fiber; parks it for a round trip.
// Errors:  the guard's, for a text it refuses; the database's, with its place in the client's text; refused for an
// EXPLAIN
//          that may run its statement, whose cost nobody can tell.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include <howdah/query.hpp>
#include <howdah/rows.hpp>

namespace howdah::rate_limit {

class Planner {
public:
    Planner() = default;
    Planner(const howdah_statement_v1* table, void* self) : table_(table), self_(self) {}
    explicit operator bool() const { return table_ != nullptr; }

    // 0 for what has no plan.
    Result<double> costOf(const Query& query) const;

private:
    const howdah_statement_v1* table_ = nullptr;
    void* self_ = nullptr;
};

}  // namespace howdah::rate_limit
