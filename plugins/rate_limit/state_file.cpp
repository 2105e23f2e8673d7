#include "plugins/rate_limit/state_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <howdah/replace_file.hpp>

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

// A file that is open to be read.
class File {
public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    explicit operator bool() const { return descriptor_ >= 0; }

    // At most `bytes_max`, and one more where there is more.
    bool readAll(std::string& text, std::size_t bytes_max) const {
        std::array<char, 64 * 1024> piece;
        while (text.size() <= bytes_max) {
            const ssize_t bytes =
                // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): Books::of() reads a file once for all
                ::read(descriptor_, piece.data(), std::min(piece.size(), bytes_max + 1 - text.size()));
            if (bytes < 0 && errno == EINTR) continue;
            if (bytes < 0) return false;
            if (bytes == 0) return true;
            text.append(piece.data(), static_cast<std::size_t>(bytes));
        }
        return true;
    }

private:
    int descriptor_;
};

}  // namespace

Result<std::vector<Ledger::Line>> readState(const std::string& path) {
    std::vector<Ledger::Line> lines;
    const auto unreadable = [&] {
        return Error::unavailable("cannot read ", path, ": ", std::strerror(errno))
            .withHint("make it readable and writable for this user, or move it away: quotas begin anew then");
    };
    std::string text;
    {
        const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file && errno == ENOENT) return lines;
        if (!file || !file.readAll(text, kBytesMax)) return unreadable();
    }
    if (text.size() > kBytesMax) return Error::invalidArgument(path, " is larger than ", kBytesMax, " bytes");
    try {
        const json state = json::parse(text);
        if (state.at("format") != kFormat) return Error::invalidArgument(path, " has an unknown format");
        for (const json& line : state.at("used"))
            lines.push_back(lineOf(line));
    } catch (const json::exception& wrong) {
        return Error::invalidArgument(path, " is damaged: ", std::string_view(wrong.what()));
    }
    return lines;
}

// A quota that a power cut undoes would be used twice: the file is flushed before it takes the other's place, and the
// folder after it.
Result<void> writeState(const std::string& path, const std::vector<Ledger::Line>& lines) {
    json used = json::array();
    for (const Ledger::Line& line : lines)
        used.push_back(json::array({std::string(nameOf(line.scope)), line.tenant, line.subject, line.part,
                                    std::string(nameOf(line.measure)), std::string(nameOf(line.period)), line.since_ns,
                                    line.used}));
    const std::string text =
        json{{"format", kFormat}, {"used", std::move(used)}}.dump(-1, ' ', false, json::error_handler_t::replace);
    return replaceFile(path, text, Durable::yes);
}

}  // namespace howdah::rate_limit
