#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "kernel/transport/stdio.hpp"

namespace howdah::kernel {

Result<StdioChannel> StdioChannel::claim() {
    auto failed = [](std::string_view what) {
        return Error::internal("cannot ", what, ": ", std::string_view(std::strerror(errno)));
    };
    // From 3 on, also when a parent started us with 0 or 1 closed.
    const int input = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (input < 0) return failed("duplicate stdin");
    StdioChannel channel(input, ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (channel.output_ < 0) return failed("duplicate stdout");
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0) return failed("open /dev/null");
    const bool moved = ::dup2(nothing, STDIN_FILENO) >= 0 && ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
    const int error = errno;
    ::close(nothing);
    errno = error;
    if (!moved) return failed("redirect stdin and stdout");
    return channel;
}

StdioChannel::StdioChannel(StdioChannel&& other) noexcept
    : input_(std::exchange(other.input_, -1)), output_(std::exchange(other.output_, -1)) {}

StdioChannel::~StdioChannel() {
    if (input_ >= 0) ::close(input_);
    if (output_ >= 0 && output_ != input_) ::close(output_);
}

}  // namespace howdah::kernel
