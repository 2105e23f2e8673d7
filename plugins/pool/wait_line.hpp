// Who may hold connections of one database, who waits for one, and who is next.
//
// Tenants take turns, and within one its principals; each of these has its own line, first in, first out. A principal
// without a tenant is a group of its own. So nobody can keep another from the database by asking more often, nor by
// asking under more names. Within a line the first of the connection's own shard comes before the others while nobody
// has waited for long: moving a connection to another shard costs several system calls and a wake-up. When the whole is
// full, the tenant that waits most makes room for one that waits less, and a principal for another of its tenant.
//
// Threads: pure; the owner's mutex guards it. Time is passed in.
// Owns:    the principals met (at most kPrincipalsMax, unless more hold or wait); their addresses stay while they do.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config.hpp"

namespace howdah::pool {

inline constexpr std::uint64_t kPassedOverNs = kSecondNs / 100;  // how long one may see others served first
inline constexpr std::uint64_t kRememberedNs = 600 * kSecondNs;  // a principal that has not come since is no rival
inline constexpr std::size_t kPrincipalsMax = 1024;

// Those who have their share together: the principals of a tenant, or one that has none.
struct Group {
    std::uint32_t held = 0;
    std::uint32_t waiting = 0;
};

// Somebody the connections are shared with.
struct Principal {
    std::string name;  // tenant/subject, for people
    std::shared_ptr<Group> group = std::make_shared<Group>();
    bool alone = false;      // the only user of a server without authentication
    std::uint32_t held = 0;  // connections, those being made or settled too
    std::uint32_t waiting = 0;
    std::uint64_t seen_ns = 0;
};

class Principals {
public:
    // The record of who asks; valid as long as it holds or waits.
    Principal& met(std::string_view tenant, std::string_view subject, std::uint64_t now_ns) {
        auto found = by_name_.find(Name{tenant, subject});
        if (found == by_name_.end()) {
            forgetSome(now_ns);
            Key key{std::string(tenant), std::string(subject)};
            Principal made;
            if (auto group = groupOf(tenant)) made.group = std::move(group);
            made.name = tenant.empty() ? key.subject : key.tenant + '/' + key.subject;
            made.alone = tenant.empty() && (subject.empty() || subject == "local");
            found = by_name_.emplace(std::move(key), std::move(made)).first;
        }
        Principal& principal = found->second;
        if (&principal != last_ && !subject.empty()) {  // what nobody asked for is no rival
            if (last_) rival_ns_ = now_ns;              // somebody else asked before
            if (last_ && last_->group != principal.group) rival_tenant_ns_ = now_ns;
            last_ = &principal;
        }
        principal.seen_ns = now_ns;
        return principal;
    }

    // Whether it may have one more of `total` connections, `used` of which are taken. Alone it may have all. With a
    // rival in the last ten minutes it may hold less than four times what is left, and never the last, so that
    // something is left for whoever holds none; a known user of a server with authentication leaves one, as rivals may
    // come. The same goes for its tenant among tenants.
    bool mayHoldMore(const Principal& principal, std::uint32_t used, std::uint32_t total, std::uint64_t now_ns) const {
        if (total < 2) return true;
        const std::uint32_t left = total - std::min(used, total);
        auto may = [&](std::uint32_t held, std::uint64_t rival_ns) {
            if (held == 0) return true;
            if (rival_ns != 0 && now_ns - rival_ns < kRememberedNs) return left > 1 && held < 4 * left;
            return principal.alone || held + 1 < total;
        };
        return may(principal.group->held, rival_tenant_ns_) && may(principal.held, rival_ns_);
    }

    std::size_t count() const { return by_name_.size(); }

private:
    struct Name {
        std::string_view tenant, subject;
    };
    struct Key {
        std::string tenant, subject;
        operator Name() const { return {tenant, subject}; }
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const Name& name) const {
            return std::hash<std::string_view>{}(name.tenant) * 31 + std::hash<std::string_view>{}(name.subject);
        }
        std::size_t operator()(const Key& key) const { return (*this)(Name(key)); }
    };
    struct Equal {
        using is_transparent = void;
        bool operator()(const Name& a, const Name& b) const { return a.tenant == b.tenant && a.subject == b.subject; }
    };

    // The group of a tenant that somebody has come from; none for principals without a tenant.
    std::shared_ptr<Group> groupOf(std::string_view tenant) const {
        if (tenant.empty()) return nullptr;
        auto found =
            std::find_if(by_name_.begin(), by_name_.end(), [&](auto& one) { return one.first.tenant == tenant; });
        return found == by_name_.end() ? nullptr : found->second.group;
    }

    void forgetSome(std::uint64_t now_ns) {
        if (by_name_.size() < kPrincipalsMax) return;
        auto oldest = by_name_.end();
        for (auto at = by_name_.begin(); at != by_name_.end();) {
            Principal& one = at->second;
            if (one.held > 0 || one.waiting > 0) {
                ++at;
            } else if (now_ns - one.seen_ns >= kRememberedNs) {
                if (last_ == &one) last_ = nullptr;
                at = by_name_.erase(at);
            } else {
                if (oldest == by_name_.end() || one.seen_ns < oldest->second.seen_ns) oldest = at;
                ++at;
            }
        }
        if (by_name_.size() < kPrincipalsMax || oldest == by_name_.end()) return;
        if (last_ == &oldest->second) last_ = nullptr;
        by_name_.erase(oldest);
    }

    std::unordered_map<Key, Principal, Hash, Equal> by_name_;
    Principal* last_ = nullptr;          // who asked last
    std::uint64_t rival_ns_ = 0;         // when it was last somebody else than before
    std::uint64_t rival_tenant_ns_ = 0;  // and of another tenant, or of none
};

