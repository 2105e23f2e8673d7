// UnixListener: a listening socket in the file system. A lock file beside it lives exactly as long as the process that
// holds it, so that of two servers started at once one is refused, and the socket of a dead one is replaced.
//
// Threads: any, one at a time.
// Owns:    the socket, its name (removed with it) and the lock (whose file stays: removing it would let two servers
// lock
//          two files of one name).
// Errors:  invalid_argument (path), unavailable (somebody serves there, or the system refuses), refused (what stands
//          there is no socket).
// Source:  unix(7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <sys/un.h>

#include <howdah/result.hpp>

#include "kernel/transport/descriptor.hpp"

namespace howdah::kernel {

Result<sockaddr_un> unixAddress(std::string_view path);

// Who stands at the other end of a connected Unix socket: its uid when it connected, -1 when it cannot be told.
std::int64_t peerUid(int connection);

class UnixListener {
public:
    static Result<UnixListener> open(std::string path, mode_t mode, int backlog);
    UnixListener(UnixListener&& other) noexcept;
    UnixListener& operator=(UnixListener&&) = delete;
    ~UnixListener();

    const std::string& path() const { return path_; }
    int socket() const { return socket_.get(); }
    int releaseSocket() { return socket_.release(); }  // to whoever accepts on it; the name stays ours

private:
    UnixListener(std::string path, Descriptor lock, Descriptor socket)
        : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)) {}

    std::string path_;  // "" = moved from
    Descriptor lock_;
    Descriptor socket_;
};

}  // namespace howdah::kernel
