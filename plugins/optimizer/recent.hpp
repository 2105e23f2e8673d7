// The last statements of each principal: what tells that one shape of statement is asked again and again.
//
// Threads: any; the mutex is never held across a call of the host.
// Owns:    copies of the texts, at most recent_max of each principal and principals_max principals.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/optimizer/config.hpp"

namespace howdah::optimizer {

struct RecentStatement {
    std::string sql;                // cut at kTextMax
    std::uint64_t values_hash = 0;  // of the parameters
    std::uint64_t at_ns = 0;
    double took_ms = 0;
    double rows = 0;
};

class Recent {
public:
    static constexpr std::size_t kTextMax = 4096;  // bytes; a longer text is not remembered
    explicit Recent(const Config& config) : config_(config) {}

    void note(std::string_view principal, RecentStatement statement);
    // Those within the window, oldest first.
    std::vector<RecentStatement> of(std::string_view principal, std::uint64_t now_ns) const;
    std::size_t principalCount() const;

private:
    struct Of {
        std::string principal;
        std::deque<RecentStatement> statements;
    };
    const Config config_;
    mutable std::mutex mutex_;
    std::list<Of> all_;  // who asked last stands first
    std::unordered_map<std::string_view, std::list<Of>::iterator> by_principal_;
};

// Statements of one shape: `same` tells which of them are, in the order of `statements`.
struct Repetition {
    std::size_t count = 0;
    std::size_t distinct = 0;  // texts and values
    double took_ms = 0;
    double seconds = 0;  // from the first to the last
    std::string before;  // the statement of another shape that came before the first: the "1" of N+1
};
Repetition repetitionOf(const std::vector<RecentStatement>& statements, const std::vector<bool>& same);

}  // namespace howdah::optimizer
