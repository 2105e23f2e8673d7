// Files of the audit log: opened for one use, locked against other processes, read and written whole.
//
// Threads: a worker's; every call may block.
// Owns:    the descriptor.
// Errors:  unavailable with the path and the system's reason.
// Source:  open(2), flock(2), openat(2) O_NOFOLLOW.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::multi_tenant {

class File {
public:
    // Made with mode 0600 if `create`; never through a symbolic link. Nothing when it is not there and not to be made.
    static Result<std::optional<File>> open(const std::string& path, bool create);
    static Result<File> make(const std::string& path);  // open(path, true)

    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    ~File();

    Result<void> lock() const;  // until the file is closed; waits for others
    Result<std::uint64_t> size() const;
    Result<bool> isOpenToOthers() const;                                    // by its mode
    Result<std::string> read(std::uint64_t from, std::size_t count) const;  // fewer bytes at the end
    Result<void> write(std::uint64_t at, std::string_view bytes) const;     // all of them
    Result<void> cut(std::uint64_t size) const;
    Result<void> sync() const;
    const std::string& path() const { return path_; }

private:
    File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
    Error failed(std::string_view what) const;
    int descriptor_ = -1;
    std::string path_;
};

Result<void> makeFolder(const std::string& path);  // 0700, with those above it

}  // namespace howdah::multi_tenant
