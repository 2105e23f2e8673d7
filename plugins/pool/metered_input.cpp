#include "metered_input.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace howdah::pool {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
constexpr int kPiecesAtOnce = 4;  // 64 KiB: less than a socket pair holds, so that sending never blocks

}  // namespace

MeteredInput::~MeteredInput() {
    if (ours_ >= 0) close(ours_);
    if (libpqs_ >= 0) close(libpqs_);
}

bool MeteredInput::enter(PGconn* connection) {
    if (ours_ < 0) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return false;
        ours_ = ends[0];
        libpqs_ = ends[1];
    }
    active_ = dup3(libpqs_, PQsocket(connection), O_CLOEXEC) >= 0;
    return active_;
}

std::int64_t MeteredInput::carry(PGconn* connection) {
    char piece[kPiece];
    std::int64_t carried = 0;
    for (int i = 0; i < kPiecesAtOnce; ++i) {
        ssize_t got = recv(server_, piece, sizeof piece, MSG_DONTWAIT);
        if (got == 0) shutdown(ours_, SHUT_WR);  // libpq meets the end behind what came before it
        if (got <= 0) {
            if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return -1;
            break;
        }
        if (send(ours_, piece, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) return -1;
        carried += got;
    }
    do {
        if (PQconsumeInput(connection) == 0) return -1;
    } while (holdsBytes());  // all of it, so that there is room for the next pieces
    return carried;
}

bool MeteredInput::leave(PGconn* connection) {
    while (holdsBytes()) {
        if (PQconsumeInput(connection) == 0) return false;
    }
    active_ = false;
    return dup3(server_, PQsocket(connection), O_CLOEXEC) >= 0;
}

bool MeteredInput::holdsBytes() const {
    int waiting = 0;
    return ioctl(libpqs_, FIONREAD, &waiting) == 0 && waiting > 0;
}

}  // namespace howdah::pool
