// A history in a file, one JSON value a line: the format, then each hour with its cells, each pattern with a number
// before the first cell that has it, then how many lines there were, so that half a file is not taken for a whole one.
//
// Threads: any thread that may block.
// Errors:  unavailable, with the system's reason; invalid_argument for a file that is damaged or not of this format.
#pragma once

#include <cstdint>
#include <string>

#include <howdah/result.hpp>

#include "plugins/analytics/history.hpp"

namespace howdah::analytics {

// Which file a path names at the moment: another one after each write. All zero where there is none.
struct FileIdentity {
    std::uint64_t device = 0, inode = 0, size = 0, changed_ns = 0;
    bool operator==(const FileIdentity&) const = default;
};
FileIdentity identityOf(const std::string& path);

// Merges what the file says. An absent file says nothing. After an error `history` may hold a part.
Result<void> readHistory(const std::string& path, bool principals, History& history);
// Replaces the file as a whole.
Result<void> writeHistory(const std::string& path, const History& history);

// Keeps other processes and instances from replacing a file of that folder meanwhile.
class FolderLock {
public:
    static Result<FolderLock> take(const std::string& folder);  // waits for at most a second
    FolderLock(FolderLock&& other) noexcept;
    FolderLock& operator=(FolderLock&&) = delete;
    ~FolderLock();

private:
    explicit FolderLock(int folder) : folder_(folder) {}
    int folder_;
};

}  // namespace howdah::analytics
