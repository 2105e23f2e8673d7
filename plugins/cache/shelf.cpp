#include "plugins/cache/shelf.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "plugins/cache/key.hpp"

namespace howdah::cache {
namespace {

constexpr std::size_t kWaitingBytesMax = 16u << 20;  // to be written; what comes while it is full is left out
constexpr std::size_t kTogether = 256;               // entries in one transaction

std::optional<std::uint64_t> wordOf(const std::string& digest) {
    std::uint64_t word = 0;
    if (digest.size() < sizeof word) return std::nullopt;
    std::memcpy(&word, digest.data(), sizeof word);
    return word;
}

// Under other epochs or with another key no row would be found again, so none is kept.
std::uint64_t markOf(const Ledger& ledger, const Vault& vault) {
    return ledger.id() ^ wordOf(vault.digest({"file"})).value_or(0);
}

// No errors; and nothing that is good only as long as this process hears of writes.
bool mayLie(const Entry& entry) {
    return !entry.error() && !entry.life().good_until_ns;
}

}  // namespace

// The scope chooses the key: a principal's answers are sealed for him.
struct Shelf::Slip {
    std::int64_t id = 0;
    std::string scope;
};

Shelf::Shelf(const Host& host, Jobs& jobs, const Config& config, const Ledger& ledger, const Databases& databases,
             std::string folder, Vault vault)
    : host_(host),
      jobs_(jobs),
      config_(config),
      ledger_(ledger),
      databases_(databases),
      vault_(std::move(vault)),
      disk_(std::move(folder), config.l3.budget, markOf(ledger, vault_),
            [this](std::string_view line) { host_.log(LogLevel::warn, line); }) {}

// Empty: the database has not told who it is, and nothing of it lies on disk.
std::string Shelf::identityOf(std::string_view key) const {
    const Database* database = databases_.find(partsOf(key).database);
    return database ? database->identity() : "";
}

std::optional<std::int64_t> Shelf::idOf(std::string_view key, const std::string& identity) const {
    const auto id = wordOf(vault_.digest({"row", identity, key}));
    return id ? std::optional(static_cast<std::int64_t>(*id)) : std::nullopt;
}

std::string Shelf::scopeOf(std::string_view key, const std::string& identity) const {
    const KeyParts parts = partsOf(key);
    return vault_.digest({"scope", identity, std::to_string(parts.scope_hash), parts.subject, parts.tenant});
}

// A row is worth something at its own place and under this ledger only.
std::string Shelf::aboutOf(const Disk::Row& row) const {
    return concat(ledger_.id(), ':', row.id, ':', row.born_ns, ':', row.ends_ns);
}

// A disk that was full or locked for a while need not be so for good.
void Shelf::begin() {
    const std::uint64_t now_ns = host_.nowNs();
    {
        const std::lock_guard lock(mutex_);
        if (ready_ || opening_ || now_ns < next_open_ns_) return;
        opening_ = true;
    }
    if (!jobs_.start([this] { open(); })) openLater();
}

void Shelf::open() {
    auto ids = disk_.open(bootNs());
    if (!ids) {
        tellOnce(ids.error());
        return openLater();
    }
    if (failing_.exchange(false)) host_.log(LogLevel::info, "the cache on disk could be opened");
    const std::lock_guard lock(mutex_);
    ids_.insert(ids->begin(), ids->end());
    opening_ = false;
    ready_ = true;
}

void Shelf::openLater() {
    const std::uint64_t now_ns = host_.nowNs();
    const std::lock_guard lock(mutex_);
    opening_ = false;
    ++opens_failed_;
    next_open_ns_ = now_ns + pause_ns_;
    pause_ns_ = std::min(pause_ns_ * 2, kPauseMax_ns);
}

EntryPtr Shelf::find(const Context& context, std::uint64_t hash, std::string_view key) {
    bool ready = false;
    {
        const std::lock_guard lock(mutex_);
        ready = ready_;
        if (ready && ids_.empty()) return nullptr;  // spares the digest of every miss
    }
    if (!ready) return begin(), nullptr;
    const std::string identity = identityOf(key);
    if (identity.empty()) return nullptr;
    const auto id = idOf(key, identity);
    if (!id) return nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (!ids_.contains(*id)) return nullptr;
    }
    const auto slip = std::make_shared<const Slip>(Slip{*id, scopeOf(key, identity)});
    // The work goes on after the wait for it has ended, and then has nobody to give to.
    struct Found {
        std::mutex mutex;
        EntryPtr entry;
    };
    const auto found = std::make_shared<Found>();
    const auto work = [this, slip, hash, found] {
        EntryPtr entry = read(*slip, hash);
        const std::lock_guard lock(found->mutex);
        found->entry = std::move(entry);
    };
    const auto done = jobs_.run(context, work, HOWDAH_OFFLOAD_BLOCKING, host_.nowNs() + config_.l3.read_ns);
    if (!done) return ++late_, nullptr;
    const std::lock_guard lock(found->mutex);
    return found->entry && found->entry->key() == key ? found->entry : nullptr;
}

