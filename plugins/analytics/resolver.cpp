#include "plugins/analytics/resolver.hpp"

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <optional>

#include <howdah/waiting.hpp>

namespace howdah::analytics {
namespace {

constexpr std::uint64_t kRestFactor = 9;  // times what a parse took: a tenth of the time is spent
// Of parsing, in a context that is over and no longer rests. Of processor time: how busy the machine is must not decide
// what becomes of queries that were answered.
constexpr std::uint64_t kLastAsks_ns = 50'000'000;
constexpr std::uint64_t kRestMax_ns = 20'000'000;  // a parse that was itself kept waiting says nothing of its cost

// A guard that is older offers facts only.
Resolver::Service usable(Resolver::Service service) {
    constexpr std::size_t kNeeds = offsetof(howdah_statement_v1, pattern) + sizeof(howdah_statement_v1::pattern);
    if (service.table && service.table->struct_size < kNeeds) service.table = nullptr;
    return service;
}

std::uint64_t threadNs() {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<std::uint64_t>(spent.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(spent.tv_nsec);
}

}  // namespace

Resolver::Resolver(const Config& config, Service service, const std::vector<std::unique_ptr<Recorder>>& recorders)
    : config_(config), service_(usable(service)), recorders_(recorders) {}

bool Resolver::hasWork() const {
    return std::any_of(recorders_.begin(), recorders_.end(),
                       [](const auto& recorder) { return recorder->hasWaiting(); });
}

void Resolver::run(const Context& context) const {
    const Host& host = context.host();
    const Event rest(host);
    std::optional<std::uint64_t> last_asks_end;  // on the clock of this thread, which nobody leaves any more then
    for (const auto& recorder : recorders_) {
        for (const Recorder::Waiting& waiting : recorder->takeWaiting()) {
            if (const PatternPtr known = recorder->patternOf(waiting.text_hash)) {
                recorder->settle(waiting, known, false);
                continue;
            }
            const std::uint64_t began = host.nowNs();
            if (!last_asks_end && !context.goOn()) last_asks_end = threadNs() + kLastAsks_ns;
            const bool asks = !last_asks_end || threadNs() < *last_asks_end;
            const PatternPtr pattern = asks ? ask(context, waiting) : nullptr;
            recorder->settle(waiting, pattern ? pattern : unreadPattern(), pattern != nullptr);
            const std::uint64_t ended = host.nowNs();
            (void)rest.wait(context, ended + std::min((ended - began) * kRestFactor, kRestMax_ns));
        }
    }
}

// Null where the answer may be another one the next time.
PatternPtr Resolver::ask(const Context& context, const Recorder::Waiting& waiting) const {
    if (!service_.table) return nullptr;
    howdah_pattern found{};
    found.struct_size = sizeof found;
    const howdah_status status = service_.table->pattern(service_.self, context.raw(), toAbi(waiting.sql), &found);
    if (status == HOWDAH_OK)
        return statementPattern(found.fingerprint, fromAbi(found.text), config_.pattern_bytes_max,
                                waiting.names[Name::tenant]);
    const bool lasting = status == HOWDAH_ERROR_INVALID_ARGUMENT || status == HOWDAH_ERROR_REFUSED;
    return lasting ? unreadPattern() : nullptr;
}

void Resolver::giveUp() const {
    for (const auto& recorder : recorders_) {
        for (const Recorder::Waiting& waiting : recorder->takeWaiting())
            recorder->settle(waiting, unreadPattern(), false);
    }
}

}  // namespace howdah::analytics
