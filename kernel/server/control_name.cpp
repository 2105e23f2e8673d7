#include "kernel/server/control_name.hpp"

#include <cstdint>
#include <cstdio>

#include "kernel/transport/control.hpp"

namespace howdah::kernel {
namespace {

// FNV-1a: short, the same in every build. Two files of one hash are told apart by checkAddressee().
std::string hashOf(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (unsigned char byte : text)
        hash = (hash ^ byte) * 0x100000001b3;
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    return digits;
}

}  // namespace

std::string canonicalFile(const std::filesystem::path& file) {
    if (file.empty()) return {};
    std::error_code failed;
    auto canonical = std::filesystem::weakly_canonical(file, failed);
    return failed ? file.lexically_normal().string() : canonical.string();
}

Result<std::string> controlSocketOf(const Config& config) {
    if (!config.control_socket.empty()) return config.control_socket;
    const std::string file = canonicalFile(config.file);
    return controlSocketPath(file.empty() ? "default" : hashOf(file));
}

Result<void> checkAddressee(std::string_view own_file, std::string_view asked_file) {
    if (own_file == asked_file) return {};
    auto named = [](std::string_view file) { return file.empty() ? std::string("no file") : std::string(file); };
    return Error::refused("the server on this control socket runs with ", named(own_file), ", not with ",
                          named(asked_file))
        .withHint("name its file with -c, or give each server a control.socket of its own");
}

}  // namespace howdah::kernel
