// What the tests of analytics share: samples, keys, a folder of their own.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "plugins/analytics/history.hpp"

namespace howdah::analytics {

inline constexpr std::uint64_t kMs = 1'000'000;  // nanoseconds

inline Sample tookMs(std::uint64_t latency_ms) {
    Sample sample;
    sample.latency_ns = latency_ms * kMs;
    sample.database_ns = latency_ms * kMs / 2;
    sample.rows = 1;
    sample.bytes = 10;
    return sample;
}

inline NameViews namesOf(std::string_view client, std::string_view tenant = {}, std::string_view tool = "query") {
    NameViews names;
    names[Name::plugin] = "query";
    names[Name::tool] = tool;
    names[Name::client] = client;
    names[Name::tenant] = tenant;
    names[Name::database] = "main";
    return names;
}

inline PatternPtr patternNamed(std::uint64_t fingerprint, std::string_view text = "select $1") {
    return statementPattern(fingerprint, text, 1024);
}

inline Tally sumOf(const Cells& cells) {
    Tally sum;
    for (const auto& [key, tally] : cells.table())
        sum.merge(tally);
    return sum;
}
inline Tally sumOf(const History& history) {
    Tally sum;
    for (const auto& [hour, cells] : history.hours())
        sum.merge(sumOf(cells));
    return sum;
}

class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "analytics-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }
    std::string file() const { return path_ + "/history.ndjson"; }

private:
    std::string path_;
};

}  // namespace howdah::analytics