// `Waiter` has `principal`, `shard` and `since_ns`.
template <typename Waiter>
class WaitLine {
public:
    using Pointer = std::shared_ptr<Waiter>;

    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }

    void add(Pointer waiter) {
        Principal* who = waiter->principal;
        auto turn = turnOf(*who);
        if (turn == turns_.end()) turn = turns_.insert(turns_.end(), Turn{who->group.get(), {}});
        auto line = lineOf(*turn, *who);
        if (line == turn->lines.end()) line = turn->lines.insert(turn->lines.end(), Line{who, {}});
        line->waiters.push_back(std::move(waiter));
        ++who->waiting;
        ++who->group->waiting;
        ++size_;
    }

    bool remove(const Pointer& waiter) {
        auto turn = turnOf(*waiter->principal);
        if (turn == turns_.end()) return false;
        auto line = lineOf(*turn, *waiter->principal);
        if (line == turn->lines.end()) return false;
        auto at = std::find(line->waiters.begin(), line->waiters.end(), waiter);
        if (at == line->waiters.end()) return false;
        (void)takeAt(turn, line, at);
        return true;
    }

    template <typename MayHave>
    bool anyMay(const MayHave& may_have) const {
        return std::any_of(turns_.begin(), turns_.end(), [&](const Turn& turn) {
            return std::any_of(turn.lines.begin(), turn.lines.end(),
                               [&](const Line& line) { return may_have(*line.principal); });
        });
    }

    // Takes out the next that may have a connection of that shard; null if there is none. Its tenant goes to the end of
    // the turns, its principal to the end of the tenant's.
    template <typename MayHave>
    Pointer next(std::uint32_t shard, std::uint64_t now_ns, const MayHave& may_have) {
        for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
            auto line = std::find_if(turn->lines.begin(), turn->lines.end(),
                                     [&](const Line& one) { return may_have(*one.principal); });
            if (line == turn->lines.end()) continue;
            turns_.splice(turns_.end(), turns_, turn);
            turn->lines.splice(turn->lines.end(), turn->lines, line);
            auto& waiters = line->waiters;
            auto chosen = waiters.begin();
            if (now_ns - waiters.front()->since_ns <= kPassedOverNs) {
                auto same = std::find_if(waiters.begin(), waiters.end(),
                                         [&](const Pointer& one) { return one->shard == shard; });
                if (same != waiters.end()) chosen = same;
            }
            return takeAt(turn, line, chosen);
        }
        return nullptr;
    }

    // Makes room for one more of this principal: the youngest of the longest line, of the tenant that waits most if
    // that is at least two more than its own, else of its own if that line is at least two longer.
    Pointer giveWay(const Principal& to) {
        auto turn = longest(turns_);
        if (turn == turns_.end()) return nullptr;
        const bool of_others = turn->size() >= to.group->waiting + 2;
        if (!of_others) turn = turnOf(to);
        if (turn == turns_.end()) return nullptr;
        auto line = longest(turn->lines);
        if (!of_others && line->size() < to.waiting + 2) return nullptr;
        return takeAt(turn, line, std::prev(line->waiters.end()));
    }

    // How many connections must come free before one more of this principal has its turn.
    std::size_t ahead(const Principal& principal) const {
        std::size_t of_group = 0;
        for (const Turn& turn : turns_) {
            if (turn.group != principal.group.get()) continue;
            for (const Line& line : turn.lines)
                of_group += line.principal == &principal ? line.size()
                                                         : std::min(line.size(), principal.waiting + std::size_t{1});
        }
        std::size_t count = of_group;
        for (const Turn& turn : turns_)
            if (turn.group != principal.group.get()) count += std::min(turn.size(), of_group + 1);
        return count;
    }

    std::deque<Pointer> takeAll() {
        std::deque<Pointer> all;
        for (Turn& turn : turns_) {
            turn.group->waiting = 0;
            for (Line& line : turn.lines) {
                line.principal->waiting = 0;
                std::move(line.waiters.begin(), line.waiters.end(), std::back_inserter(all));
            }
        }
        turns_.clear();
        size_ = 0;
        return all;
    }

private:
    struct Line {
        Principal* principal;
        std::deque<Pointer> waiters;
        std::size_t size() const { return waiters.size(); }
    };
    struct Turn {
        Group* group;
        std::list<Line> lines;  // the front is next
        std::size_t size() const { return group->waiting; }
    };
    using Turns = std::list<Turn>;
    using Lines = std::list<Line>;

    typename Turns::iterator turnOf(const Principal& who) {
        if (who.group->waiting == 0) return turns_.end();
        return std::find_if(turns_.begin(), turns_.end(), [&](const Turn& t) { return t.group == who.group.get(); });
    }
    static typename Lines::iterator lineOf(Turn& turn, const Principal& who) {
        if (who.waiting == 0) return turn.lines.end();
        return std::find_if(turn.lines.begin(), turn.lines.end(), [&](const Line& l) { return l.principal == &who; });
    }
    // Of several the one whose turn comes last.
    template <typename List>
    static typename List::iterator longest(List& list) {
        auto chosen = list.begin();
        for (auto one = list.begin(); one != list.end(); ++one)
            if (one->size() >= chosen->size()) chosen = one;
        return chosen;
    }
    Pointer takeAt(typename Turns::iterator turn, typename Lines::iterator line,
                   const typename std::deque<Pointer>::iterator& at) {
        Pointer taken = std::move(*at);
        line->waiters.erase(at);
        --line->principal->waiting;
        --turn->group->waiting;
        --size_;
        if (line->waiters.empty()) turn->lines.erase(line);
        if (turn->lines.empty()) turns_.erase(turn);
        return taken;
    }

    Turns turns_;  // the front is next
    std::size_t size_ = 0;
};

}  // namespace howdah::pool
