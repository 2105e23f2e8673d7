#include "cluster.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <sstream>
#include <system_error>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace howdah::embedded {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kInitdbLimit = 120s;
constexpr auto kReadyLimit = 60s;  // a kept cluster that was killed replays its log first
constexpr auto kLoadLimit = 300s;
constexpr auto kFastShutdownLimit = 10s;
constexpr auto kImmediateShutdownLimit = 5s;

constexpr std::string_view kMaking = "making";
constexpr std::string_view kReady = "ready";
constexpr std::string_view kReadyWithSample = "ready sample";

std::string firstLine(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

// Line 8 of postmaster.pid; "starting" or "stopping" at other times.
bool saysReady(const std::string& postmaster_pid) {
    std::istringstream lines(postmaster_pid);
    std::string line;
    for (int i = 0; i < 8; ++i) {
        if (!std::getline(lines, line)) return false;
    }
    return line.starts_with("ready");
}

// The server of a Howdah that was killed shuts down by itself; it needs a moment.
void waitForEarlierServer(const std::string& data) {
    const int pid = leadingNumber(readText(data + "/postmaster.pid"));
    std::error_code gone;
    if (pid <= 0 || fs::read_symlink(concat("/proc/", pid, "/cwd"), gone).string() != data) return;
    const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (process.get() < 0) return;
    pollfd watched{process.get(), POLLIN, 0};
    poll(&watched, 1, static_cast<int>(std::chrono::milliseconds(kFastShutdownLimit).count()));
}

}  // namespace

Result<std::unique_ptr<Cluster>> Cluster::start(const Config& config, const std::string& state_folder,
                                                const std::string& sql_folder) {
    std::unique_ptr<Cluster> cluster(new Cluster(config));  // what is half done is undone by its destructor
    auto account = serverAccount();
    if (!account) return std::move(account).error();
    cluster->account_ = std::move(*account);
    if (auto done = cluster->prepareFolders(state_folder); !done) return std::move(done).error();
    auto fresh = cluster->isFresh();
    if (!fresh) return std::move(fresh).error();
    auto programs = findServerPrograms(config.bin_dir, firstLine(readText(cluster->data() + "/PG_VERSION")));
    if (!programs) return std::move(programs).error();
    cluster->programs_ = std::move(*programs);
    if (*fresh) {
        if (auto done = cluster->makeData(); !done) return std::move(done).error();
    }
    if (auto done = cluster->startServer(); !done) return std::move(done).error();
    if (*fresh) {
        if (auto done = cluster->load(sql_folder); !done) return std::move(done).error();
    }
    return cluster;
}

Cluster::~Cluster() {
    stopServer();
    std::error_code ignored;  // a folder that stays is removed by the next start
    if (!place_.empty()) fs::remove_all(place_, ignored);
}

Result<void> Cluster::giveToServer(const std::string& folder) const {
    if (!account_) return {};
    if (chown(folder.c_str(), account_->uid, account_->gid) == 0) return {};
    return Error::unavailable("cannot give ", folder, " to user postgres: ", std::strerror(errno));
}

Result<void> Cluster::prepareFolders(const std::string& state_folder) {
    removeAbandonedFolders();
    auto place = makeTemporaryFolder();
    if (!place) return std::move(place).error();
    place_ = std::move(*place);
    auto lock = lockFolder(place_);
    if (!lock) return std::move(lock).error();
    place_lock_ = std::move(*lock);
    if (auto given = giveToServer(place_); !given) return given;
    base_ = place_;
    if (!config_.keep) return {};

    // User postgres cannot enter root's home, where the state folder is.
    std::string parent = account_ ? "/var/lib/howdah/embedded" : state_folder;
    if (!config_.data_dir.empty()) parent = config_.data_dir;
    base_ = parent + "/cluster";
    if (auto made = makeFolder(base_); !made) return made;
    auto base_lock = lockFolder(base_);
    if (!base_lock) return std::move(base_lock).error();
    base_lock_ = std::move(*base_lock);
    return giveToServer(base_);
}

Result<bool> Cluster::isFresh() {
    const std::string state = readText(statePath());
    if (state.starts_with(kReady)) {
        sample_loaded_ = state == kReadyWithSample;
        waitForEarlierServer(data());
        return false;
    }
    std::error_code problem;
    if (fs::exists(data(), problem)) {
        if (state != kMaking) {
            return Error::unavailable(data(), " was not made by this plugin, so it is left alone")
                .withHint("set embedded.data_dir to another folder");
        }
        waitForEarlierServer(data());
        fs::remove_all(data(), problem);  // given up half made
        if (problem) return Error::unavailable("cannot remove ", data(), ": ", problem.message());
    }
    return true;
}

