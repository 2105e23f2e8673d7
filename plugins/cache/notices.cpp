#include "plugins/cache/notices.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <howdah/own_statement.hpp>

#include "plugins/cache/clock.hpp"

namespace howdah::cache {
namespace {

constexpr std::uint64_t kRest_ns = 250 * kMs, kRestMax_ns = 4'000 * kMs;  // after a failure; doubled

std::optional<std::uint32_t> oidIn(std::string_view text) {
    std::uint32_t oid = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), oid);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || oid == 0) return std::nullopt;
    return oid;
}

}  // namespace

Notices::Notices(const Host& host, Jobs& jobs, const Config& config, Ledger& ledger, Listener::Service service)
    : host_(host), jobs_(jobs), config_(config), ledger_(ledger), service_(service) {
    for (const std::string& name : config.notify.databases)
        watches_.push_back(std::make_unique<Watch>(name));
}

Result<void> Notices::begin() {
    for (const auto& watch : watches_) {
        if (!jobs_.spawn([this, &watch = *watch](Context& context) { keepListening(context, watch); }))
            return Error::unavailable("the task that listens to database ", watch->name, " could not be started");
    }
    return {};
}

const Notices::Watch* Notices::watchOf(std::string_view database) const {
    for (const auto& watch : watches_)
        if (watch->name == database) return watch.get();
    return nullptr;
}

const Notices::Good* Notices::cover(std::string_view database, const std::uint32_t* relations,
                                    std::size_t count) const {
    const Watch* watch = watchOf(database);
    if (!watch || count == 0) return nullptr;
    CoveragePtr coverage;
    {
        const std::lock_guard lock(watch->mutex);
        coverage = watch->coverage;
    }
    const auto isCovered = [&](std::uint32_t relation) {
        return std::binary_search(coverage->roots.begin(), coverage->roots.end(), relation);
    };
    return coverage && std::all_of(relations, relations + count, isCovered) ? &watch->good_until_ns : nullptr;
}

void Notices::keepListening(const Context& context, Watch& watch) {
    const Event rest(host_);  // nobody sets it
    std::uint64_t pause_ns = kRest_ns;
    for (;;) {
        const std::uint64_t begun_ns = host_.nowNs();
        const auto ended = listen(context, watch);
        if (!context.goOn()) return lose(watch, ended.error());
        if (host_.nowNs() - begun_ns > kRestMax_ns) pause_ns = kRest_ns;
        lose(watch, ended.error());
        if (rest.wait(context, host_.nowNs() + pause_ns) == HOWDAH_ERROR_CANCELLED) return;
        pause_ns = std::min(pause_ns * 2, kRestMax_ns);
    }
}

// Until it cannot go on: always an error.
Result<void> Notices::listen(const Context& context, Watch& watch) {
    auto listener = Listener::open(context, service_, watch.name, config_.notify.channel);
    if (!listener) return std::move(listener).error();
    for (;;) {
        const std::uint64_t next_ns = host_.nowNs() + config_.notify.bound_ns / 2;
        if (auto proved = prove(context, watch, *listener); !proved) return proved;
        const CoveragePtr coverage = watch.coverage;  // this task alone writes it
        for (;;) {
            auto told = listener->next(context, next_ns);
            if (!told) return std::move(told).error();
            if (!*told) break;
            apply(watch, *coverage, **told);
        }
    }
}

// That nothing is on its way, and which tables would tell: of the moment it begins.
Result<void> Notices::prove(const Context& context, Watch& watch, Listener& listener) {
    const std::uint64_t begun_ns = bootNs();
    auto looked = look(context, watch);
    if (!looked) return std::move(looked).error();
    const CoveragePtr coverage = std::move(*looked);
    if (coverage->server != listener.server())
        return Error::unavailable("database ", watch.name, " is read from another server than is listened to");
    if (auto done = listener.catchUp(context, host_.nowNs() + config_.notify.bound_ns); !done) return done;
    for (;;) {
        auto told = listener.next(context, 0);
        if (!told) return std::move(told).error();
        if (!*told) break;
        apply(watch, *coverage, **told);
    }
    if (!watch.coverage || watch.coverage->triggers != coverage->triggers) publish(watch, coverage);
    watch.good_until_ns.store(begun_ns + config_.notify.bound_ns, std::memory_order_release);
    return {};
}

