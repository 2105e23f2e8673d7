#include "plugins/analytics/state_file.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <howdah/replace_file.hpp>

namespace howdah::analytics {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 2;                           // 1: one text of a pattern for all tenants
constexpr std::uint64_t kFileBytesMax = 4ULL << 30;  // four times the most that memory_bytes_max may be
constexpr std::size_t kPatternBytesMax = 65536;
constexpr std::size_t kWriteBytes = 1u << 20;
constexpr int kLockTries = 50;
constexpr std::chrono::milliseconds kLockPause{20};

// --- reading: whatever is not what write made ends in an exception, which readHistory() turns into an error

struct Damage {
    std::string what;
};

std::uint64_t countOf(const Json& number) {
    if (!number.is_number_unsigned()) throw Damage{"a count is no number of its kind"};
    return number.get<std::uint64_t>();
}

std::uint64_t fingerprintOf(const Json& text) {
    return std::stoull(text.get<std::string>(), nullptr, 16);
}

Tally tallyOf(const Json& line) {
    Tally tally;
    const Json& sums = line.at("sums");
    if (sums.size() != kSums.size()) throw Damage{"a cell has sums it should not have"};
    for (std::size_t i = 0; i < kSums.size(); ++i)
        tally.*kSums[i] = countOf(sums[i]);
    tally.slowest_ns = countOf(line.at("slowest"));
    const std::string state = line.at("state").get<std::string>();
    if (state.size() == tally.last_sqlstate.size()) std::copy(state.begin(), state.end(), tally.last_sqlstate.begin());
    const Json& latency = line.at("latency");
    for (std::size_t i = 0; i + 1 < latency.size(); i += 2) {
        const std::uint64_t index = countOf(latency[i]);
        if (index >= LatencyHistogram::kBucketCount) throw Damage{"a latency has no such bucket"};
        tally.latency.addTo(static_cast<std::uint32_t>(index), countOf(latency[i + 1]));
    }
    return tally;
}

class Reader {
public:
    Reader(bool principals, History& history) : principals_(principals), history_(history) {}

    void line(const std::string& text) {
        if (ended_) throw Damage{"there is more behind the end"};
        const Json json = Json::parse(text);
        if (lines_ == 0 && json.at("format") != kFormat) throw Damage{"it has another format"};
        if (json.contains("pattern")) {
            pattern(json);
        } else if (json.contains("hour")) {
            hour_ = static_cast<Hour>(countOf(json["hour"]));
        } else if (json.contains("names")) {
            cell(json);
        } else if (json.contains("lines")) {
            if (countOf(json["lines"]) != lines_) throw Damage{"lines are missing"};
            ended_ = true;
        } else if (lines_ > 0) {
            throw Damage{"it says nothing that is known"};
        }
        ++lines_;
    }
    bool ended() const { return ended_; }

private:
    void pattern(const Json& json) {
        if (countOf(json["pattern"]) != patterns_.size()) throw Damage{"a pattern is missing"};
        const std::uint64_t kind = countOf(json.at("kind"));
        if (kind > static_cast<std::uint64_t>(PatternKind::others)) throw Damage{"a pattern is of no known kind"};
        auto text = json.at("text").get<std::string>();
        if (text.size() > kPatternBytesMax) throw Damage{"a pattern is too long"};
        patterns_.push_back(readPattern({0, fingerprintOf(json.at("fingerprint")), static_cast<PatternKind>(kind),
                                         std::move(text), bounded(json.at("tenant").get<std::string>())}));
    }
    void cell(const Json& json) {
        const std::uint64_t number = countOf(json.at("of"));
        if (number >= patterns_.size()) throw Damage{"a cell names no pattern"};
        Key key{patterns_[number], {}};
        if (json["names"].size() != key.names.texts.size()) throw Damage{"a cell has names it should not have"};
        for (std::size_t i = 0; i < key.names.texts.size(); ++i) {
            const auto name = json["names"][i].get<std::string>();
            key.names.texts[i] = name == kOthers ? name : bounded(name);
        }
        // What was kept under another configuration is not kept on.
        if (!principals_) key.names[Name::principal].clear();
        history_.merge(hour_, std::move(key), tallyOf(json));
    }

    bool principals_;
    History& history_;
    std::vector<PatternPtr> patterns_;  // by number
    Hour hour_ = 0;
    std::uint64_t lines_ = 0;
    bool ended_ = false;
};

// --- writing

std::string hexOf(std::uint64_t fingerprint) {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(fingerprint));
    return text;
}

