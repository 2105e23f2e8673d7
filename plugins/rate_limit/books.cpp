#include "plugins/rate_limit/books.hpp"

#include <chrono>
#include <map>

#include "plugins/rate_limit/state_file.hpp"

namespace howdah::rate_limit {

std::int64_t unixNowNs() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

Result<std::shared_ptr<Books>> Books::of(const std::string& folder, std::string& note) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<Books>> all;
    const std::lock_guard lock(mutex);
    std::weak_ptr<Books>& known = all[folder];
    if (auto books = known.lock()) return books;
    const std::string file = concat(folder, "/used.json");
    auto books = std::make_shared<Books>(file);
    auto lines = readState(file);
    if (lines) {
        books->ledger_.restore(*lines, unixNowNs());
    } else if (lines.error().code == Code::invalid_argument) {
        note = std::move(lines).error().message;
    } else {
        return std::move(lines).error();
    }
    known = books;
    return books;
}

// What is written is read under the same lock, so that whoever comes last writes the newest.
Result<void> Books::save() {
    const std::lock_guard lock(file_mutex_);
    if (!ledger_.takeChanged()) return {};
    std::vector<Ledger::Line> lines;
    std::size_t from = 0;
    while (ledger_.lines(from, unixNowNs(), lines)) {
    }
    auto written = writeState(file_, lines);
    if (!written) ledger_.setChanged();  // it is still to be written
    const std::lock_guard told(trouble_mutex_);
    trouble_ = written ? std::string{} : written.error().message;
    return written;
}

std::string Books::trouble() const {
    const std::lock_guard lock(trouble_mutex_);
    return trouble_;
}

}  // namespace howdah::rate_limit
