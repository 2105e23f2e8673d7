#include "plugins/multi_tenant/audit/files.hpp"

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace howdah::multi_tenant {
namespace {

Error systemError(std::string_view what, std::string_view path) {
    return Error::unavailable("cannot ", what, " ", path, ": ", std::string_view(std::strerror(errno)));
}

}  // namespace

Result<std::optional<File>> File::open(const std::string& path, bool create) {
    return openWith(path, O_RDWR | (create ? O_CREAT : 0));
}

Result<std::optional<File>> File::openToRead(const std::string& path) {
    return openWith(path, O_RDONLY);
}

Result<std::optional<File>> File::openWith(const std::string& path, int flags) {
    // O_NONBLOCK: a named pipe must not hang the worker.
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (descriptor < 0 && errno == ENOENT && !(flags & O_CREAT)) return std::optional<File>{};
    if (descriptor < 0) return systemError("open", path);
    File file(descriptor, path);
    struct stat about{};
    if (::fstat(descriptor, &about) != 0) return file.failed("look at");
    if (!S_ISREG(about.st_mode)) return Error::refused(path, " is no regular file");
    return std::optional<File>{std::move(file)};
}

Result<File> File::make(const std::string& path) {
    auto file = open(path, true);
    if (!file) return std::move(file).error();
    return std::move(**file);
}

File::File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(path_, other.path_);
    return *this;
}

File::~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Error File::failed(std::string_view what) const {
    return systemError(what, path_);
}

// Asked for again and again: a wait within the system could not be ended, and who holds it may have been stopped.
Result<void> File::lock(bool shared, std::chrono::milliseconds patience) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (::flock(descriptor_, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        if (errno != EINTR && errno != EWOULDBLOCK) return failed("lock");
        if (std::chrono::steady_clock::now() >= end)
            return Error::timeout(path_, " is locked by another process for more than ", patience.count(), " ms");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return {};
}

Result<std::uint64_t> File::size() const {
    struct stat about{};
    if (::fstat(descriptor_, &about) != 0) return failed("look at");
    return static_cast<std::uint64_t>(about.st_size);
}

Result<void> File::requireSecret() const {
    struct stat about{};
    if (::fstat(descriptor_, &about) != 0) return failed("look at");
    if (about.st_uid != ::geteuid() && about.st_uid != 0)
        return Error::refused(path_, " belongs to user ", about.st_uid, ", who can change it: chown it to user ",
                              ::geteuid(), ", which this server runs as");
    if ((about.st_mode & 077) != 0) return Error::refused(path_, " is open to others than its owner: chmod 600 it");
    return {};
}

Result<std::string> File::read(std::uint64_t from, std::size_t count) const {
    std::string bytes(count, '\0');
    std::size_t have = 0;
    while (have < count) {
        const ssize_t more = ::pread(descriptor_, bytes.data() + have, count - have, static_cast<off_t>(from + have));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return failed("read");
        if (more == 0) break;
        have += static_cast<std::size_t>(more);
    }
    bytes.resize(have);
    return bytes;
}

Result<void> File::write(std::uint64_t at, std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t more = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return failed("write");
        bytes.remove_prefix(static_cast<std::size_t>(more));
        at += static_cast<std::uint64_t>(more);
    }
    return {};
}

Result<void> File::cut(std::uint64_t size) const {
    return ::ftruncate(descriptor_, static_cast<off_t>(size)) == 0 ? Result<void>{} : failed("shorten");
}

Result<void> File::sync() const {
    return ::fdatasync(descriptor_) == 0 ? Result<void>{} : failed("write out");
}

Result<void> makeFolder(const std::string& path) {
    for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
        const std::string part = path.substr(0, at);
        if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return systemError("make the folder", part);
        if (at == std::string::npos) return {};
    }
}

Look lookAt(const std::string& path) {
    struct stat about{};
    if (::lstat(path.c_str(), &about) != 0) return {};
    return {about.st_ino, static_cast<std::uint64_t>(about.st_size),
            static_cast<std::int64_t>(about.st_ctim.tv_sec) * 1'000'000'000 + about.st_ctim.tv_nsec};
}

}  // namespace howdah::multi_tenant
