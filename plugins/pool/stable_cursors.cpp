#include "stable_cursors.hpp"

#include <algorithm>

#include "cursor.hpp"
#include "executor.hpp"

namespace howdah::pool {
namespace {

constexpr std::uint64_t kLifeNs = 900 * kSecondNs;  // of one snapshot, however often it is used

Error unknown() {
    return Error::notFound("unknown or expired handle");
}

void appendPart(std::string& out, std::string_view part) {
    out += concat(part.size(), ":", part);
}

}  // namespace

StablePlace& StablePlace::operator=(StablePlace&& other) noexcept {
    if (this != &other) {
        giveBack();
        all_ = std::move(other.all_);
        database_ = std::move(other.database_);
    }
    return *this;
}

void StablePlace::giveBack() {
    if (auto all = std::move(all_)) all->free(database_);
}

class StableCursors::Sweeper final : public Job {
public:
    explicit Sweeper(std::shared_ptr<StableCursors> all) : all_(std::move(all)) {}
    void task(Context& context) override {
        all_->sweep(context);
        drop();
    }
    void drop() override {
        std::lock_guard lock(all_->mutex_);
        all_->sweeper_runs_ = false;
    }

private:
    std::shared_ptr<StableCursors> all_;
};

StableCursors::StableCursors(const Host& host, Jobs& jobs, const Config& config)
    : host_(host), jobs_(jobs), config_(config) {}

std::string StableCursors::ownerOf(const howdah_execution& execution) {
    std::string owner;
    if (execution.principal) {
        appendPart(owner, fromAbi(execution.principal->subject));
        appendPart(owner, fromAbi(execution.principal->tenant));
    }
    appendPart(owner, fromAbi(execution.database));
    appendPart(owner, fromAbi(execution.sql));
    for (std::uint64_t i = 0; i < execution.setting_count; ++i) {
        appendPart(owner, fromAbi(execution.settings[i].name));
        appendPart(owner, fromAbi(execution.settings[i].value));
    }
    for (std::uint64_t i = 0; i < execution.parameter_count; ++i) {
        const howdah_value& value = execution.parameters[i];
        appendPart(owner, concat(value.type, ",", value.type_oid, ",", value.integer, ",", value.number));
        appendPart(owner, fromAbi(value.text));
    }
    return owner;
}

Result<StablePlace> StableCursors::reserve(const std::string& database) {
    // One connection is left for everybody else.
    const std::uint32_t most = std::min(config_.stable_max, config_.connections_max - 1);
    {
        std::lock_guard lock(mutex_);
        std::uint32_t& taken = taken_[database];
        if (!stopped_ && taken < most) {
            ++taken;
            return StablePlace(shared_from_this(), database);
        }
    }
    Error full = most == 0 ? Error::refused("database ", database, " keeps no stable cursors (pool.stable_max)")
                           : Error::unavailable("all ", most, " stable cursors of database ", database,
                                                " are in use; one that nobody asks for ends after ",
                                                config_.stable_idle.count(), " ms");
    full.hint = "read one to its end, or ask without stable: next then runs the statement again";
    if (most > 0) full.retry_after_ms = static_cast<std::uint64_t>(config_.stable_idle.count());
    return full;
}

void StableCursors::free(const std::string& database) {
    std::lock_guard lock(mutex_);
    --taken_[database];
}

bool StableCursors::suppose(std::string_view name, std::string definitions) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(name);
    if (found == kept_.end()) return false;
    found->second.cursor.supposed = std::move(definitions);
    return true;
}

void StableCursors::end(std::string_view name) {
    StableCursor ending;  // closes its connection behind the lock
    const std::lock_guard lock(mutex_);
    if (auto found = kept_.find(name); found != kept_.end()) {
        ending = std::move(found->second.cursor);
        kept_.erase(found);
    }
}

