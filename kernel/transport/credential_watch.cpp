#include "kernel/transport/credential_watch.hpp"

#include <future>
#include <mutex>
#include <utility>

#include "kernel/base/log.hpp"
#include "kernel/pipeline/request.hpp"
#include "kernel/runtime/event.hpp"
#include "kernel/runtime/shard.hpp"
#include "kernel/transport/authenticator.hpp"

namespace howdah::kernel {

namespace {

// Looked at in one go; then the shard does something else first.
constexpr int kLooksInOneGo = 128;

bool samePrincipal(const Principal* one, const Principal* other) {
    if (!one || !other) return one == other;
    return one->subject == other->subject && one->tenant == other->tenant && one->tier == other->tier &&
           one->scopes == other->scopes;
}

}  // namespace

struct CredentialWatch::Entry {
    const Credential shown;
    const OnEnd on_end;
    Deadline due;        // both under the lock
    Deadline unsure;     // the end, if nobody can tell until then
    bool ended = false;  // [fiber]
};

struct CredentialWatch::State {
    State(Shard& its_shard, Authenticator& its_authenticator, std::string its_resource, Config its_config)
        : authenticator(its_authenticator),
          resource(std::move(its_resource)),
          config(its_config),
          cancellation(Cancellation::create(its_shard)) {}

    void run();
    std::shared_ptr<Entry> nextDue(std::shared_ptr<Event>& wake_up, Deadline& until);
    void look(Entry& entry);
    void wakeUp(std::unique_lock<std::mutex> lock);

    Authenticator& authenticator;
    const std::string resource;
    const Config config;
    const std::shared_ptr<Cancellation> cancellation;
    std::promise<void> ended;

    std::mutex mutex;
    std::list<std::shared_ptr<Entry>> entries;  // the one due next in front: all have the same time
    bool stopping = false;
    std::shared_ptr<Event> wake;  // a new one for each wait
};

// The fiber -----------------------------------------------------------------------------------------------------------

void CredentialWatch::State::run() {
    for (int looks = 0;;) {
        std::shared_ptr<Event> wake_up;
        Deadline until;
        if (const auto entry = nextDue(wake_up, until)) {
            look(*entry);
            if (++looks % kLooksInOneGo == 0)
                static_cast<void>(sleepUntil(cancellation.get(), Deadline::in(std::chrono::milliseconds(1))));
        } else if (wake_up) {
            static_cast<void>(wake_up->wait(cancellation.get(), until));
        } else {
            break;
        }
    }
    ended.set_value();
}

// Nothing and an event to wait for: none is due. Neither: the end.
std::shared_ptr<CredentialWatch::Entry> CredentialWatch::State::nextDue(std::shared_ptr<Event>& wake_up,
                                                                        Deadline& until) {
    std::lock_guard lock(mutex);
    if (stopping) return nullptr;
    if (!entries.empty()) {
        auto entry = entries.front();
        until = entry->due;
        if (until.passed()) {
            entry->due = Deadline::in(config.every);
            entries.splice(entries.end(), entries, entries.begin());
            return entry;
        }
    }
    wake_up = wake = std::make_shared<Event>();
    return nullptr;
}

void CredentialWatch::State::look(Entry& entry) {
    if (entry.ended) return;
    Inbound inbound;
    inbound.transport = entry.shown.transport;
    inbound.resource = resource;
    if (entry.shown.authorization) inbound.authorization = *entry.shown.authorization;
    inbound.peer_uid = entry.shown.peer_uid;
    inbound.cancellation = cancellation.get();
    auto known = authenticator.authenticate(inbound);
    Error why;
    {
        std::lock_guard lock(mutex);
        if (stopping) return;
        if (known && samePrincipal(known->get(), entry.shown.principal.get())) {
            entry.unsure = Deadline::in(config.unsure_max);
            return;
        }
        if (known) {
            why = Error::refused("the credential says something else than when it was shown; connect again");
        } else {
            why = std::move(known).error();
            const bool refused = why.code == Code::refused || why.code == Code::invalid_argument;
            if (!refused && !entry.unsure.passed()) return;
        }
    }
    entry.ended = true;
    // To whoever is ended all refusals are the same, as they were at the door.
    if (why.code == Code::invalid_argument) why.code = Code::refused;
    const std::string& address = entry.shown.address;
    logInfo(entry.shown.transport, "a stream", address.empty() ? "" : " of ", address,
            " ends, its credential is no longer good: ", why.message);
    entry.on_end(why);
}

void CredentialWatch::State::wakeUp(std::unique_lock<std::mutex> lock) {
    const auto event = std::exchange(wake, nullptr);
    lock.unlock();
    if (event) event->set();
}

// Everybody else ------------------------------------------------------------------------------------------------------

CredentialWatch::CredentialWatch(Shard& shard, Authenticator& authenticator, std::string resource, Config config)
    : state_(std::make_shared<State>(shard, authenticator, std::move(resource), config)) {
    shard.post([&shard, state = state_] {
        if (shard.spawn([state] { state->run(); }, "credentials")) return;
        logError("credentials", "no fiber is free to look at the credentials of open streams again");
        state->ended.set_value();
    });
}

CredentialWatch::~CredentialWatch() {
    stop();
}

std::unique_ptr<CredentialWatch::Watched> CredentialWatch::watch(Credential credential, OnEnd on_end) {
    auto entry = std::make_shared<Entry>(Entry{.shown = std::move(credential),
                                               .on_end = std::move(on_end),
                                               .due = Deadline::in(state_->config.every),
                                               .unsure = Deadline::in(state_->config.unsure_max)});
    return std::unique_ptr<Watched>(new Watched(state_, std::move(entry)));
}

CredentialWatch::Watched::Watched(std::shared_ptr<State> state, std::shared_ptr<Entry> entry)
    : state_(std::move(state)), at_([&] {
          std::unique_lock lock(state_->mutex);
          const auto at = state_->entries.insert(state_->entries.end(), std::move(entry));
          if (state_->entries.size() == 1) state_->wakeUp(std::move(lock));  // else it waits for an earlier one
          return at;
      }()) {}

CredentialWatch::Watched::~Watched() {
    std::shared_ptr<Entry> last;  // destroyed without the lock: what on_end holds may be much
    std::lock_guard lock(state_->mutex);
    last = std::move(*at_);
    state_->entries.erase(at_);
}

void CredentialWatch::checkAll() {
    std::unique_lock lock(state_->mutex);
    for (const auto& entry : state_->entries)
        entry->due = Deadline(Deadline::Clock::now());
    state_->wakeUp(std::move(lock));
}

void CredentialWatch::stop() {
    {
        std::unique_lock lock(state_->mutex);
        if (std::exchange(state_->stopping, true)) return;
        state_->cancellation->cancel(CancelReason::shutdown);
        state_->wakeUp(std::move(lock));
    }
    state_->ended.get_future().wait();
}

std::size_t CredentialWatch::count() const {
    std::lock_guard lock(state_->mutex);
    return state_->entries.size();
}

}  // namespace howdah::kernel
