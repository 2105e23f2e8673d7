#include "plugins/cache/databases.hpp"

#include <algorithm>
#include <utility>

#include <howdah/own_statement.hpp>

#include "plugins/cache/clock.hpp"

namespace howdah::cache {
namespace {

constexpr std::uint64_t kPause_ns = 1'000 * kMs;  // after a database that did not answer
constexpr std::uint64_t kLimit_ms = 1'000;
// What the guard has judged by the definitions from before has come here by then: no call waits in between.
constexpr std::uint64_t kNew_ns = 1'000 * kMs;
// The guard looks every five seconds at what others define.
constexpr std::uint64_t kForeign_ns = 6'000 * kMs;

}  // namespace

std::string Database::identity() const {
    const std::lock_guard lock(mutex_);
    return identity_;
}

void Database::ask(const Context& context) {
    if (context.host().nowNs() < next_ns_.load() || asking_.exchange(true)) return;
    if (!tryToAsk(context)) next_ns_ = context.host().nowNs() + kPause_ns;
    asking_ = false;
}

void Database::noteDefinition(std::uint64_t now_ns) {
    defined_until_ns_ = now_ns + kNew_ns;
}

void Database::noteForeignDefinition(std::uint64_t now_ns) {
    foreign_until_ns_ = now_ns + kForeign_ns;
}

// A database that does not answer is not told of: whoever queries it hears that.
bool Database::tryToAsk(const Context& context) {
    auto asked = runOwn(context, name_, kIdentityStatement, {}, kLimit_ms);
    if (!asked) return false;
    Rows& rows = *asked;
    const auto found = rows.next();
    if (!found || !*found || rows.cells().size() != 2 || rows.integer(0) == 0) return false;
    {
        const std::lock_guard lock(mutex_);
        identity_ = rows.text(1);
    }
    oid_.store(static_cast<std::uint32_t>(rows.integer(0)), std::memory_order_release);
    return true;
}

Databases::Databases(const std::vector<std::string>& names, const std::vector<std::string>& off) {
    for (const std::string& name : names)
        databases_.push_back(std::make_unique<Database>(name, std::find(off.begin(), off.end(), name) != off.end()));
}

Database* Databases::find(std::string_view name) const {
    const auto found = std::find_if(databases_.begin(), databases_.end(),
                                    [&](const auto& database) { return database->name() == name; });
    return found == databases_.end() ? nullptr : found->get();
}

void Databases::noteDefinition(std::uint32_t oid, std::uint64_t now_ns) {
    for (const auto& database : databases_)
        if (oid == 0 || database->oid() == 0 || database->oid() == oid) database->noteDefinition(now_ns);
}

void Databases::noteForeignDefinition(std::uint32_t oid, std::uint64_t now_ns) {
    for (const auto& database : databases_)
        if (oid == 0 || database->oid() == 0 || database->oid() == oid) database->noteForeignDefinition(now_ns);
}

}  // namespace howdah::cache