std::string jsonText(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json cellOf(const Key& key, std::uint64_t pattern, const Tally& tally) {
    Json sums = Json::array(), latency = Json::array();
    for (const auto sum : kSums)
        sums.push_back(tally.*sum);
    for (const auto& bucket : tally.latency.buckets()) {
        latency.push_back(std::uint64_t{bucket.index});
        latency.push_back(std::uint64_t{bucket.count});
    }
    const std::string state(tally.last_sqlstate.data(), tally.last_sqlstate[0] ? tally.last_sqlstate.size() : 0);
    return {{"of", pattern},  {"names", key.names.texts},     {"sums", std::move(sums)}, {"slowest", tally.slowest_ns},
            {"state", state}, {"latency", std::move(latency)}};
}

// Gathers lines and writes them in large pieces.
class Writer {
public:
    explicit Writer(int file) : file_(file) {}

    bool line(const Json& json) {
        buffer_ += jsonText(json);
        buffer_ += '\n';
        ++lines_;
        return buffer_.size() < kWriteBytes || flush();
    }
    bool flush() {
        if (!writeAll(file_, buffer_)) return false;
        buffer_.clear();
        return true;
    }
    std::uint64_t lines() const { return lines_; }

private:
    int file_;
    std::string buffer_;
    std::uint64_t lines_ = 0;
};

bool writeLines(int file, const History& history) {
    Writer writer(file);
    if (!writer.line({{"format", kFormat}, {"of", "howdah analytics"}})) return false;
    std::unordered_map<const Pattern*, std::uint64_t> written;
    for (const auto& [hour, cells] : history.hours()) {
        if (!writer.line({{"hour", hour}})) return false;
        for (const auto& [key, tally] : cells.table()) {
            const Pattern& pattern = *key.pattern;
            const auto [place, first] = written.try_emplace(&pattern, written.size());
            if (first && !writer.line({{"pattern", place->second},
                                       {"fingerprint", hexOf(pattern.fingerprint)},
                                       {"kind", static_cast<unsigned>(pattern.kind)},
                                       {"tenant", pattern.tenant},
                                       {"text", pattern.text}}))
                return false;
            if (!writer.line(cellOf(key, place->second, tally))) return false;
        }
    }
    return writer.line({{"lines", writer.lines()}}) && writer.flush();
}

}  // namespace

FileIdentity identityOf(const std::string& path) {
    struct stat facts{};
    if (stat(path.c_str(), &facts) != 0) return {};
    return {facts.st_dev, facts.st_ino, static_cast<std::uint64_t>(facts.st_size),
            static_cast<std::uint64_t>(facts.st_mtim.tv_sec) * 1'000'000'000 +
                static_cast<std::uint64_t>(facts.st_mtim.tv_nsec)};
}

Result<void> readHistory(const std::string& path, bool principals, History& history) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        if (errno == ENOENT) return {};
        return Error::unavailable("cannot read ", path, ": ", std::strerror(errno));
    }
    if (identityOf(path).size > kFileBytesMax) return Error::invalidArgument(path, " is larger than 4 GiB");
    Reader reader(principals, history);
    std::uint64_t number = 0;
    std::string what;
    try {
        for (std::string line; std::getline(file, line);) {
            ++number;
            reader.line(line);
        }
        if (reader.ended()) return {};
        what = "it ends too early";
    } catch (const Damage& damage) {
        what = damage.what;
    } catch (const std::exception&) {  // of nlohmann, or of a number that is none: its text may quote the file
        what = "it is not what was written";
    }
    return Error::invalidArgument(path, " is damaged at line ", number, ": ", what);
}

Result<void> writeHistory(const std::string& path, const History& history) {
    return replaceFile(path, Durable::yes, [&](int file) { return writeLines(file, history); });
}

Result<FolderLock> FolderLock::take(const std::string& folder) {
    const int opened = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return Error::unavailable("cannot open ", folder, ": ", std::strerror(errno));
    FolderLock lock(opened);
    for (int i = 0; i < kLockTries; ++i) {
        if (flock(opened, LOCK_EX | LOCK_NB) == 0) return lock;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return Error::unavailable("cannot lock ", folder, ": ", std::strerror(errno));
        std::this_thread::sleep_for(kLockPause);
    }
    return Error::unavailable("another process keeps ", folder, " locked");
}

FolderLock::FolderLock(FolderLock&& other) noexcept : folder_(std::exchange(other.folder_, -1)) {}

FolderLock::~FolderLock() {
    if (folder_ >= 0) close(folder_);  // which unlocks it
}

}  // namespace howdah::analytics
