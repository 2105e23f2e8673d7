// Sealed entries in a SQLite file. A file that is damaged, or no SQLite file, is set aside and a new one begun.
//
// Every call but load() blocks: on a worker or the control thread only.
//
// Threads: any, one at a time (a lock of its own).
// Owns:    the file <folder>/answers.db and its -wal and -shm.
// Errors:  unavailable, with SQLite's word for it.
// Source:  SQLite manual, "Write-Ahead Logging", "Result and Error Codes".
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "plugins/cache/tier.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace howdah::cache {

class Disk {
public:
    struct Row {
        std::int64_t id = 0;
        std::int64_t born_ns = 0;
        std::int64_t ends_ns = 0;
        std::string sealed;
    };
    using Tell = std::function<void(std::string_view)>;  // of what was set aside

    // Rows that were written under another ledger are gone.
    Disk(std::string folder, Budget budget, std::uint64_t ledger, Tell tell);
    ~Disk();

    // What begins: opens, checks and gives every id.
    Result<std::vector<std::int64_t>> open(std::uint64_t now_ns);
    Result<std::optional<Row>> get(std::int64_t id);
    // Gives the ids that had to leave for them.
    Result<std::vector<std::int64_t>> put(const std::vector<Row>& rows, std::uint64_t now_ns);
    Result<void> erase(std::int64_t id);

    struct Load {
        std::size_t entries = 0, bytes = 0, set_aside = 0;
    };
    Load load() const;  // waits for nobody, also while the file is at work

private:
    struct Close {
        void operator()(sqlite3* file) const;
        void operator()(sqlite3_stmt* statement) const;
    };
    using Connection = std::unique_ptr<sqlite3, Close>;
    using Prepared = std::unique_ptr<sqlite3_stmt, Close>;

    Result<std::vector<std::int64_t>> openFile(std::uint64_t now_ns);
    Result<void> begin();
    Result<void> run(const std::string& sql);
    Result<Prepared> prepare(const char* sql);
    Result<std::vector<std::int64_t>> idsOf(const char* sql, std::int64_t parameter);
    Result<void> write(const std::vector<Row>& rows);
    Result<std::vector<std::int64_t>> makeRoom(std::uint64_t now_ns);
    Result<void> measure();
    Error failed(const char* what) const;
    bool isDamaged() const;
    void setAside();
    // After an error: a damaged file is set aside, so that the next call finds a sound one.
    template <typename T>
    Result<T> settled(Result<T> result);

    const std::string path_;
    const Budget budget_;
    const std::uint64_t ledger_;
    const Tell tell_;
    std::mutex mutex_;
    Connection file_;
    int status_ = 0;                                                 // of the last call of SQLite
    std::atomic<std::size_t> entries_{0}, bytes_{0}, set_aside_{0};  // written under the lock, read without it
};

}  // namespace howdah::cache
