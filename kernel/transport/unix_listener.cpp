#include "kernel/transport/unix_listener.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>

namespace howdah::kernel {
namespace {

Error systemError(std::string_view what, const std::string& path) {
    return Error::unavailable("cannot ", what, " ", path, ": ", std::string_view(std::strerror(errno)));
}

Error alreadyServed(const std::string& path, std::string_view by) {
    return Error::unavailable("another ", by, " is serving on ", path)
        .withHint("stop it, or give this one another name");
}

Result<Descriptor> lockPath(const std::string& socket_path) {
    const std::string path = socket_path + ".lock";
    Descriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) return systemError("open", path);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return systemError("lock", path);
        char text[16] = {};
        const ssize_t length = ::pread(lock.get(), text, sizeof text - 1, 0);
        return alreadyServed(socket_path,
                             concat("howdah", length > 0 ? concat(" (process ", std::string_view(text), ")") : ""));
    }
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
        return systemError("write", path);
    }
    return lock;
}

// Whatever stands in the way: the socket of a dead server goes, anything else is somebody's.
Result<void> clearTheWay(const std::string& path, const sockaddr_un& address) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) {
        if (errno == ENOENT) return {};
        return systemError("look at", path);
    }
    if (!S_ISSOCK(found.st_mode)) {
        return Error::refused(path, " is there already and is no socket").withHint("remove it, or choose another path");
    }
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) return systemError("make a socket for", path);
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
        errno != ECONNREFUSED) {
        return alreadyServed(path, "program");
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return systemError("remove the old", path);
    return {};
}

}  // namespace

Result<sockaddr_un> unixAddress(std::string_view path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return Error::invalidArgument("the path of a socket must have 1 to ", sizeof address.sun_path - 1, " bytes, \"",
                                      path, "\" has ", path.size());
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

std::int64_t peerUid(int connection) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? std::int64_t{peer.uid} : -1;
}

Result<UnixListener> UnixListener::open(std::string path, mode_t mode, int backlog) {
    auto address = unixAddress(path);
    if (!address) return std::move(address).error();
    auto lock = lockPath(path);
    if (!lock) return std::move(lock).error();
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return systemError("make a socket for", path);
    // Before bind(): the file never exists with wider rights (the umask can only take away).
    if (::fchmod(socket.get(), mode) != 0) return systemError("protect", path);
    if (auto clear = clearTheWay(path, *address); !clear) return std::move(clear).error();
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
        return systemError("bind", path);
    }
    UnixListener listener(std::move(path), std::move(*lock), std::move(socket));  // from here on the name is removed
    // What the umask took away.
    if ((mode & 077) != 0 && ::chmod(listener.path().c_str(), mode) != 0)
        return systemError("protect", listener.path());
    if (::listen(listener.socket(), backlog) != 0) return systemError("listen on", listener.path());
    return listener;
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)), socket_(std::move(other.socket_)) {}

UnixListener::~UnixListener() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace howdah::kernel
