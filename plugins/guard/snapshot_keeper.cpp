#include "plugins/guard/snapshot_keeper.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

#include "plugins/guard/catalog_statements.hpp"
#include "plugins/guard/registered.hpp"
#include "plugins/guard/role.hpp"
#include "plugins/guard/snapshot_builder.hpp"

namespace howdah::guard {
namespace {

constexpr int kTriesMax = 3;  // a catalog that changes while it is read

std::atomic<std::uint64_t> last_epoch{0};

// FNV-1a; never 0.
std::uint64_t versionOf(std::string_view fingerprint, std::string_view role) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const std::string_view text : {fingerprint, std::string_view("\n"), role})
        for (const char c : text)
            hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return std::max<std::uint64_t>(hash, 1);
}

struct Probe {
    std::string transactions;
    std::optional<std::string> fingerprint;  // none: nothing has changed
};

Result<Probe> probe(const Context& context, std::string_view database, std::string_view transactions) {
    const Value last = transactions.empty() ? Value(nullptr) : Value(transactions);
    auto rows = askForOne(context, database, kProbe, {last});
    if (!rows) return std::move(rows).error();
    Probe found{std::string(rows->text(0)), std::nullopt};
    if (!rows->isNull(1)) found.fingerprint = rows->text(1);
    return found;
}

// All of it or an error: a part of a catalog would let through what the other part forbids. A page begins behind the
// last object of the one before; what changed there meanwhile the probes before and after the whole tell. False: not
// one row of so many objects fits the limits of the pool.
Result<bool> read(const Context& context, std::string_view database, Snapshot::Builder& builder,
                  Snapshot::Builder::Part part, const Statement& statement, std::int64_t objects) {
    for (std::string last = "{}", before; last != before;) {
        before = last;
        auto rows = ask(context, database, statement, {Value(last), Value(objects)});
        if (!rows) return std::move(rows).error();
        while (true) {
            auto more = rows->next();
            if (!more) return std::move(more).error();
            if (!*more) break;
            if (auto added = builder.add(part, rows->text(0)); !added) return std::move(added).error();
            last = rows->text(1);
        }
        auto trailer = rows->trailer();
        if (!trailer) return trailer.error();
        if (!trailer->truncated) return true;
    }
    return false;
}

Result<bool> readAll(const Context& context, std::string_view database, Snapshot::Builder& builder,
                     std::int64_t objects) {
    using Part = Snapshot::Builder::Part;
    for (const auto& [part, statement] :
         {std::pair{Part::own_functions, kOwnFunctions}, std::pair{Part::schemas, kSchemas},
          std::pair{Part::functions, kFunctions}, std::pair{Part::operators, kOperators},
          std::pair{Part::casts, kCasts}, std::pair{Part::types, kTypes}, std::pair{Part::relations, kRelations},
          std::pair{Part::columns, kColumns}, std::pair{Part::code, kCode}, std::pair{Part::reach, kReach}}) {
        auto done = read(context, database, builder, part, statement, objects);
        if (!done || !*done) return done;
    }
    return true;
}

// In rows as long as the pool's limits let them be.
Result<void> readAll(const Context& context, std::string_view database, std::optional<Snapshot::Builder>& builder) {
    for (const std::int64_t objects : {500, 20}) {
        auto done = readAll(context, database, builder.emplace(), objects);
        if (!done) return std::move(done).error();
        if (*done) return {};
    }
    return Error::invalidArgument("not one row of it fits the limits of the pool")
        .withHint("raise pool.bytes_max and pool.cell_bytes_max");
}

}  // namespace

Result<SnapshotKeeper::Loaded> SnapshotKeeper::load(const Context& context, std::string_view database,
                                                    const Policy& policy) {
    for (int round = 0; round < kTriesMax; ++round) {
        auto before = probe(context, database, {});
        if (!before) return before.error();
        std::optional<Snapshot::Builder> builder;
        if (auto done = readAll(context, database, builder); !done) return done.error();
        auto after = probe(context, database, before->transactions);
        if (!after) return after.error();
        if (after->fingerprint && after->fingerprint != before->fingerprint) continue;

        auto built = builder->build(policy);
        if (!built) return built.error();
        CatalogView view;
        view.snapshot = std::move(*built);
        view.path = std::make_shared<const SchemaSet>(SchemaSet::ofSession(*view.snapshot));
        view.epoch = ++last_epoch;
        view.version = versionOf(*before->fingerprint, view.snapshot->role());
        return Loaded{std::move(view), std::move(after->transactions), std::move(*before->fingerprint)};
    }
    return Error::unavailable("the catalog changed ", kTriesMax, " times while it was read").withHint("try again");
}

