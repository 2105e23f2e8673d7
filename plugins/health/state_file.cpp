#include "plugins/health/state_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace howdah::health {
namespace {

constexpr int kFormat = 1;
constexpr std::size_t kBytesMax = 16u << 20;

}  // namespace

std::map<std::string, History> readState(const std::string& path) {
    std::map<std::string, History> histories;
    std::ifstream file(path, std::ios::binary);
    if (!file) return histories;
    std::string text(kBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kBytesMax) return histories;
    try {
        const auto json = nlohmann::json::parse(text);
        if (json.at("format") != kFormat) return histories;
        for (const auto& [name, history] : json.at("databases").items())
            histories.emplace(name, History::fromJson(history));
    } catch (const nlohmann::json::exception&) {
        histories.clear();  // damaged, or somebody else's: learning begins anew
    }
    return histories;
}

std::string stateText(const std::map<std::string, nlohmann::json>& histories) {
    return nlohmann::json{{"format", kFormat}, {"databases", histories}}.dump();
}

Result<void> writeState(const std::string& path, const std::string& text) {
    static std::atomic<unsigned> counter{0};  // the instance that takes over writes beside this one
    const std::string fresh = concat(path, ".", getpid(), ".", ++counter);
    const auto failed = [&](const char* what) {
        const int reason = errno;
        unlink(fresh.c_str());
        return Error::unavailable("cannot ", what, " ", fresh, ": ", std::strerror(reason));
    };
    const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return failed("make");
    std::size_t written = 0;
    while (written < text.size()) {
        const ssize_t more = write(file, text.data() + written, text.size() - written);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) {
            const auto error = failed("write");
            close(file);
            return error;
        }
        written += static_cast<std::size_t>(more);
    }
    if (close(file) != 0) return failed("close");
    if (rename(fresh.c_str(), path.c_str()) != 0) return failed("rename");
    return {};
}

}  // namespace howdah::health
