#include "plugins/cache/disk.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <sqlite3.h>
#include <sys/stat.h>

namespace howdah::cache {
namespace {

constexpr int kBusy_ms = 1000;  // the instance a reload replaces has the file open, too
constexpr std::int64_t kPageBytes = 4096;
constexpr std::int64_t kLeaveAtOnce = 1024;  // rows that make room together

std::int64_t signedOf(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}

}  // namespace

void Disk::Close::operator()(sqlite3* file) const {
    sqlite3_close_v2(file);
}
void Disk::Close::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Disk::Disk(std::string folder, Budget budget, std::uint64_t ledger, Tell tell)
    : path_(std::move(folder) + "/answers.db"), budget_(budget), ledger_(ledger), tell_(std::move(tell)) {}

Disk::~Disk() = default;

Error Disk::failed(const char* what) const {
    return Error::unavailable("cannot ", what, " ", path_, ": ",
                              std::string_view(file_ ? sqlite3_errmsg(file_.get()) : sqlite3_errstr(status_)));
}

bool Disk::isDamaged() const {
    const int primary = status_ & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_FORMAT ||
           primary == SQLITE_READONLY;  // of a later format, as its header says
}

// One such file is kept, for whoever wants to know what happened; the next one takes its place.
void Disk::setAside() {
    file_.reset();
    entries_ = bytes_ = 0;
    ++set_aside_;
    const std::string aside = path_ + ".damaged";
    std::remove((path_ + "-wal").c_str());
    std::remove((path_ + "-shm").c_str());
    if (std::rename(path_.c_str(), aside.c_str()) != 0) std::remove(path_.c_str());
    tell_(concat("the cache on disk was damaged and begins anew; the file is now ", aside));
}

template <typename T>
Result<T> Disk::settled(Result<T> result) {
    if (!result && isDamaged()) setAside();
    return result;
}

Result<void> Disk::run(const std::string& sql) {
    status_ = sqlite3_exec(file_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (status_ != SQLITE_OK) return failed("use");
    return {};
}

Result<Disk::Prepared> Disk::prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    status_ = sqlite3_prepare_v2(file_.get(), sql, -1, &statement, nullptr);
    if (status_ != SQLITE_OK) return failed("ask");
    return Prepared(statement);
}

Result<std::vector<std::int64_t>> Disk::idsOf(const char* sql, std::int64_t parameter) {
    auto statement = prepare(sql);
    if (!statement) return std::move(statement).error();
    sqlite3_bind_int64(statement->get(), 1, parameter);
    std::vector<std::int64_t> ids;
    while ((status_ = sqlite3_step(statement->get())) == SQLITE_ROW)
        ids.push_back(sqlite3_column_int64(statement->get(), 0));
    if (status_ != SQLITE_DONE) return failed("read");
    return ids;
}

Result<std::vector<std::int64_t>> Disk::open(std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    auto ids = settled(openFile(now_ns));
    return ids || !isDamaged() ? std::move(ids) : openFile(now_ns);
}

Result<std::vector<std::int64_t>> Disk::openFile(std::uint64_t now_ns) {
    if (auto begun = begin(); !begun) return begun.error();
    auto gone = idsOf("delete from answers where ends_ns <= ?1 returning id", signedOf(now_ns));
    if (!gone) return gone;
    if (auto measured = measure(); !measured) return measured.error();
    return idsOf("select id from answers where ?1 = ?1", 0);
}

Result<void> Disk::begin() {
    sqlite3* file = nullptr;
    status_ = sqlite3_open_v2(path_.c_str(), &file,
                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                              nullptr);
    file_.reset(file);
    if (status_ != SQLITE_OK) return failed("open");
    if (chmod(path_.c_str(), 0600) != 0) return Error::unavailable("cannot keep ", path_, " from others");
    sqlite3_extended_result_codes(file_.get(), 1);
    sqlite3_busy_timeout(file_.get(), kBusy_ms);
    sqlite3_db_config(file_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    // An answer that is lost costs a query; one that is wrong would be met by its seal.
    for (const std::string& sql :
         {concat("pragma page_size = ", kPageBytes), std::string("pragma journal_mode = wal"),
          std::string("pragma synchronous = normal"), std::string("pragma trusted_schema = off"),
          concat("pragma max_page_count = ", static_cast<std::int64_t>(budget_.bytes) / kPageBytes + 64),
          std::string("create table if not exists answers (id integer primary key, born_ns integer not null, ends_ns "
                      "integer not null, sealed blob not null) strict"),
          std::string("create index if not exists answers_by_age on answers (born_ns)"),
          std::string("create table if not exists ledger (id integer primary key) strict")})
        if (auto done = run(sql); !done) return done;
    auto sound = prepare("pragma quick_check(1)");
    if (!sound) return sound.error();
    status_ = sqlite3_step(sound->get());
    const auto* word = status_ == SQLITE_ROW ? sqlite3_column_text(sound->get(), 0) : nullptr;
    if (!word || std::string_view(reinterpret_cast<const char*>(word)) != "ok") {
        status_ = SQLITE_CORRUPT;
        return Error::unavailable(path_, " is damaged");
    }
    sound->reset();
    auto known = idsOf("select id from ledger where ?1 = ?1", 0);
    if (!known) return known.error();
    if (*known == std::vector{signedOf(ledger_)}) return {};
    return run(concat("begin; delete from answers; delete from ledger; insert into ledger values (", signedOf(ledger_),
                      "); commit"));
}

Result<void> Disk::measure() {
    auto statement = prepare("select count(*), coalesce(sum(length(sealed)), 0) from answers");
    if (!statement) return statement.error();
    status_ = sqlite3_step(statement->get());
    if (status_ != SQLITE_ROW) return failed("read");
    entries_ = static_cast<std::size_t>(sqlite3_column_int64(statement->get(), 0));
    bytes_ = static_cast<std::size_t>(sqlite3_column_int64(statement->get(), 1));
    return {};
}

Result<std::optional<Disk::Row>> Disk::get(std::int64_t id) {
    const std::lock_guard lock(mutex_);
    if (!file_) return std::optional<Row>{};
    auto statement = prepare("select born_ns, ends_ns, sealed from answers where id = ?1");
    if (!statement) return settled(Result<std::optional<Row>>(std::move(statement).error()));
    sqlite3_bind_int64(statement->get(), 1, id);
    status_ = sqlite3_step(statement->get());
    if (status_ == SQLITE_DONE) return std::optional<Row>{};
    if (status_ != SQLITE_ROW) {
        auto error = failed("read");
        statement->reset();
        return settled(Result<std::optional<Row>>(std::move(error)));
    }
    Row row{id, sqlite3_column_int64(statement->get(), 0), sqlite3_column_int64(statement->get(), 1), {}};
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement->get(), 2));
    if (bytes) row.sealed.assign(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement->get(), 2)));
    return std::optional(std::move(row));
}