Result<Notices::CoveragePtr> Notices::look(const Context& context, const Watch& watch) const {
    auto rows = runOwn(context, watch.name, kCoverageStatement, {}, config_.notify.bound_ns / kMs);
    if (!rows) return std::move(rows).error();
    auto coverage = std::make_shared<Coverage>();
    for (;;) {
        auto more = rows->next();
        if (!more) return std::move(more).error();
        if (!*more) break;
        const auto root = static_cast<std::uint32_t>(rows->integer(0));
        if (root == 0) {
            coverage->server = rows->text(2);
            coverage->oid = oidIn(rows->text(2).substr(0, rows->text(2).find(' '))).value_or(0);
            continue;
        }
        coverage->roots.push_back(root);
        coverage->names.emplace_back(rows->text(3));
        coverage->triggers += concat(root, '=', rows->text(2), ';');
        for (std::string_view rest = rows->text(1); !rest.empty();) {
            const std::size_t end = std::min(rest.find(' '), rest.size());
            if (const auto member = oidIn(rest.substr(0, end))) coverage->root_of[*member] = root;
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    auto trailer = rows->trailer();
    if (!trailer) return std::move(trailer).error();
    if (trailer->truncated) return Error::unavailable("more tables tell of writes than pool.rows_max lets be read");
    if (coverage->oid == 0) return Error::unavailable("database ", watch.name, " does not say which it is");
    std::sort(coverage->roots.begin(), coverage->roots.end());
    return CoveragePtr(std::move(coverage));
}

// First what holds from now on, then the epoch: whoever notes the new one sees the new coverage, too.
void Notices::publish(Watch& watch, CoveragePtr coverage) {
    const bool first = !watch.coverage;
    const std::uint32_t oid = coverage->oid;
    const std::size_t tables = coverage->roots.size();
    {
        const std::lock_guard lock(watch.mutex);
        watch.coverage = std::move(coverage);
        watch.trouble.clear();
    }
    ledger_.move(Ledger::slotOf(oid, Ledger::kListened));
    if (first) host_.log(LogLevel::info, "database ", watch.name, " tells of writes to ", tables, " tables");
}

void Notices::lose(Watch& watch, const Error& error) {
    watch.good_until_ns.store(0, std::memory_order_release);
    CoveragePtr lost;
    bool told = false;
    {
        const std::lock_guard lock(watch.mutex);
        lost = std::exchange(watch.coverage, nullptr);
        told = std::exchange(watch.trouble, error.message) == error.message;
    }
    if (lost) {
        ++watch.lost;
        ledger_.move(Ledger::slotOf(lost->oid, Ledger::kListened));
    }
    if (!told && error.code != Code::cancelled)
        host_.log(LogLevel::warn, "what was remembered by notices of database ", watch.name,
                  " is forgotten: ", error.message);
}

// The root is what answers stand on. Anybody may tell anything on a channel, which costs answers and makes none wrong.
void Notices::apply(Watch& watch, const Coverage& coverage, std::string_view payload) {
    std::uint32_t changed = Ledger::kListened;
    if (const auto relation = oidIn(payload)) {
        const auto known = coverage.root_of.find(*relation);
        changed = known == coverage.root_of.end() ? *relation : known->second;
    }
    ledger_.move(Ledger::slotOf(coverage.oid, changed));
    ++watch.told;
}

std::vector<Notices::Figures> Notices::figures() const {
    std::vector<Figures> all;
    for (const auto& watch : watches_) {
        Figures figures;
        figures.database = watch->name;
        figures.told = watch->told;
        figures.lost = watch->lost;
        const std::lock_guard lock(watch->mutex);
        figures.state = watch->coverage ? "listening" : watch->trouble.empty() ? "connecting" : "failing";
        if (watch->coverage) figures.tables = watch->coverage->names;
        figures.trouble = watch->trouble;
        all.push_back(std::move(figures));
    }
    return all;
}

}  // namespace howdah::cache
