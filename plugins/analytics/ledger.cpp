#include "plugins/analytics/ledger.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace howdah::analytics {

Ledger::Ledger(const Host& host, const Config& config, std::string folder,
               const std::vector<std::unique_ptr<Recorder>>& recorders, Clock clock)
    : host_(host),
      config_(config),
      folder_(std::move(folder)),
      file_(folder_.empty() ? std::string{} : folder_ + "/history.ndjson"),
      recorders_(recorders),
      clock_(std::move(clock)),
      all_(config),
      unsaved_(config) {}

Hour Ledger::hourNow() const {
    return static_cast<Hour>(std::chrono::duration_cast<std::chrono::hours>(clock_().time_since_epoch()).count());
}

void Ledger::load() {
    const std::lock_guard lock(mutex_);
    (void)readFile();  // told in the log; it is tried again
    show();
}

bool Ledger::readFile() {
    if (file_.empty()) return true;
    const FileIdentity now = identityOf(file_);
    if (now == seen_) return true;
    History fresh(config_);
    auto read = readHistory(file_, config_.principals, fresh);
    if (!read && read.error().code == Code::unavailable) {
        tell(std::move(read).error().message);
        return false;
    }
    if (!read) {
        setAside(read.error().message);
        return true;
    }
    fresh.merge(unsaved_);
    fresh.keepWithin(hourNow());
    all_ = std::move(fresh);
    seen_ = now;
    return true;
}

// What is in memory goes on, and is written as a whole.
void Ledger::setAside(const std::string& damage) {
    const std::string aside = file_ + ".damaged";
    tell(rename(file_.c_str(), aside.c_str()) == 0
             ? concat(damage, "; it is kept as ", aside)
             : concat(damage, "; it cannot be set aside: ", std::strerror(errno)));
    unsaved_ = all_;
    seen_ = identityOf(file_);
}

void Ledger::collect() {
    const std::lock_guard lock(mutex_);
    (void)readFile();  // what was recorded is taken in any case
    const Hour hour = hourNow();
    for (const auto& recorder : recorders_) {
        if (!recorder->hasCells()) continue;
        const Cells cells = recorder->takeCells();
        all_.merge(hour, cells);
        if (!file_.empty()) unsaved_.merge(hour, cells);
    }
    all_.keepWithin(hour);
    unsaved_.keepWithin(hour);
    show();
}

void Ledger::save() {
    const std::lock_guard lock(mutex_);
    if (file_.empty() || unsaved_.empty()) return;
    auto locked = FolderLock::take(folder_);
    if (!locked) return tell(std::move(locked).error().message);
    if (!readFile()) return;
    const auto written = writeHistory(file_, all_);
    // The new file can be in place though its folder could not be flushed: what it holds must not be merged once more.
    if (const auto now = identityOf(file_); written || now != seen_) {
        seen_ = now;
        unsaved_ = History(config_);
    }
    if (!written) return tell(written.error().message);
    trouble_.clear();
    show();
}

void Ledger::tell(std::string trouble) {
    if (trouble != trouble_) host_.log(LogLevel::warn, trouble);
    trouble_ = std::move(trouble);
    show();
}

void Ledger::read(const std::function<void(const History&, std::chrono::system_clock::time_point)>& look) {
    const std::lock_guard lock(mutex_);
    look(all_, clock_());
}

void Ledger::show() {
    State now{all_.patternCount(), all_.hours().size(), all_.bytes(), file_, trouble_};
    const std::lock_guard lock(shown_mutex_);
    shown_ = std::move(now);
}

Ledger::State Ledger::state() const {
    const std::lock_guard lock(shown_mutex_);
    return shown_;
}

}  // namespace howdah::analytics
