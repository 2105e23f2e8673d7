#include "plugins/rate_limit/state_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace howdah::rate_limit {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kBytesMax = 512u << 20;  // of a million keys with every limit there is

template <typename Enum, std::size_t kCount>
Enum byName(const std::array<std::string_view, kCount>& names, const std::string& name) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw json::other_error::create(501, "unknown name", nullptr);
    return static_cast<Enum>(found - names.begin());
}

// A line is an array: scope, tenant, subject, part, measure, period, since, used.
Ledger::Line lineOf(const json& line) {
    Ledger::Line read{byName<Scope>(kScopeNames, line.at(0)),
                      line.at(1),
                      line.at(2),
                      line.at(3),
                      byName<Measure>(kMeasureNames, line.at(4)),
                      byName<Period>(kPeriodNames, line.at(5)),
                      line.at(6),
                      line.at(7)};
    if (read.period == Period::second || read.used < 0 || read.since_ns < 0 ||
        read.since_ns % lengthOf(read.period) != 0 || read.since_ns > kNever - kDay_ns)
        throw json::other_error::create(501, "no window", nullptr);
    return read;
}

}  // namespace

Result<std::vector<Ledger::Line>> readState(const std::string& path) {
    std::vector<Ledger::Line> lines;
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) {
        if (errno == ENOENT) return lines;
        return Error::unavailable("cannot read ", path, ": ", std::strerror(errno));
    }
    if (file.tellg() < 0 || static_cast<std::size_t>(file.tellg()) > kBytesMax)
        return Error::invalidArgument(path, " is larger than ", kBytesMax, " bytes");
    file.seekg(0);
    try {
        const json state = json::parse(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
        if (state.at("format") != kFormat) return Error::invalidArgument(path, " has an unknown format");
        for (const json& line : state.at("used"))
            lines.push_back(lineOf(line));
    } catch (const json::exception& wrong) {
        return Error::invalidArgument(path, " is damaged: ", std::string_view(wrong.what()));
    }
    return lines;
}

Result<void> writeState(const std::string& path, const std::vector<Ledger::Line>& lines) {
    json used = json::array();
    for (const Ledger::Line& line : lines)
        used.push_back(json::array({std::string(nameOf(line.scope)), line.tenant, line.subject, line.part,
                                    std::string(nameOf(line.measure)), std::string(nameOf(line.period)), line.since_ns,
                                    line.used}));
    const std::string text =
        json{{"format", kFormat}, {"used", std::move(used)}}.dump(-1, ' ', false, json::error_handler_t::replace);
    const std::string fresh = concat(path, ".", getpid());
    const auto failed = [&](const char* what) {
        const int reason = errno;
        unlink(fresh.c_str());
        return Error::unavailable("cannot ", what, " ", fresh, ": ", std::strerror(reason));
    };
    const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return failed("make");
    for (std::size_t written = 0; written < text.size();) {
        const ssize_t more = write(file, text.data() + written, text.size() - written);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) {
            const auto error = failed("write");
            close(file);
            return error;
        }
        written += static_cast<std::size_t>(more);
    }
    // A quota that a power cut undoes would be used twice.
    if (fsync(file) != 0) {
        const auto error = failed("flush");
        close(file);
        return error;
    }
    if (close(file) != 0) return failed("close");
    if (rename(fresh.c_str(), path.c_str()) != 0) return failed("rename");
    return {};
}

}  // namespace howdah::rate_limit
