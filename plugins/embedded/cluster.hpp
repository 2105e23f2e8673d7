// A private PostgreSQL: made, started, filled, stopped, and removed unless it is kept.
//
// It listens on a unix socket only, in a folder nobody else may enter. Its server process ends with this one, however
// that ends. A kept cluster that was only half made is made anew; one somebody else made is never touched.
//
// Threads: start() and the destructor on one thread, the rest on any.
// Owns:    the folders, their locks, the server process and the thread it hangs on.
// Errors:  not_found without server programs, unavailable when the server does not start: with the end of its log.
// Source:  PostgreSQL manual, "Creating a Database Cluster", "Shutting Down the Server".
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>

#include "config.hpp"
#include "files.hpp"
#include "process.hpp"
#include "server_programs.hpp"

namespace howdah::embedded {

class Cluster {
public:
    // `state_folder` keeps what outlives the process, `sql_folder` holds sample.sql and roles.sql.
    static Result<std::unique_ptr<Cluster>> start(const Config& config, const std::string& state_folder,
                                                  const std::string& sql_folder);
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;
    ~Cluster();

    std::string dsn(std::string_view role) const;

    const std::string& version() const { return programs_.version; }
    const std::string& folder() const { return base_; }
    std::string log() const { return base_ + "/log"; }
    bool sampleLoaded() const { return sample_loaded_; }
    pid_t pid() const { return process_->pid(); }
    bool running();

private:
    explicit Cluster(const Config& config) : config_(config) {}

    Result<void> prepareFolders(const std::string& state_folder);
    Result<bool> isFresh();  // nothing is there yet: make it
    Result<void> makeData();
    Result<void> startServer();
    Result<void> waitUntilReady();
    Result<void> load(const std::string& sql_folder);
    Result<void> psql(std::string_view database, std::vector<std::string> arguments);
    Result<void> giveToServer(const std::string& folder) const;
    void stopServer();

    std::string data() const { return base_ + "/data"; }
    std::string statePath() const { return base_ + "/state"; }

    const Config config_;
    std::optional<Account> account_;
    ServerPrograms programs_;
    std::string place_;  // the socket, and all the rest of a cluster that is not kept
    std::string base_;   // data, log, lock and state
    Descriptor place_lock_;
    Descriptor base_lock_;
    bool sample_loaded_ = false;

    std::mutex mutex_;  // of process_, once it runs
    std::optional<Process> process_;
    std::binary_semaphore may_end_{0};
    std::thread keeper_;  // the server process ends with the thread that started it
};

}  // namespace howdah::embedded