Result<std::vector<std::int64_t>> Disk::put(const std::vector<Row>& rows, std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    if (!file_) {
        if (auto ids = openFile(now_ns); !ids) return settled(std::move(ids));
    }
    auto written = write(rows);
    if (!written) {
        const int why = std::exchange(status_, SQLITE_OK);
        (void)sqlite3_exec(file_.get(), "rollback", nullptr, nullptr, nullptr);  // there may be nothing to roll back
        status_ = why;
        return settled(Result<std::vector<std::int64_t>>(written.error()));
    }
    // What was replaced is counted twice until the sums are taken anew, which is when they come near the budget.
    entries_ += rows.size();
    for (const Row& row : rows)
        bytes_ += row.sealed.size();
    return settled(makeRoom(now_ns));
}

Result<void> Disk::write(const std::vector<Row>& rows) {
    if (auto begun = run("begin immediate"); !begun) return begun;
    auto statement = prepare("insert or replace into answers (id, born_ns, ends_ns, sealed) values (?1, ?2, ?3, ?4)");
    if (!statement) return statement.error();
    for (const Row& row : rows) {
        sqlite3_reset(statement->get());
        sqlite3_bind_int64(statement->get(), 1, row.id);
        sqlite3_bind_int64(statement->get(), 2, row.born_ns);
        sqlite3_bind_int64(statement->get(), 3, row.ends_ns);
        sqlite3_bind_blob64(statement->get(), 4, row.sealed.data(), row.sealed.size(), SQLITE_STATIC);
        status_ = sqlite3_step(statement->get());
        if (status_ != SQLITE_DONE) return failed("write to");
    }
    statement->reset();
    return run("commit");
}

// What is over leaves first, then what is oldest.
Result<std::vector<std::int64_t>> Disk::makeRoom(std::uint64_t now_ns) {
    std::vector<std::int64_t> left;
    const auto isFull = [&] { return entries_ > budget_.entries || bytes_ > budget_.bytes / 10 * 9; };
    if (isFull()) {
        if (auto measured = measure(); !measured) return measured.error();
    }
    while (isFull()) {
        auto gone = idsOf("delete from answers where ends_ns <= ?1 returning id", signedOf(now_ns));
        if (gone && gone->empty())
            gone =
                idsOf("delete from answers where id in (select id from answers order by born_ns limit ?1) returning id",
                      std::min<std::int64_t>(kLeaveAtOnce, static_cast<std::int64_t>(entries_ / 8 + 1)));
        if (!gone) return gone;
        left.insert(left.end(), gone->begin(), gone->end());
        if (auto measured = measure(); !measured) return measured.error();
        if (gone->empty()) break;
    }
    return left;
}

Result<void> Disk::erase(std::int64_t id) {
    const std::lock_guard lock(mutex_);
    if (!file_) return {};
    return settled([&]() -> Result<void> {
        auto gone = idsOf("delete from answers where id = ?1 returning id", id);
        if (!gone) return gone.error();
        entries_ -= std::min(entries_.load(), gone->size());
        return {};
    }());
}

Disk::Load Disk::load() const {
    return {entries_.load(), bytes_.load(), set_aside_.load()};
}

}  // namespace howdah::cache
