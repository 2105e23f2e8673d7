#include "plugins/cache/commons.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <howdah/hex.hpp>

#include "plugins/cache/bytes.hpp"
#include "plugins/cache/key.hpp"

namespace howdah::cache {
namespace {

// Another format, or another order of bytes, is nobody's answer.
constexpr std::string_view kFormat = std::endian::native == std::endian::little ? "answer 1 little" : "answer 1 big";
constexpr std::size_t kEntryOverhead = 192;  // of Redis, for a key of this length, measured with MEMORY USAGE
constexpr std::size_t kHeadBytes = 2 * sizeof(std::uint64_t);

}  // namespace

// Of a read: of the task that asks and of the call that waits for it, whichever is longer there.
struct Commons::Found {
    Found(const Host& host, Gauge its_gauge) : ended(host), gauge(std::move(its_gauge)) {}
    Event ended;
    const Gauge gauge;
    std::mutex mutex;
    bool done = false;
    std::optional<std::string> value;
};

Commons::Commons(const Host& host, Jobs& jobs, const Config& config, const Databases& databases, const Peers& peers,
                 Kv kv, Vault vault)
    : host_(host),
      jobs_(jobs),
      config_(config),
      databases_(databases),
      peers_(peers),
      kv_(kv),
      vault_(std::move(vault)),
      prefix_(concat("cache/", config.shared.name, "/answer/")) {}

// Nothing: the database has not told who it is, or no digest could be made.
std::optional<Commons::Place> Commons::placeOf(std::string_view key, const std::string& store) const {
    const KeyParts parts = partsOf(key);
    const Database* const database = databases_.find(parts.database);
    const std::string identity = database ? database->identity() : "";
    if (identity.empty()) return std::nullopt;
    const std::string name = vault_.digest({"answer", store, identity, key});
    std::string scope =
        vault_.digest({"answers of", store, identity, std::to_string(parts.scope_hash), parts.subject, parts.tenant});
    if (name.empty() || scope.empty()) return std::nullopt;
    return Place{concat(prefix_, toHex(name)), std::move(scope)};
}

std::string Commons::aboutOf(const Place& place, std::uint64_t number, std::uint64_t tick) {
    return concat(kFormat, ':', place.name, ':', number, ':', tick);
}

// A key for each scope and tick: no key seals more than random nonces are good for.
std::string Commons::sealed(const Entry& entry, const Place& place, const Peers::Position& position) const {
    std::string bytes = vault_.seal(concat(place.scope, position.tick), aboutOf(place, position.number, position.tick),
                                    entry.toBytes());
    if (bytes.empty()) return bytes;
    ByteWriter out;
    out.number(position.number);
    out.number(position.tick);
    return std::move(out).bytes() + bytes;
}

bool Commons::enter(const Gauge& gauge) {
    if (gauge->fetch_add(1) < kAtOnceMax) return true;
    gauge->fetch_sub(1);
    return false;
}

bool Commons::isPaused(const Way& way) const {
    const std::uint64_t now_ns = bootNs();
    const std::lock_guard lock(mutex_);
    return now_ns < way.paused_until_ns;
}

void Commons::noteSuccess(Way& way) {
    const std::lock_guard lock(mutex_);
    way.pause_ns = kPause_ns;
    way.trouble.clear();
}

// So that calls do not wait, one after the other, for what does not answer.
void Commons::pause(Way& way, const std::string& trouble) {
    const std::uint64_t now_ns = bootNs();
    {
        const std::lock_guard lock(mutex_);
        if (now_ns < way.paused_until_ns) return;
        way.paused_until_ns = now_ns + way.pause_ns;
        way.pause_ns = std::min(way.pause_ns * 2, kPauseMax_ns);
        way.trouble = trouble;
        if (way.told_ns != 0 && now_ns - way.told_ns < kToldAgain_ns) return;
        way.told_ns = now_ns;
    }
    host_.log(LogLevel::warn, "calls go on without sharing answers with other instances: ", trouble);
}

EntryPtr Commons::damaged() {
    if (damaged_++ == 0)
        host_.log(LogLevel::warn,
                  "an answer in the shared store is damaged or not ours, and is left out; more are only counted");
    return nullptr;
}

// --- what others have read

EntryPtr Commons::find(const Context& context, std::uint64_t hash, std::string_view key,
                       const std::vector<Footing>& footings) {
    auto here = peers_.position();
    if (!here || isPaused(reading_)) return nullptr;
    const auto place = placeOf(key, here->store);
    if (!place) return nullptr;
    const auto value = fetch(context, place->name);
    if (!value) return nullptr;
    bytes_read_ += value->size();
    return judged(*value, *place, std::move(*here), hash, key, footings);
}

std::optional<std::string> Commons::fetch(const Context& context, const std::string& name) {
    if (!enter(reads_)) return ++left_out_, std::nullopt;
    const auto found = std::make_shared<Found>(host_, reads_);
    // Whatever becomes of the task, done, thrown out of or dropped before it ran, nobody waits for it any more.
    std::shared_ptr<void> runs(nullptr, [found](void*) {
        found->gauge->fetch_sub(1);
        found->ended.set();
    });
    const bool spawned = jobs_.spawn([this, found, name, runs = std::move(runs)](Context& own) {
        auto value = kv_.get(own, name);
        const bool none = !value && value.error().code == Code::not_found;
        if (value || none)
            noteSuccess(reading_);
        else if (value.error().code != Code::cancelled)
            ++failed_, pause(reading_, value.error().message);
        const std::lock_guard lock(found->mutex);
        if (none) ++misses_;
        found->done = true;
        if (value) found->value = std::move(*value);
    });
    if (!spawned) return std::nullopt;
    (void)found->ended.wait(context, host_.nowNs() + config_.shared.answers.read_ns);
    const std::lock_guard lock(found->mutex);
    if (found->done) return std::move(found->value);
    ++late_;
    if (context.goOn()) pause(reading_, "the shared store answers too slowly");
    return std::nullopt;
}

// Its numbers are believed only as it was sealed with them.
EntryPtr Commons::judged(std::string_view value, const Place& place, Peers::Position position, std::uint64_t hash,
                         std::string_view key, const std::vector<Footing>& footings) {
    if (value.size() < kHeadBytes) return damaged();
    ByteReader head(value.substr(0, kHeadBytes));
    position.number = head.number<std::uint64_t>();
    position.tick = head.number<std::uint64_t>();
    const auto bytes = vault_.open(concat(place.scope, position.tick), aboutOf(place, position.number, position.tick),
                                   value.substr(kHeadBytes));
    if (!bytes) return damaged();
    const auto since_ns = peers_.isGoodSince(position, footings);
    if (!since_ns) return ++outdated_, nullptr;
    EntryPtr entry = Entry::ofPeer(*bytes, hash, {*since_ns, *since_ns + config_.ttl_ns}, footings);
    return entry && entry->key() == key ? entry : damaged();
}

// --- what this instance has read

// No errors; and nothing that is good only as long as this process hears of writes.
void Commons::put(EntryPtr entry, Peers::Position position) {
    if (entry->error() || entry->life().good_until_ns || isPaused(writing_)) return;
    if (!enter(writes_)) {
        ++left_out_;
        return;
    }
    const std::shared_ptr<void> runs(nullptr, [gauge = writes_](void*) { gauge->fetch_sub(1); });
    jobs_.spawn([this, entry = std::move(entry), position = std::move(position), runs](Context& own) {
        write(own, *entry, position);
    });
}

void Commons::write(const Context& context, const Entry& entry, const Peers::Position& position) {
    const auto place = placeOf(entry.key(), position.store);
    if (!place) return;
    const std::string value = sealed(entry, *place, position);
    if (value.empty()) return;
    if (value.size() > config_.shared.answers.entry_bytes) {
        ++too_large_;
        return;
    }
    const std::uint64_t now_ns = bootNs(), ends_ns = entry.life().ends_ns;
    if (ends_ns < now_ns + kMs) return;
    if (!takesRoom(value.size() + kEntryOverhead, ends_ns)) {
        ++left_out_;
        return;
    }
    const auto put = kv_.set(context, place->name, value, (ends_ns - now_ns) / kMs);
    if (!put) {
        if (put.error().code == Code::cancelled) return;
        ++failed_;
        return pause(writing_, put.error().message);
    }
    noteSuccess(writing_);
    ++stored_;
    bytes_written_ += value.size();
}

// What is put in another's place counts until its own time is over: the sum is never too small.
bool Commons::takesRoom(std::size_t bytes, std::uint64_t until_ns) {
    const std::uint64_t now_ns = bootNs();
    const std::lock_guard lock(mutex_);
    while (!shares_.empty() && shares_.front().until_ns <= now_ns) {
        bytes_ -= shares_.front().bytes;
        shares_.pop_front();
    }
    if (bytes_ + bytes > config_.shared.answers.bytes) return false;
    bytes_ += bytes;
    shares_.push_back({until_ns, bytes});
    return true;
}

Commons::Figures Commons::figures() const {
    Figures figures;
    figures.misses = misses_;
    figures.outdated = outdated_;
    figures.late = late_;
    figures.failed = failed_;
    figures.damaged = damaged_;
    figures.bytes_read = bytes_read_;
    figures.stored = stored_;
    figures.bytes_written = bytes_written_;
    figures.too_large = too_large_;
    figures.left_out = left_out_;
    const std::uint64_t now_ns = bootNs();
    const std::lock_guard lock(mutex_);
    figures.bytes = bytes_;
    if (now_ns < reading_.paused_until_ns) figures.pause_ms = (reading_.paused_until_ns - now_ns) / kMs + 1;
    figures.trouble = reading_.trouble.empty() ? writing_.trouble : reading_.trouble;
    return figures;
}

}  // namespace howdah::cache
