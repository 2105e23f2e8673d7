#include "kernel/protocol/session.hpp"

#include <algorithm>
#include <ranges>

#include "kernel/base/random_id.hpp"
#include "kernel/base/steady_ns.hpp"

namespace howdah::kernel {
namespace {

std::int64_t idleNs(const Session& session, std::int64_t now_ns) {
    return now_ns - session.last_used_ns.load(std::memory_order_relaxed);
}

}  // namespace

InFlight::Entry::~Entry() {
    if (list_) list_->leave(*this);
}

bool InFlight::enter(Entry& entry, std::string_view id, Cancellation& cancellation) {
    std::lock_guard lock(mutex_);
    for (Entry* other = first_; other; other = other->next_)
        if (other->id_ == id) return false;
    entry.list_ = this;
    entry.id_ = id;
    entry.cancellation_ = &cancellation;
    entry.next_ = first_;
    if (first_) first_->previous_ = &entry;
    first_ = &entry;
    ++count_;
    return true;
}

// Under the lock, because the entry ends with its fiber; Cancellation::cancel() only posts to the shard.
bool InFlight::cancel(std::string_view id, CancelReason reason) {
    std::lock_guard lock(mutex_);
    for (Entry* entry = first_; entry; entry = entry->next_)
        if (entry->id_ == id) return entry->cancellation_->cancel(reason);
    return false;
}

bool InFlight::cancelAll(CancelReason reason) {
    std::lock_guard lock(mutex_);
    bool any = false;
    for (Entry* entry = first_; entry; entry = entry->next_)
        any = entry->cancellation_->cancel(reason) || any;
    return any;
}

std::size_t InFlight::count() const {
    std::lock_guard lock(mutex_);
    return count_;
}

void InFlight::leave(Entry& entry) {
    std::lock_guard lock(mutex_);
    if (entry.next_) entry.next_->previous_ = entry.previous_;
    (entry.previous_ ? entry.previous_->next_ : first_) = entry.next_;
    --count_;
}

std::shared_ptr<Session> Connection::session() const {
    std::lock_guard lock(mutex_);
    return session_;
}

bool Connection::begin(std::shared_ptr<Session> session) {
    std::lock_guard lock(mutex_);
    if (session_) return false;
    session_ = std::move(session);
    return true;
}

void Connection::push(const std::string& json) {
    // A peer that does not take it reads nothing at all, and its pipe will tell.
    if (auto link = session() ? link_.lock() : nullptr) (void)link->push(json);
}

Result<std::shared_ptr<Session>> SessionStore::create(Revision revision, Client client, Principal principal) {
    std::string id = randomId();
    if (id.empty()) return Error::unavailable("the system gives no random bytes for a session id");
    return hold(std::make_shared<Session>(std::move(id), revision, std::move(client), std::move(principal)));
}

Result<std::shared_ptr<Session>> SessionStore::hold(std::shared_ptr<Session> session) {
    std::int64_t now = steadyNs();
    session->last_used_ns = now;
    std::lock_guard lock(mutex_);
    if (const auto found = sessions_.find(session->id); found != sessions_.end()) return found->second;
    if (sessions_.size() >= limits_.sessions_max && !makeRoom(now))
        return Error::unavailable("all ", limits_.sessions_max, " sessions are in use, try again later");
    sessions_.emplace(session->id, session);
    return session;
}

std::shared_ptr<Session> SessionStore::held(std::string_view id) const {
    std::lock_guard lock(mutex_);
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second;
}

void SessionStore::drop(std::string_view id) {
    std::shared_ptr<Session> session;
    {
        std::lock_guard lock(mutex_);
        const auto found = sessions_.find(id);
        if (found == sessions_.end()) return;
        session = std::move(found->second);
        sessions_.erase(found);
    }
    if (session->shared) session->shared->over = true;
    session->in_flight.cancelAll(CancelReason::requested);
}

std::shared_ptr<Session> SessionStore::find(std::string_view id, const Principal& principal) {
    std::int64_t now = steadyNs();
    std::lock_guard lock(mutex_);
    auto found = sessions_.find(id);
    if (found == sessions_.end() || !found->second->belongsTo(principal)) return nullptr;
    Session& session = *found->second;
    if (idleNs(session, now) > inNs(limits_.idle_timeout) && !session.inUse()) {
        sessions_.erase(found);
        return nullptr;
    }
    session.last_used_ns.store(now, std::memory_order_relaxed);
    return found->second;
}

bool SessionStore::end(std::string_view id, const Principal& principal) {
    std::shared_ptr<Session> session;
    {
        std::lock_guard lock(mutex_);
        auto found = sessions_.find(id);
        if (found == sessions_.end() || !found->second->belongsTo(principal)) return false;
        session = std::move(found->second);
        sessions_.erase(found);
    }
    session->in_flight.cancelAll(CancelReason::requested);
    return true;
}

std::vector<std::shared_ptr<Session>> SessionStore::all() const {
    std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Session>> sessions;
    sessions.reserve(sessions_.size());
    for (const auto& [id, session] : sessions_)
        sessions.push_back(session);
    return sessions;
}

std::size_t SessionStore::count() const {
    std::lock_guard lock(mutex_);
    return sessions_.size();
}

// Expired sessions go; if there are none, the one unused for longest, unless it was used a moment ago. Its client gets
// 404 and starts a new one, as the protocol asks.
bool SessionStore::makeRoom(std::int64_t now_ns) {
    std::int64_t idle_max = inNs(limits_.idle_timeout);
    if (std::erase_if(sessions_, [&](const auto& entry) {
            return idleNs(*entry.second, now_ns) > idle_max && !entry.second->inUse();
        }) > 0)
        return true;
    auto oldest = sessions_.end();
    for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
        if (idleNs(*at->second, now_ns) < inNs(limits_.evict_after) || at->second->inUse()) continue;
        if (oldest == sessions_.end() || idleNs(*at->second, now_ns) > idleNs(*oldest->second, now_ns)) oldest = at;
    }
    if (oldest == sessions_.end()) return false;
    sessions_.erase(oldest);
    return true;
}

}  // namespace howdah::kernel