std::string StableCursors::keep(StableCursor cursor, std::string name) {
    const std::uint64_t now_ns = host_.nowNs();
    const std::uint64_t expires_ns = std::min(now_ns + nanoseconds(config_.stable_idle), cursor.opened_ns + kLifeNs);
    bool sweeper = false;
    {
        std::lock_guard lock(mutex_);
        if (stopped_) return {};  // the cursor ends with its lease
        kept_.emplace(name, Kept{std::move(cursor), expires_ns});
        sweeper = !std::exchange(sweeper_runs_, true);
    }
    if (sweeper) jobs_.spawn(std::make_shared<Sweeper>(shared_from_this()));
    return name;
}

Result<StableCursor> StableCursors::take(std::string_view name, std::string_view belongs_to, std::uint64_t position) {
    const std::uint64_t now_ns = host_.nowNs();
    std::lock_guard lock(mutex_);
    auto found = kept_.find(name);
    if (found == kept_.end()) return unknown();
    const Kept& kept = found->second;
    if (kept.cursor.belongs_to != belongs_to || kept.cursor.position != position || now_ns >= kept.expires_ns)
        return unknown();
    StableCursor cursor = std::move(found->second.cursor);
    kept_.erase(found);
    return cursor;
}

std::vector<StableCursor> StableCursors::takeExpired(std::uint64_t now_ns, std::uint64_t& next_ns) {
    std::vector<StableCursor> expired;
    next_ns = UINT64_MAX;
    std::lock_guard lock(mutex_);
    for (auto at = kept_.begin(); at != kept_.end();) {
        if (now_ns < at->second.expires_ns) {
            next_ns = std::min(next_ns, at->second.expires_ns);
            ++at;
            continue;
        }
        expired.push_back(std::move(at->second.cursor));
        at = kept_.erase(at);
    }
    if (kept_.empty()) sweeper_runs_ = false;  // the next one that is kept begins another
    return expired;
}

void StableCursors::sweep(Context& context) {
    Event never(host_);
    for (;;) {
        std::uint64_t next_ns = 0;
        for (StableCursor& cursor : takeExpired(host_.nowNs(), next_ns))
            cursor.lease.settleInBackground(false);  // rolls back
        if (next_ns == UINT64_MAX) return;
        const howdah_status woken = never.wait(context, next_ns);  // nobody sets it
        if (woken < 0 && woken != HOWDAH_ERROR_TIMEOUT) return;    // cancelled: the plugin stops
    }
}

void StableCursors::stop() {
    std::map<std::string, Kept, std::less<>> ending;
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        ending.swap(kept_);
    }
    for (auto& [name, kept] : ending)
        kept.cursor.lease.close();
}

Result<std::unique_ptr<Cursor>> executeStable(const Context& context, const std::shared_ptr<Database>& database,
                                              const howdah_execution& execution,
                                              const std::shared_ptr<StableCursors>& all) {
    auto made = Command::from(execution, database->config(), untilDeadline(context));
    if (!made) return std::move(made).error();
    if (!made->text.isBounded()) {
        return Error::invalidArgument("only a SELECT, VALUES or TABLE can be stable").withHint("ask without stable");
    }
    auto command = std::make_shared<const Command>(std::move(*made));
    StableCursor cursor;
    if (execution.cursor.size == 0 && execution.rows_skip > 0) return unknown();
    if (execution.cursor.size > 0) {
        auto kept = all->take(fromAbi(execution.cursor), StableCursors::ownerOf(execution), execution.rows_skip);
        if (!kept) return std::move(kept).error();
        cursor = std::move(*kept);
        // Ended by the server or on the way to it: there is nothing to go on with.
        if (!cursor.lease->attach(context) || !cursor.lease->looksAlive()) return unknown();
    } else {
        auto place = all->reserve(database->name());
        if (!place) return std::move(place).error();
        auto leased = database->lease(context, Care::once, callerOf(execution));
        if (auto* failure = std::get_if<Failure>(&leased)) return std::move(failure->error);
        cursor.place = std::move(*place);
        cursor.lease = std::move(std::get<Lease>(leased));
        cursor.belongs_to = StableCursors::ownerOf(execution);
        cursor.opened_ns = context.host().nowNs();
    }
    auto run = std::make_unique<Cursor>(database, command, std::move(cursor));
    if (auto failure = run->begin(context)) return std::move(failure->error);
    return run;
}

}  // namespace howdah::pool
