#include "plugins/analytics/recorder.hpp"

#include <optional>

namespace howdah::analytics {
namespace {

constexpr std::size_t kSlots = 2 * Recorder::kUnderWayMax;
constexpr std::size_t kRulesMax = 256;
constexpr std::size_t kStringKeptMax = 256;  // bytes a slot keeps for its next query

// What a text that waits takes, not only its bytes: a flood of short ones is bounded too.
std::size_t costOf(std::string_view sql) {
    return sql.size() + sizeof(Recorder::Waiting);
}

// Names from outside that may not stand as they are, and where they are kept while they are used.
struct BoundedNames {
    explicit BoundedNames(NameViews& names) {
        for (const Name which : {Name::tenant, Name::principal}) {
            if (isPlain(names[which])) continue;
            if (!texts) texts.emplace();
            (*texts)[which] = bounded(names[which]);
            names[which] = (*texts)[which];
        }
    }
    std::optional<Names> texts;  // made for the few that need it
};

}  // namespace

Recorder::Recorder(const Config& config)
    : config_(config),
      limits_{config.cells_per_hour_max, config.clients_max},
      calls_(kSlots),
      queries_(kSlots),
      texts_(config.texts_max),
      rules_(kRulesMax),
      cells_(limits_) {}

void Recorder::callBegins(std::uint64_t request, std::string_view client) {
    const std::lock_guard lock(mutex_);
    std::string* name = calls_.open(request);
    if (!name) return;
    if (isPlain(client)) {
        name->assign(client);
    } else {
        *name = bounded(client);
    }
}

void Recorder::callEnds(std::uint64_t request) {
    const std::lock_guard lock(mutex_);
    calls_.close(request);
}

void Recorder::queryBegins(std::uint64_t query, std::uint64_t now_ns, std::string_view sql, bool from_client,
                           std::string_view tenant) {
    const SecretHash& hash = SecretHash::ofProcess();
    std::uint64_t whose = from_client ? 1 : 2;
    if (from_client && !tenant.empty()) whose = hash(tenant, whose);
    const std::uint64_t text_hash = hash(sql, whose);
    const std::lock_guard lock(mutex_);
    OpenQuery* open = queries_.open(query);
    if (!open) return;
    open->began_ns = now_ns;
    open->text_hash = text_hash;
    open->sql.clear();
    if (const PatternPtr* known = texts_.find(text_hash)) {
        open->pattern = *known;
    } else if (!from_client) {
        open->pattern = texts_.keep(text_hash, pluginPattern(sql, config_.pattern_bytes_max));
    } else if (waiting_bytes_ + costOf(sql) > config_.waiting_bytes_max) {
        open->pattern = unreadPattern();
    } else {
        open->pattern = nullptr;
        open->sql = sql;
        waiting_bytes_ += costOf(sql);
    }
}

void Recorder::queryEnds(std::uint64_t query, std::uint64_t request, std::uint64_t now_ns, NameViews names,
                         Sample sample, std::string_view rule) {
    const BoundedNames bounded_names(names);
    const std::lock_guard lock(mutex_);
    if (const std::string* client = calls_.find(request)) names[Name::client] = *client;
    OpenQuery* open = queries_.find(query);
    sample.latency_ns = open ? now_ns - open->began_ns : sample.database_ns;
    if (!rule.empty()) {
        cells_.add(patternFor(rule), names, sample);
    } else if (!open) {
        cells_.add(unreadPattern(), names, sample);
    } else if (open->pattern) {
        cells_.add(open->pattern, names, sample);
    } else if (const PatternPtr* known = texts_.find(open->text_hash)) {
        cells_.add(*known, names, sample);
    } else {
        putAside(*open, names, sample);
    }
    if (!open) return;
    if (!open->pattern) waiting_bytes_ -= costOf(open->sql);
    open->pattern.reset();
    if (open->sql.capacity() > kStringKeptMax) std::string().swap(open->sql);
    queries_.close(query);
}

const PatternPtr& Recorder::patternFor(std::string_view rule) {
    const std::uint64_t hash = SecretHash::ofProcess()(rule);
    if (const PatternPtr* known = rules_.find(hash)) return *known;
    return rules_.keep(hash, refusedPattern(rule));
}

void Recorder::putAside(OpenQuery& query, const NameViews& names, const Sample& sample) {
    waiting_bytes_ += costOf(query.sql);  // what the query had is given back by the caller
    waiting_.push_back({query.text_hash, query.sql, kept(names), sample});
}

bool Recorder::hasWaiting() const {
    const std::lock_guard lock(mutex_);
    return !waiting_.empty();
}

std::vector<Recorder::Waiting> Recorder::takeWaiting() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
}

PatternPtr Recorder::patternOf(std::uint64_t text_hash) {
    const std::lock_guard lock(mutex_);
    const PatternPtr* known = texts_.find(text_hash);
    return known ? *known : nullptr;
}

void Recorder::settle(const Waiting& waiting, const PatternPtr& pattern, bool remember) {
    const std::lock_guard lock(mutex_);
    waiting_bytes_ -= costOf(waiting.sql);
    cells_.add(pattern, viewsOf(waiting.names), waiting.sample);
    if (remember) texts_.keep(waiting.text_hash, pattern);
}

bool Recorder::hasCells() const {
    const std::lock_guard lock(mutex_);
    return !cells_.empty();
}

Cells Recorder::takeCells() {
    Cells fresh(limits_);
    const std::lock_guard lock(mutex_);
    std::swap(fresh, cells_);
    return fresh;
}

}  // namespace howdah::analytics
