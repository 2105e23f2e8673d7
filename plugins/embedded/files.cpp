#include "files.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace howdah::embedded {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "howdah-embedded-";
// sun_path has 108 bytes; the rest is for our folder's name and .s.PGSQL.65535.lock.
constexpr std::size_t kTemporaryMax = 60;

std::string temporaryRoot() {
    const char* named = std::getenv("TMPDIR");
    std::string root = named && *named == '/' ? named : "/tmp";
    return root.size() <= kTemporaryMax ? root : "/tmp";
}

Error failed(std::string_view what, std::string_view path) {
    return Error::unavailable(what, " ", path, ": ", std::strerror(errno));
}

}  // namespace

Result<std::string> makeTemporaryFolder() {
    std::string path = concat(temporaryRoot(), "/", kPrefix, "XXXXXX");
    if (!mkdtemp(path.data())) return failed("cannot make a folder", path);
    return path;
}

Result<void> makeFolder(const std::string& path) {
    std::error_code problem;
    fs::create_directories(path, problem);
    if (problem) return Error::unavailable("cannot make the folder ", path, ": ", problem.message());
    if (chmod(path.c_str(), 0700) != 0) return failed("cannot set the rights of", path);
    return {};
}

Result<Descriptor> lockFolder(const std::string& folder) {
    const std::string path = folder + "/lock";
    Descriptor lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (lock.get() < 0) return failed("cannot open", path);
    if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return failed("cannot lock", path);
    return Error::unavailable("another server already runs the private PostgreSQL in ", folder)
        .withHint("stop it, or give this one its own data_dir, or keep: false");
}

std::string readText(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    return text.str();
}

int leadingNumber(std::string_view text) {
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

Result<void> writeText(const std::string& path, std::string_view text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) return failed("cannot write", path);
    return {};
}

std::string lastLines(const std::string& log) {
    constexpr int kLines = 8;
    constexpr std::size_t kBytes = 2000;
    std::string text = readText(log);
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    std::size_t start = text.size();
    for (int line = 0; line < kLines && start != std::string::npos && start > 0; ++line)
        start = text.rfind('\n', start - 1);
    text = text.substr(start == std::string::npos ? 0 : start + (start < text.size() && text[start] == '\n' ? 1 : 0));
    if (text.size() > kBytes) text.erase(0, text.size() - kBytes);
    return text.empty() ? "" : ":\n" + text;
}

// A server that was killed leaves its folder. Ours to remove only if nobody holds its lock and no PostgreSQL still
// shuts down in it.
void removeAbandonedFolders() {
    std::error_code ignored;  // a folder that cannot be read or removed stays; it harms nobody
    for (const auto& entry : fs::directory_iterator(temporaryRoot(), ignored)) {
        const std::string path = entry.path().string();
        struct stat found{};
        if (!entry.path().filename().string().starts_with(kPrefix) || lstat(path.c_str(), &found) != 0) continue;
        if (!S_ISDIR(found.st_mode) || !fs::exists(path + "/lock", ignored)) continue;
        struct stat owner{};
        if (lstat((path + "/lock").c_str(), &owner) != 0 || owner.st_uid != geteuid()) continue;
        auto lock = lockFolder(path);
        if (!lock) continue;
        const int postmaster = leadingNumber(readText(path + "/data/postmaster.pid"));
        if (postmaster > 0 && (kill(postmaster, 0) == 0 || errno == EPERM)) continue;
        fs::remove_all(path, ignored);
    }
}

}  // namespace howdah::embedded
