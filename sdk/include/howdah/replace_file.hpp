// A small file that is there whole or not at all: written beside its place and renamed into it.
//
// Threads: any; of two that write the same path at once one wins. Blocks, so not on a shard.
// Errors:  unavailable, naming what failed, the file and the system's reason; the old file is as it was, and nothing is
//          left beside it.
// Source:  open(2), rename(2), fsync(2).
#pragma once

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <howdah/result.hpp>

namespace howdah {

// Whether a power cut may take what was written: `yes` flushes file and folder, which can take a disk's time.
enum class Durable : bool { no, yes };

// All of `text`, through short writes and signals; errno says why it is false.
inline bool writeAll(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

namespace detail {

inline bool flushFolderOf(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return false;
    const bool flushed = ::fsync(opened) == 0;
    const int reason = errno;
    ::close(opened);
    errno = reason;
    return flushed;
}

}  // namespace detail

// Mode 0600, whatever the umask. `write` gets the descriptor to write to; where it gives false, errno says why.
template <typename Write>
Result<void> replaceFile(const std::string& path, Durable durable, Write&& write) {
    std::string fresh = path + ".XXXXXX";
    int file = ::mkostemp(fresh.data(), O_CLOEXEC);
    const auto failed = [&](std::string_view what, const std::string& name) {
        const int reason = errno;
        if (file >= 0) ::close(file);
        if (&name == &fresh) ::unlink(fresh.c_str());
        return Error::unavailable("cannot ", what, " ", name, ": ", std::strerror(reason));
    };
    if (file < 0) return failed("make a file beside", path);
    if (!write(file)) return failed("write", fresh);
    if (durable == Durable::yes && ::fsync(file) != 0) return failed("flush", fresh);
    const int closed = ::close(file);
    file = -1;
    if (closed != 0) return failed("close", fresh);
    if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("rename", fresh);
    if (durable == Durable::yes && !detail::flushFolderOf(path)) return failed("flush the folder of", path);
    return {};
}

inline Result<void> replaceFile(const std::string& path, std::string_view text, Durable durable) {
    return replaceFile(path, durable, [&](int file) { return writeAll(file, text); });
}

}  // namespace howdah
