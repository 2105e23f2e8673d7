#include "kernel/transport/client_channels.hpp"

#include <algorithm>
#include <utility>

#include "kernel/base/immortal.hpp"
#include "kernel/base/log.hpp"
#include "kernel/pipeline/request.hpp"
#include "kernel/transport/authenticator.hpp"

namespace howdah::kernel {

namespace {

constexpr std::size_t kTransportBytesMax = 16;

// Names of the kernel's own transports and of what else calls itself one in a request.
constexpr std::string_view kReserved[] = {"stdio", "http", "https", "websocket", "ws", "unix", "control", "task"};

Result<const char*> transportName(std::string_view name) {
    const bool sound = !name.empty() && name.size() <= kTransportBytesMax &&
                       std::all_of(name.begin(), name.end(),
                                   [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    if (!sound) {
        return Error::invalidArgument("a transport is named with 1 to ", kTransportBytesMax,
                                      " of a-z, 0-9 and \"-\", got \"", name.substr(0, 64), "\"");
    }
    if (std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved))
        return Error::invalidArgument("the transport \"", name, "\" is the kernel's own, choose another name");
    return immortal(name);  // fibers carry it as their label
}

Error unknownChannel() {
    return Error::unavailable("the channel was closed");
}

}  // namespace

void ClientChannels::letIn(Authenticator* authenticator, std::string resource,
                           std::shared_ptr<CredentialWatch> credentials) {
    authenticator_ = authenticator;
    resource_ = std::move(resource);
    credentials_ = std::move(credentials);
    letting_in_ = true;
}

Result<std::shared_ptr<const Principal>> ClientChannels::verify(const char* transport, std::string_view authorization,
                                                                Cancellation* cancellation) {
    if (!authenticator_) return std::shared_ptr<const Principal>();
    Inbound inbound;
    inbound.transport = transport;
    inbound.resource = resource_;
    if (!authorization.empty()) inbound.authorization = authorization;
    inbound.cancellation = cancellation;
    auto principal = authenticator_->authenticate(inbound);
    if (principal) return principal;
    Error error = std::move(principal).error();
    // A provider may word its refusal as it likes; to a channel all of them are the same.
    if (error.code == Code::invalid_argument) error.code = Code::refused;
    if (error.code == Code::refused && error.hint.empty()) error.hint = whereTokensAre();
    return error;
}

// What HTTP says in WWW-Authenticate.
std::string ClientChannels::whereTokensAre() const {
    if (!authenticator_->metadata(resource_)) return {};
    return concat("where to get a token is told at ", metadataUrl(resource_));
}

Result<std::uint64_t> ClientChannels::open(Owner owner, const Peer& peer, Cancellation* cancellation) {
    auto transport = transportName(peer.transport);
    if (!transport) return std::move(transport).error();
    if (!letting_in_) {
        return Error::unavailable("nobody is let in over ", peer.transport,
                                  " yet: the server is starting, or its configuration has no transports.http, whose "
                                  "auth says who may ask");
    }
    auto principal = verify(*transport, peer.authorization, cancellation);
    if (!principal) {
        logInfo(*transport, "refused ", peer.address, ": ", principal.error().message);
        return std::move(principal).error();
    }
    auto entry = std::make_shared<Entry>();
    entry->channel = ClientChannel::open(runtime_.nextShard(), handler_, config_.channel, *transport, *principal);
    entry->owner = owner;
    if (credentials_) {
        CredentialWatch::Credential shown;
        shown.transport = *transport;
        if (!peer.authorization.empty()) shown.authorization = peer.authorization;
        shown.principal = std::move(*principal);
        shown.address = peer.address;
        entry->watched = credentials_->watch(
            std::move(shown), [channel = std::weak_ptr(entry->channel), where = whereTokensAre()](const Error& why) {
                Error told = why;
                if (told.code == Code::refused && told.hint.empty()) told.hint = where;
                if (const auto open = channel.lock()) open->cut(std::move(told));
            });
    }
    std::lock_guard lock(mutex_);
    const bool draining = std::any_of(draining_.begin(), draining_.end(),
                                      [&](Owner drained) { return drained == nullptr || drained == owner; });
    if (draining) return Error::unavailable("the server lets nobody in any more; connect again");
    if (entries_.size() >= config_.channels_max) {
        return Error::unavailable(config_.channels_max,
                                  " clients are connected (limits.connections_max), try again later");
    }
    entries_.emplace(next_, std::move(entry));
    return next_++;
}

Result<void> ClientChannels::submit(std::uint64_t channel, std::string_view message, Cancellation* cancellation,
                                    Deadline deadline) {
    const auto entry = find(channel);
    if (!entry) return unknownChannel();
    return entry->channel->submit(message, cancellation, deadline);
}

Result<std::string> ClientChannels::receive(std::uint64_t channel, Cancellation* cancellation, Deadline deadline) {
    const auto entry = find(channel);
    if (!entry) return unknownChannel();
    return entry->channel->receive(cancellation, deadline);
}

Result<void> ClientChannels::finish(std::uint64_t channel) {
    const auto entry = find(channel);
    if (!entry) return unknownChannel();
    entry->channel->finish(Error::notFound("everything is answered"));
    return {};
}

void ClientChannels::close(std::uint64_t channel) {
    std::shared_ptr<Entry> entry;
    std::vector<std::shared_ptr<Event>> waiting;
    {
        std::lock_guard lock(mutex_);
        auto found = entries_.find(channel);
        if (found == entries_.end()) return;
        entry = std::move(found->second);
        entries_.erase(found);
        waiting.swap(waiting_);
    }
    entry->channel->cut(Error::unavailable("the client has gone"));
    for (const auto& event : waiting)
        event->set();
}

void ClientChannels::beginDrain(Owner owner, std::string_view why) {
    {
        std::lock_guard lock(mutex_);
        draining_.push_back(owner);
    }
    for (const auto& entry : of(owner))
        entry->channel->finish(Error::unavailable(why));
}

bool ClientChannels::drain(Owner owner, Deadline deadline, CancelReason at_deadline) {
    const bool in_time = waitForNone(owner, deadline);
    if (!in_time) {
        for (const auto& entry : of(owner))
            entry->channel->cancelAll(at_deadline);
        if (!waitForNone(owner, Deadline::in(config_.cancelled_grace))) {
            for (const auto& entry : of(owner))
                entry->channel->cut(Error::unavailable("the server is shutting down"));
        }
    }
    return in_time;
}

void ClientChannels::forget(Owner owner) {
    std::vector<std::uint64_t> left;
    {
        std::lock_guard lock(mutex_);
        std::erase(draining_, owner);
        for (const auto& [number, entry] : entries_)
            if (entry->owner == owner) left.push_back(number);
    }
    for (const std::uint64_t channel : left)
        close(channel);
}

bool ClientChannels::waitForNone(Owner owner, Deadline deadline) {
    for (;;) {
        std::shared_ptr<Event> event;
        {
            std::lock_guard lock(mutex_);
            const bool none = std::none_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
                return owner == nullptr || entry.second->owner == owner;
            });
            if (none) return true;
            event = waiting_.emplace_back(std::make_shared<Event>());
        }
        if (event->wait(nullptr, deadline) != WaitStatus::ready) return false;
    }
}

std::shared_ptr<ClientChannels::Entry> ClientChannels::find(std::uint64_t channel) const {
    std::lock_guard lock(mutex_);
    auto found = entries_.find(channel);
    return found == entries_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<ClientChannels::Entry>> ClientChannels::of(Owner owner) const {
    std::vector<std::shared_ptr<Entry>> found;
    std::lock_guard lock(mutex_);
    for (const auto& [number, entry] : entries_)
        if (owner == nullptr || entry->owner == owner) found.push_back(entry);
    return found;
}

std::size_t ClientChannels::count() const {
    std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace howdah::kernel
