#include "kernel/base/random_id.hpp"

#include <cerrno>

#include <sys/random.h>

#include "kernel/base/hex.hpp"

namespace howdah::kernel {

std::string randomId() {
    unsigned char bytes[24];
    std::size_t filled = 0;
    while (filled < sizeof bytes) {
        ssize_t count = getrandom(bytes + filled, sizeof bytes - filled, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return {};
        filled += static_cast<std::size_t>(count);
    }
    return hexOf(bytes, sizeof bytes);
}

}  // namespace howdah::kernel
