// The last statements of each principal: what tells that one shape of statement is asked again and again. Their
// constants are not kept, only a hash that tells different ones apart.
//
// Threads: any; the mutex is never held across a call of the host.
// Owns:    the texts, at most recent_max of each principal, principals_max principals and recent_bytes_max bytes in
// all:
//          then whoever asked longest ago is forgotten first. What is older than the window goes with the next
//          statement of the same principal, and all of a principal's with the next of anybody.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/optimizer/config.hpp"

namespace howdah::optimizer {

struct RecentStatement {
    std::string sql;                // without its constants; at most kTextMax
    std::uint64_t values_hash = 0;  // of the text with its constants, and of the parameters
    std::uint64_t at_ns = 0;
    double took_ms = 0;
    double rows = 0;
    std::uint64_t text_hash = 0;  // of the text with its constants, without parameters
};

class Recent {
public:
    static constexpr std::size_t kTextMax = 4096;  // bytes; a longer text is not remembered
    explicit Recent(const Config& config) : config_(config) {}

    void note(std::string_view principal, RecentStatement statement);
    // The text kept of the same text asked before by this principal: to take its constants out again would cost more.
    std::optional<std::string> textOf(std::string_view principal, std::uint64_t text_hash) const;
    // Those within the window, oldest first.
    std::vector<RecentStatement> of(std::string_view principal, std::uint64_t now_ns) const;
    std::size_t principalCount() const;
    std::size_t bytes() const;

private:
    struct Of {
        std::string principal;
        std::deque<RecentStatement> statements;
    };
    static std::size_t sizeOf(const RecentStatement& statement) { return sizeof statement + statement.sql.size(); }
    std::uint64_t windowNs() const { return static_cast<std::uint64_t>(config_.recent_window.count()) * 1'000'000'000; }
    void forgetOldest(Of& of);
    void forgetLast();
    const Config config_;
    mutable std::mutex mutex_;
    std::list<Of> all_;  // who asked last stands first; each has a statement
    std::size_t bytes_ = 0;
    std::unordered_map<std::string_view, std::list<Of>::iterator> by_principal_;
};

// Statements of one shape: `same` tells which of them are, in the order of `statements`.
struct Repetition {
    std::size_t count = 0;
    std::size_t distinct = 0;  // constants and values
    double took_ms = 0;
    double seconds = 0;  // from the first to the last
    std::string before;  // the statement of another shape that came before the first: the "1" of N+1
};
Repetition repetitionOf(const std::vector<RecentStatement>& statements, const std::vector<bool>& same);

}  // namespace howdah::optimizer
