// Random texts near to statements: a few bytes changed, cut out, or taken from elsewhere; or what stands in brackets
// exchanged, which is a statement more often.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace howdah::guard::test {

class Mutator {
public:
    Mutator(std::vector<std::string> seeds, unsigned seed) : seeds_(std::move(seeds)), random_(seed) {}

    std::string next() {
        std::string sql = seeds_[pick(seeds_.size())];
        for (std::size_t edits = 1 + pick(4); edits > 0 && !sql.empty(); --edits) {
            const std::string& other = seeds_[pick(seeds_.size())];
            const std::size_t at = pick(sql.size()), from = pick(other.size() + 1);
            switch (pick(5)) {
                case 0: sql[at] = static_cast<char>(pick(256)); break;
                case 1: sql.erase(at, 1 + pick(10)); break;
                case 2: sql.insert(at, other.substr(from, 1 + pick(30))); break;
                case 3: sql.insert(at, sql.substr(pick(sql.size()), 20)); break;
                case 4: sql = sql.substr(0, at) + other.substr(from); break;
            }
        }
        return sql;
    }

    std::string nextSpliced() {
        std::string sql = seeds_[pick(seeds_.size())];
        for (std::size_t edits = 1 + pick(3); edits > 0; --edits) {
            const auto mine = bracketsIn(sql);
            const std::string& other = seeds_[pick(seeds_.size())];
            const auto theirs = bracketsIn(other);
            if (mine.empty() || theirs.empty()) continue;
            const auto [at, end] = mine[pick(mine.size())];
            const auto [from, to] = theirs[pick(theirs.size())];
            sql.replace(at, end - at, other.substr(from, to - from));
        }
        return sql;
    }

    std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }

private:
    using Range = std::pair<std::size_t, std::size_t>;
    static std::vector<Range> bracketsIn(const std::string& sql) {
        std::vector<Range> ranges;
        std::vector<std::size_t> open;
        for (std::size_t i = 0; i < sql.size(); ++i) {
            if (sql[i] == '(') open.push_back(i);
            if (sql[i] != ')' || open.empty()) continue;
            ranges.emplace_back(open.back(), i + 1);
            open.pop_back();
        }
        return ranges;
    }

    std::vector<std::string> seeds_;
    std::mt19937 random_;
};

}  // namespace howdah::guard::test