CatalogView CatalogView::unread() {
    CatalogView view;
    view.snapshot = Snapshot::unread();
    view.path = std::make_shared<const SchemaSet>(SchemaSet::ofSession(*view.snapshot));
    view.epoch = UINT64_MAX;  // those of what was read count from 1
    return view;
}

bool isOfTheMoment(const Error& error) {
    if (error.code == Code::unavailable || error.code == Code::timeout || error.code == Code::cancelled) return true;
    if (error.code != Code::database) return false;
    // Connection, rollback, resources, operator intervention (a time limit of the role's own is one), object in use.
    constexpr std::string_view kClasses[] = {"08", "40", "53", "55", "57"};
    return std::ranges::find(kClasses, std::string_view(error.sqlstate).substr(0, 2)) != std::end(kClasses);
}

SnapshotKeeper::SnapshotKeeper(const Host& host, std::string database, std::uint64_t token, const Policy& policy)
    : host_(host), database_(std::move(database)), token_(token), policy_(policy), wakes_(host) {}

// Under the mutex.
bool SnapshotKeeper::isFresh(std::uint64_t now_ns, std::uint64_t newer_than_ns) const {
    return view_.snapshot && now_ns - verified_ns_ <= kFreshNs && verified_ns_ > invalid_ns_ &&
           verified_ns_ > newer_than_ns;
}

// Under the mutex: what was found a moment ago, and will be found again, is not waited for.
bool SnapshotKeeper::isHopeless(std::uint64_t now_ns) const {
    return error_ && failed_ns_ > verified_ns_ && now_ns < failed_ns_ + kVerifyEveryNs && !isOfTheMoment(*error_);
}

Result<CatalogView> SnapshotKeeper::view(const Context& context, std::uint64_t newer_than_ns) {
    const std::uint64_t began_ns = host_.nowNs();
    const std::uint64_t until_ns = std::min(context.deadlineNs(), began_ns + kWaitNs);
    for (;;) {
        bool start = false;
        {
            const std::lock_guard lock(mutex_);
            used_ns_ = began_ns;
            if (isFresh(began_ns, newer_than_ns)) return view_;
            if (isHopeless(began_ns)) return *error_;
        }
        auto waiter = std::make_shared<Event>(host_);  // a host call, so not under the mutex
        std::uint64_t now_ns = host_.nowNs();
        {
            const std::lock_guard lock(mutex_);
            if (isFresh(now_ns, newer_than_ns)) return view_;
            if (failed_ns_ > began_ns) return *error_;
            waiters_.push_back(waiter);
            start = !std::exchange(running_, true);
        }
        if (start) {
            if (host_.reactor().spawn(host_.raw(), token_) < 0) notRun();
        } else {
            wakes_.set();
        }
        const howdah_status woken = waiter->wait(context, until_ns);
        now_ns = host_.nowNs();
        const std::lock_guard lock(mutex_);
        std::erase(waiters_, waiter);
        if (isFresh(now_ns, newer_than_ns)) return view_;
        if (failed_ns_ > began_ns) return *error_;
        if (woken < 0) {
            if (woken == HOWDAH_ERROR_CANCELLED) return Error::cancelled("the request was cancelled");
            return Error::timeout("the catalog of database ", database_, " was not read in time").withHint("try again");
        }
    }
}

CatalogView SnapshotKeeper::viewAtHand() {
    const std::uint64_t now_ns = host_.nowNs();
    bool start = false;
    {
        const std::lock_guard lock(mutex_);
        used_ns_ = now_ns;
        if (isFresh(now_ns, 0)) return view_;
        if (now_ns < failed_ns_ + kVerifyEveryNs) return {};
        start = !std::exchange(running_, true);
    }
    if (!start)
        wakes_.set();
    else if (host_.reactor().spawn(host_.raw(), token_) < 0)
        notRun();
    return {};
}