EntryPtr Shelf::read(const Slip& slip, std::uint64_t hash) {
    auto row = disk_.get(slip.id);
    if (!row) return tellOnce(row.error()), nullptr;
    if (!*row) return forget({slip.id}), nullptr;
    const auto bytes = vault_.open(slip.scope, aboutOf(**row), (*row)->sealed);
    EntryPtr entry = bytes ? Entry::fromBytes(*bytes, hash, config_.ttl_ns) : nullptr;
    if (entry) {
        if (bootNs() >= entry->life().ends_ns || !ledger_.stands(entry->footings())) drop(slip.id);
        return entry;
    }
    if (damaged_++ == 0)
        host_.log(LogLevel::warn, "an answer on disk is damaged or not ours, and is left out; more are only counted");
    drop(slip.id);
    return nullptr;
}

void Shelf::drop(std::int64_t id) {
    if (auto erased = disk_.erase(id); !erased) tellOnce(erased.error());
    forget({id});
}

void Shelf::forget(const std::vector<std::int64_t>& ids) {
    const std::lock_guard lock(mutex_);
    for (const std::int64_t id : ids)
        ids_.erase(id);
}

void Shelf::take(std::vector<EntryPtr> entries) {
    bool start = false;
    {
        const std::lock_guard lock(mutex_);
        if (!ready_) return;
        for (EntryPtr& entry : entries) {
            if (!mayLie(*entry) || !entry->wasUsed()) continue;
            if (waiting_bytes_ + entry->size() > kWaitingBytesMax) {
                ++left_out_;
                continue;
            }
            waiting_bytes_ += entry->size();
            waiting_.push_back(std::move(entry));
        }
        start = !waiting_.empty() && !std::exchange(writing_, true);
    }
    if (start && !jobs_.start([this] { writeWaiting(); })) {
        const std::lock_guard lock(mutex_);
        writing_ = false;
    }
}

void Shelf::writeWaiting() {
    for (;;) {
        std::vector<EntryPtr> next;
        {
            const std::lock_guard lock(mutex_);
            while (!waiting_.empty() && next.size() < kTogether) {
                waiting_bytes_ -= waiting_.front()->size();
                next.push_back(std::move(waiting_.front()));
                waiting_.pop_front();
            }
            if (next.empty()) {
                writing_ = false;
                return;
            }
        }
        write(next);
    }
}

// What is out of date already is not worth the disk.
void Shelf::write(const std::vector<EntryPtr>& entries) {
    const std::uint64_t now_ns = bootNs();
    std::vector<Disk::Row> rows;
    for (const EntryPtr& entry : entries) {
        if (!mayLie(*entry) || now_ns >= entry->life().ends_ns || !ledger_.stands(entry->footings())) continue;
        const std::string identity = identityOf(entry->key());
        const auto id = identity.empty() ? std::nullopt : idOf(entry->key(), identity);
        if (!id) continue;
        Disk::Row row{*id,
                      static_cast<std::int64_t>(entry->life().born_ns),
                      static_cast<std::int64_t>(entry->life().ends_ns),
                      {}};
        row.sealed = vault_.seal(scopeOf(entry->key(), identity), aboutOf(row), entry->toBytes());
        if (!row.sealed.empty()) rows.push_back(std::move(row));
    }
    if (rows.empty()) return;
    auto left = disk_.put(rows, now_ns);
    if (!left) {
        left_out_ += rows.size();
        return tellOnce(left.error());
    }
    if (failing_.exchange(false)) host_.log(LogLevel::info, "the cache on disk is written to again");
    written_ += rows.size();
    const std::lock_guard lock(mutex_);
    for (const Disk::Row& row : rows)
        ids_.insert(row.id);
    for (const std::int64_t id : *left)
        ids_.erase(id);
}

void Shelf::finish(const std::vector<EntryPtr>& entries) {
    std::vector<EntryPtr> last;
    {
        const std::lock_guard lock(mutex_);
        if (!ready_) return;
        last.assign(waiting_.begin(), waiting_.end());
        waiting_.clear();
        waiting_bytes_ = 0;
    }
    last.insert(last.end(), entries.begin(), entries.end());
    for (std::size_t at = 0; at < last.size(); at += kTogether) {
        const auto first = last.begin() + static_cast<std::ptrdiff_t>(at);
        write({first, first + static_cast<std::ptrdiff_t>(std::min(kTogether, last.size() - at))});
    }
}

void Shelf::tellOnce(const Error& error) {
    if (!failing_.exchange(true)) host_.log(LogLevel::warn, "calls go on without the cache on disk: ", error.message);
}

Shelf::Figures Shelf::figures() const {
    Figures figures;
    figures.load = disk_.load();
    figures.written = written_;
    figures.left_out = left_out_;
    figures.damaged = damaged_;
    figures.late = late_;
    const std::uint64_t now_ns = host_.nowNs();
    const std::lock_guard lock(mutex_);
    figures.state = failing_ ? "failing" : ready_ ? "ready" : "opening";
    figures.open = ready_;
    figures.opens_failed = opens_failed_;
    if (!ready_ && !opening_ && now_ns < next_open_ns_) figures.retry_ms = (next_open_ns_ - now_ns) / kMs + 1;
    return figures;
}

}  // namespace howdah::cache
