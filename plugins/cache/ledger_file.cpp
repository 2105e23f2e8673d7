#include "plugins/cache/ledger_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace howdah::cache {
namespace {

Error failed(const char* what, const std::string& path, int reason) {
    return Error::unavailable("cannot ", what, " ", path, ": ", std::strerror(reason))
        .withHint("the cache needs a folder it can write to; state_dir names another");
}

bool lock(int file) {
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return fcntl(file, F_SETLK, &whole) == 0;
}

bool isStillThere(int file) {
    struct stat found{};
    return fstat(file, &found) == 0 && found.st_nlink > 0;
}

// Of one process, not of what forks from it; a descriptor is never closed.
struct Opened {
    int file = -1;
    pid_t by = 0;
};
std::mutex mutex;
std::map<std::string, Opened>& opened() {
    static auto* files = new std::map<std::string, Opened>;  // outlives every destructor that may still look
    return *files;
}
std::optional<int> known(const std::string& path) {
    const auto found = opened().find(path);
    if (found == opened().end() || found->second.by != getpid() || !isStillThere(found->second.file))
        return std::nullopt;
    return found->second.file;
}

}  // namespace

Result<int> lockedFile(const std::string& path, std::size_t bytes) {
    const std::lock_guard guard(mutex);
    if (const auto own = known(path)) return *own;
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return failed("open", path, errno);
    if (!lock(file)) {
        close(file);  // no lock of this process on it is lost: there is none
        return -1;
    }
    // Written into through a mapping, so its blocks must be there: a full disk would end the process later.
    struct stat found{};
    int reason = fstat(file, &found) == 0 ? 0 : errno;
    if (reason == 0 && found.st_size > static_cast<off_t>(bytes) && ftruncate(file, static_cast<off_t>(bytes)) != 0)
        reason = errno;
    if (reason == 0) reason = posix_fallocate(file, 0, static_cast<off_t>(bytes));
    if (reason != 0) {
        close(file);
        return failed("make room for", path, reason);
    }
    opened()[path] = {file, getpid()};
    return file;
}

void removeLeftovers(const std::string& folder, const std::string& prefix) {
    const std::lock_guard guard(mutex);
    std::error_code failure;
    for (const auto& found : std::filesystem::directory_iterator(folder, failure)) {
        const std::string path = found.path().string();
        if (!found.path().filename().string().starts_with(prefix) || known(path)) continue;
        const int file = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (file < 0) continue;
        if (lock(file)) unlink(path.c_str());
        close(file);
    }
}

}  // namespace howdah::cache