void SnapshotKeeper::invalidate() {
    const std::uint64_t now_ns = host_.nowNs();
    const std::lock_guard lock(mutex_);
    invalid_ns_ = now_ns;
}

void SnapshotKeeper::settle(std::uint64_t asked_ns, std::optional<Error> error) {
    const std::uint64_t now_ns = host_.nowNs();
    std::vector<std::shared_ptr<Event>> waiters;
    {
        const std::lock_guard lock(mutex_);
        if (error) {
            failed_ns_ = now_ns;
            figures_.error = error->message;
            error_ = std::move(error);
        } else {
            verified_ns_ = asked_ns;
            figures_.error.clear();
        }
        waiters.swap(waiters_);
    }
    for (const auto& waiter : waiters)
        waiter->set();
}

// False when this task is being stopped.
bool SnapshotKeeper::refresh(const Context& context) {
    std::string transactions, fingerprint;
    bool known = false;
    const std::uint64_t asked_ns = host_.nowNs();
    {
        const std::lock_guard lock(mutex_);
        known = view_.snapshot != nullptr;
        transactions = transactions_;
        fingerprint = fingerprint_;
    }
    if (known) {
        auto probed = probe(context, database_, transactions);
        const std::uint64_t took_us = (host_.nowNs() - asked_ns) / 1000;
        if (!probed) {
            settle(asked_ns, std::move(probed).error());
            return context.goOn().has_value();
        }
        const bool same = !probed->fingerprint || *probed->fingerprint == fingerprint;
        {
            const std::lock_guard lock(mutex_);
            ++figures_.probes;
            figures_.probe_us = took_us;
            if (same) transactions_ = std::move(probed->transactions);
        }
        if (same) {
            settle(asked_ns, std::nullopt);
            return true;
        }
    }
    // By itself, and first: who the session is must be known even where the catalog cannot be read.
    auto role = SessionRole::ask(context, database_);
    if (!role) {
        settle(asked_ns, std::move(role).error());
        return context.goOn().has_value();
    }
    {
        const std::lock_guard lock(mutex_);
        role_ = *role;
    }
    auto loaded = load(context, database_, policy_);
    if (!loaded) {
        if (figures().error.empty())
            host_.log(LogLevel::warn, "database ", database_,
                      ": its catalog could not be read: ", loaded.error().message);
        settle(asked_ns, std::move(loaded).error());
        return context.goOn().has_value();
    }
    {
        const std::lock_guard lock(mutex_);
        ++figures_.loads;
        figures_.load_us = (host_.nowNs() - asked_ns) / 1000;
        figures_.objects = loaded->view.snapshot->objectCount();
        figures_.bytes = loaded->view.snapshot->bytes();
        loaded->view.privileged = role->privileged;
        std::swap(view_, loaded->view);  // the old one is freed after the lock
        transactions_ = std::move(loaded->transactions);
        fingerprint_ = std::move(loaded->fingerprint);
    }
    settle(asked_ns, std::nullopt);
    return true;
}

void SnapshotKeeper::run(Context& context) {
    for (;;) {
        if (!refresh(context)) return notRun();
        const howdah_status woken = wakes_.wait(context, host_.nowNs() + kVerifyEveryNs);
        if (woken < 0 && woken != HOWDAH_ERROR_TIMEOUT) return notRun();
        const std::uint64_t now_ns = host_.nowNs();
        const std::lock_guard lock(mutex_);
        if (waiters_.empty() && now_ns > used_ns_ + kIdleNs) {
            running_ = false;
            return;
        }
    }
}

void SnapshotKeeper::notRun() {
    {
        const std::lock_guard lock(mutex_);
        running_ = false;
    }
    settle(0, Error::unavailable("the guard is being stopped").withHint("try again"));
}

std::optional<SessionRole> SnapshotKeeper::role() const {
    const std::lock_guard lock(mutex_);
    return role_;
}

SnapshotKeeper::Figures SnapshotKeeper::figures() const {
    const std::lock_guard lock(mutex_);
    return figures_;
}

}  // namespace howdah::guard
