// Asks the server: hypothetical indexes of HypoPG on a connection of its own, and EXPLAIN of the client's statements
// there. Nothing is built, nobody else sees them, and they end with the connection.
//
// Threads: the request's.
// Owns:    the session.
// Errors:  of the guard, the pool and PostgreSQL. None of them says anything about the statements, which were planned
//          before: who asks may have costs estimated instead.
// Source:  HypoPG 1.3 documentation, "Usage".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <howdah/abi/session.h>
#include <howdah/plugin.hpp>

#include "plugins/optimizer/ask.hpp"
#include "plugins/optimizer/judge.hpp"

namespace howdah::optimizer {

class HypopgJudge final : public Judge {
public:
    using Sessions = Offer::Acquired<howdah_session_v1>;

    static const Statement& statement();       // to register
    static bool knows(const IndexSpec& spec);  // HypoPG makes no GIN indexes

    // Unavailable or refused, with the reason, where HypoPG is not there or no connection can be kept.
    // Candidates are admitted until the deadline; unavailable where the server makes none of them, and not for what
    // they are (SQLSTATE of class 42).
    static Result<std::unique_ptr<HypopgJudge>> open(ToolCall& call, const Sessions& sessions, std::vector<Ask> asks,
                                                     std::uint64_t deadline_ns);
    ~HypopgJudge() override;

    std::string_view name() const override { return "hypopg"; }
    Result<Admission> admit(std::vector<Candidate>& candidates) override;
    Result<Judged> cost(std::size_t statement, const Indexes& present) override;
    // Of those asked for so far, also where admit() failed.
    const Impossible& impossible() const { return impossible_; }

private:
    HypopgJudge(ToolCall& call, const Sessions& sessions, std::vector<Ask> asks, std::uint64_t deadline_ns,
                std::string session);
    Result<void> suppose(const std::vector<std::string>& definitions);
    Result<Json> supposed();  // by a statement that asks nothing else

    ToolCall& call_;
    const Sessions sessions_;
    std::vector<Ask> asks_;
    const std::uint64_t deadline_ns_;
    const std::string session_;
    std::vector<std::string> definitions_;  // of each candidate
    Impossible impossible_;
    bool any_present_ = false;  // present_ is what the server plans with
    Indexes present_;
    std::map<std::string, std::size_t, std::less<>> names_;  // the server's, of those present
};

}  // namespace howdah::optimizer