Result<void> Cluster::makeData() {
    if (auto written = writeText(statePath(), kMaking); !written) return written;
    std::error_code ignored;  // there may be none
    fs::remove(log(), ignored);
    std::vector<std::string> arguments = {programs_.path("initdb"), "-D",           data(),
                                          "--username=howdah",      "--auth=trust", "--encoding=UTF8",
                                          "--locale=C.UTF-8"};
    if (!config_.keep) arguments.emplace_back("--no-sync");
    return run({std::move(arguments), log(), account_}, kInitdbLimit);
}

Result<void> Cluster::startServer() {
    std::error_code ignored;  // there may be none
    fs::remove(log(), ignored);
    Program program{{programs_.path("postgres"), "-D", data()}, log(), account_};
    auto set = [&](std::string_view setting) {
        program.arguments.emplace_back("-c");
        program.arguments.emplace_back(setting);
    };
    set("listen_addresses=");
    set(concat("unix_socket_directories=", place_));
    set(concat("port=", config_.port));
    set("max_connections=200");
    set("timezone=UTC");
    set("logging_collector=off");
    set("log_destination=stderr");
    if (!config_.keep) {
        for (const char* setting : {"fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal",
                                    "max_wal_senders=0"}) {
            set(setting);
        }
    }
    std::promise<Result<Process>> started;
    keeper_ = std::thread([&, this] {
        started.set_value(Process::start(program));
        may_end_.acquire();
    });
    auto process = started.get_future().get();
    if (!process) return std::move(process).error();
    process_.emplace(std::move(*process));
    return waitUntilReady();
}

Result<void> Cluster::waitUntilReady() {
    const auto until = std::chrono::steady_clock::now() + kReadyLimit;
    while (!saysReady(readText(data() + "/postmaster.pid"))) {
        if (process_->endsWithin(10ms)) {
            return Error::unavailable("the private PostgreSQL did not start (", process_->outcome(), ")",
                                      lastLines(log()));
        }
        if (std::chrono::steady_clock::now() > until) {
            return Error::timeout("the private PostgreSQL was not ready within ",
                                  std::chrono::seconds(kReadyLimit).count(), " s", lastLines(log()));
        }
    }
    return {};
}

Result<void> Cluster::psql(std::string_view database, std::vector<std::string> arguments) {
    std::vector<std::string> all = {
        programs_.path("psql"),       "-X", "-q",     "-v", "ON_ERROR_STOP=1",    "-h", place_, "-p",
        std::to_string(config_.port), "-U", "howdah", "-d", std::string{database}};
    all.insert(all.end(), std::make_move_iterator(arguments.begin()), std::make_move_iterator(arguments.end()));
    return run({std::move(all), base_ + "/load.log", {}}, kLoadLimit);
}

// All in one transaction, so that it is there as a whole or not at all.
Result<void> Cluster::load(const std::string& sql_folder) {
    if (auto done = psql("postgres", {"-c", "create database howdah"}); !done) return done;
    std::vector<std::string> files = {"--single-transaction"};
    if (config_.sample) files.insert(files.end(), {"-f", sql_folder + "/sample.sql"});
    files.insert(files.end(), {"-f", sql_folder + "/roles.sql"});
    if (auto done = psql("howdah", std::move(files)); !done) return done;
    sample_loaded_ = config_.sample;
    return writeText(statePath(), sample_loaded_ ? kReadyWithSample : kReady);
}

std::string Cluster::dsn(std::string_view role) const {
    std::string host;  // of keyword form: quoted, since TMPDIR may hold a blank
    for (char c : place_) {
        if (c == '\'' || c == '\\') host += '\\';
        host += c;
    }
    return concat("host='", host, "' port=", config_.port, " dbname=howdah user=", role);
}

bool Cluster::running() {
    std::lock_guard lock(mutex_);
    return process_ && !process_->endsWithin(0ms);
}

void Cluster::stopServer() {
    if (!keeper_.joinable()) return;
    if (process_) {
        process_->send(SIGINT);  // fast: open transactions are rolled back
        if (!process_->endsWithin(kFastShutdownLimit)) {
            process_->send(SIGQUIT);  // immediate
            process_->endsWithin(kImmediateShutdownLimit);
        }
        process_.reset();  // kills what is still there
    }
    may_end_.release();
    keeper_.join();
}

}  // namespace howdah::embedded
