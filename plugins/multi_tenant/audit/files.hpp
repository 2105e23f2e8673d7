// Files of the audit log: opened for one use, locked against other processes, read and written whole.
//
// Threads: a worker's; every call may block.
// Owns:    the descriptor.
// Errors:  unavailable with the path and the system's reason; timeout where another has locked it; refused for what is
//          no regular file, or no secret.
// Source:  open(2), flock(2), openat(2) O_NOFOLLOW.
#pragma once

#include <chrono>
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
    // To look at only: what it opens cannot be changed through it.
    static Result<std::optional<File>> openToRead(const std::string& path);

    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    ~File();

    static constexpr std::chrono::milliseconds kLockPatience{2000};
    // Until the file is closed; waits for others, and a shared one only for those that lock it alone. timeout: they
    // have not let go of it.
    Result<void> lock(bool shared = false, std::chrono::milliseconds patience = kLockPatience) const;
    Result<std::uint64_t> size() const;
    Result<void> requireSecret() const;  // the user's this process runs as, or root's, and nobody else may open it
    Result<std::string> read(std::uint64_t from, std::size_t count) const;  // fewer bytes at the end
    Result<void> write(std::uint64_t at, std::string_view bytes) const;     // all of them
    Result<void> cut(std::uint64_t size) const;
    Result<void> sync() const;
    const std::string& path() const { return path_; }

private:
    File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
    static Result<std::optional<File>> openWith(const std::string& path, int flags);
    Error failed(std::string_view what) const;
    int descriptor_ = -1;
    std::string path_;
};

Result<void> makeFolder(const std::string& path);  // 0700, with those above it

// What a file looks like from outside: enough to see whether somebody else has touched it.
struct Look {
    std::uint64_t inode = 0;  // 0 = there is none
    std::uint64_t size = 0;
    std::int64_t changed_ns = 0;  // st_ctim: the time of writing can be put back
    friend bool operator==(const Look&, const Look&) = default;
};
Look lookAt(const std::string& path);  // asks the system once and opens nothing

}  // namespace howdah::multi_tenant
