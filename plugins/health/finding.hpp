// What a check says: a status, what was found, and what to do about it.
//
// Threads: plain values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace howdah::health {

// Members keep the order they are written in: what matters most to the reader comes first.
using Document = nlohmann::ordered_json;

// In the order of what deserves attention.
enum class Status : std::uint8_t { ok, skipped, notice, warning, critical };

inline constexpr std::array<std::string_view, 5> kStatusNames{"ok", "skipped", "notice", "warning", "critical"};
inline std::string_view nameOf(Status status) {
    return kStatusNames[static_cast<std::size_t>(status)];
}
inline Status worseOf(Status a, Status b) {
    return a < b ? b : a;
}

struct Finding {
    Status status = Status::notice;
    std::string text;
    std::string suggestion;  // a command or SQL to run, or the key to change
    std::string object;      // what it is about, quoted as SQL takes it
};

// A figure that grows towards a limit; its history tells when it will get there.
struct Measure {
    std::string name;
    double value = 0;
    double limit = 0;
    std::string what;  // for people: "transaction ids of database shop"
};

// Sums since some start, of which the difference to the round before is judged.
using Counters = std::map<std::string, double>;

struct Judgement {
    Status status = Status::ok;
    std::string summary;  // one line, also when all is well
    std::string reason;   // why it was skipped, or what could not be seen
    std::vector<Finding> findings;
    Document figures = Document::object();
    std::vector<Measure> measures;
    Counters counters;

    void add(Finding finding) {
        status = worseOf(status, finding.status);
        findings.push_back(std::move(finding));
    }
    static Judgement skipped(std::string why) {
        Judgement judgement;
        judgement.status = Status::skipped;
        judgement.reason = std::move(why);
        return judgement;
    }
};

}  // namespace howdah::health
