// A small file that is there whole or not at all: written beside its place and renamed into it.
//
// Threads: any; of two that write the same path at once one wins. Blocks, so not on a shard.
// Errors:  unavailable, naming what failed, the file and the system's reason; the old file is as it was, and nothing is
//          left beside it. Only where the folder could not be flushed the new one is in place already.
// Source:  open(2), rename(2), fsync(2).
#pragma once

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

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

inline int openFolderOf(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// The file that is to take the other's place: gone unless it has.
struct FreshFile {
    explicit FreshFile(const std::string& path) : name(path + ".XXXXXX"), file(::mkostemp(name.data(), O_CLOEXEC)) {
        made = file >= 0;
    }
    FreshFile(const FreshFile&) = delete;
    FreshFile& operator=(const FreshFile&) = delete;
    ~FreshFile() {
        if (file >= 0) ::close(file);
        if (folder >= 0) ::close(folder);
        if (made) ::unlink(name.c_str());
    }
    std::string name;
    int file;
    int folder = -1;
    bool made = false;
};

}  // namespace detail

// Mode 0600, whatever the umask. `write` gets the descriptor to write to; where it gives false, errno says why.
template <typename Write>
Result<void> replaceFile(const std::string& path, Durable durable, Write&& write) {
    detail::FreshFile fresh(path);
    const auto failed = [](std::string_view what, const std::string& name) {
        return Error::unavailable("cannot ", what, " ", name, ": ", std::strerror(errno));
    };
    if (fresh.file < 0) return failed("make a file beside", path);
    if (!write(fresh.file)) return failed("write", fresh.name);
    if (durable == Durable::yes && ::fsync(fresh.file) != 0) return failed("flush", fresh.name);
    if (::close(std::exchange(fresh.file, -1)) != 0) return failed("close", fresh.name);
    // Opened before, so that a want of descriptors is noticed while the old file is still there.
    if (durable == Durable::yes) fresh.folder = detail::openFolderOf(path);
    if (durable == Durable::yes && fresh.folder < 0) return failed("open the folder of", fresh.name);
    if (::rename(fresh.name.c_str(), path.c_str()) != 0) return failed("rename", fresh.name);
    fresh.made = false;
    if (fresh.folder >= 0 && ::fsync(fresh.folder) != 0) return failed("flush the folder of", path);
    return {};
}

inline Result<void> replaceFile(const std::string& path, std::string_view text, Durable durable) {
    return replaceFile(path, durable, [&](int file) { return writeAll(file, text); });
}

}  // namespace howdah
