#include "kernel/transport/control_wire.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace howdah::kernel {

bool waitFor(int descriptor, short events, Deadline deadline) {
    for (;;) {
        pollfd watched{descriptor, events, 0};
        constexpr std::int64_t kLongest = 60'000;  // then looked at again
        const std::int64_t left_ms = deadline.isNever() ? kLongest : (deadline.remainingNs() + 999'999) / 1'000'000;
        const int ready = ::poll(&watched, 1, static_cast<int>(std::min(left_ms, kLongest)));
        if (ready > 0) return true;
        if (ready == 0 && deadline.passed()) return false;
    }
}

Result<void> sendLine(int descriptor, std::string_view text, Deadline deadline) {
    std::string line(text);
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t sent = ::send(descriptor, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!waitFor(descriptor, POLLOUT, deadline)) {
                return Error::timeout("the other end of the control socket takes no more bytes");
            }
        } else if (errno != EINTR) {
            return Error::unavailable("control socket: ", std::string_view(std::strerror(errno)));
        }
    }
    return {};
}

Result<std::string> receiveLine(int descriptor, std::size_t bytes_max, Deadline deadline) {
    std::string line;
    for (;;) {
        char bytes[4096];
        const ssize_t count = ::recv(descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
        if (count > 0) {
            const std::string_view part(bytes, static_cast<std::size_t>(count));
            const std::size_t end = part.find('\n');
            line += part.substr(0, end);
            if (line.size() > bytes_max) {
                return Error::invalidArgument("a line on the control socket is limited to ", bytes_max, " bytes");
            }
            if (end != std::string_view::npos) return line;
        } else if (count == 0) {
            return Error::unavailable("the other end closed the control socket");
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!waitFor(descriptor, POLLIN, deadline)) {
                return Error::timeout("no answer on the control socket in time");
            }
        } else if (errno != EINTR) {
            return Error::unavailable("control socket: ", std::string_view(std::strerror(errno)));
        }
    }
}

}  // namespace howdah::kernel
