#include "plugins/cache/peers.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <howdah/hex.hpp>

#include "plugins/cache/clock.hpp"

namespace howdah::cache {

namespace {

const std::string kNobody = "?";  // never acknowledges: the lease is waited out
constexpr std::uint64_t kLastWord_ns = 50 * kMs;

// All rows of its database; not the definitions.
void widen(WriteMessage& write) {
    write.slots = {Ledger::slotOf(write.database, 0)};
}

}  // namespace

// What a write and its answer have to do with the others. What members do besides stands in peers_member.cpp.

Peers::Peers(const Host& host, Jobs& jobs, const Config& config, Ledger& ledger, Databases& databases, Kv kv)
    : host_(host),
      jobs_(jobs),
      config_(config),
      ledger_(ledger),
      databases_(databases),
      kv_(kv),
      prefix_(concat("cache/", config.shared.name, "/")),
      self_(randomHex()) {
    if (config.shared.answers.on) chronicle_.emplace(config.ttl_ns);
}

// Writes of others that have not ended may still be committed.
Peers::~Peers() {
    for (const auto& [number, foreign] : foreign_)
        ledger_.endWrite(foreign.write.slots, false, bootNs(), reachOf(foreign.write));
}

Result<void> Peers::begin() {
    if (!kv_.isShared())
        return Error::unavailable(
            "cache.shared.enabled needs a howdah.kv/1 that other instances see, and no plugin offers one: add the "
            "plugin redis, or set cache.shared.enabled: false where there is one instance");
    if (!kv_.isWhole())
        return Error::unavailable("cache.shared needs a howdah.kv/1 with leases and channels, as the plugin redis has");
    const bool spawned = jobs_.spawn([this](Context& context) { hear(context); }) &&
                         jobs_.spawn([this](Context& context) { hearAnswers(context); });
    if (!spawned) return Error::unavailable("the tasks that hear of other instances could not be started");
    return {};
}

Result<std::vector<std::string>> Peers::readMembers(const Context& context) {
    auto text = kv_.get(context, key("members"));
    if (!text && text.error().code == Code::not_found) return std::vector<std::string>{};
    if (!text) return std::move(text).error();
    auto members = membersIn(*text);
    if (!members) return Error::unavailable("the list of instances in the shared store is not one");
    return std::move(*members);
}

void Peers::noteMembers(std::vector<std::string> members, std::uint64_t read_ns) {
    const std::lock_guard lock(mutex_);
    if (read_ns < members_read_ns_) return;
    members_ = std::move(members);
    members_read_ns_ = read_ns;
}

Result<Peers::AnnouncedPtr> Peers::announce(const Context& context, WriteMessage write) {
    AnnouncedPtr announced;
    const auto told = tell(context, std::move(write), announced);
    if (told) return announced;
    ++refused_;
    if (!config_.shared.refuses_writes) {
        if (announced) forget(*announced);  // who found it in the log holds it back for unsettled_ns
        return AnnouncedPtr();
    }
    if (announced) finish(announced, true);  // it is not sent
    Error error = Error::unavailable("other instances cannot be told of this write: ", told.error().message)
                      .withHint("nothing was sent; try again");
    error.retry_after_ms = config_.shared.lease_ns / kMs;
    return error;
}

// `announced` is set as soon as it has a number.
Result<void> Peers::tell(const Context& context, WriteMessage write, AnnouncedPtr& announced) {
    const std::uint64_t begun_ns = bootNs();
    const std::uint64_t quarter_ns = config_.shared.lease_ns / 4;
    // Who looked for its entry before it lay there, and took it for dropped, must be right. And a hook whose time is
    // spent while it waits is not listened to: the write would be sent.
    const auto late = [&] { return bootNs() - begun_ns > quarter_ns; };
    const Error slow = Error::timeout("the shared store answers too slowly");
    if (write.slots.size() > WriteMessage::kSlotsMax) widen(write);
    bool old_list = false;
    std::string store;
    {
        const std::lock_guard lock(mutex_);
        old_list = members_read_ns_ + quarter_ns < begun_ns;
        if (!member_.empty() && known_ != kNothing) store = store_;
    }
    if (store.empty()) {
        auto name = storeName(context);
        if (!name) return std::move(name).error();
        store = std::move(*name);
    }
    if (late()) return slow;
    if (old_list) {
        auto members = readMembers(context);
        if (!members) return std::move(members).error();
        noteMembers(std::move(*members), begun_ns);
    }
    if (late()) return slow;
    const auto number = kv_.add(context, key("count"), 1, 0);
    if (!number) return number.error();
    if (*number <= 0) return Error::internal("the shared counter of writes is none");
    write.instance = self_;
    announced = std::make_shared<Announced>(host_);
    announced->number_ = static_cast<std::uint64_t>(*number);
    announced->begun_ns_ = begun_ns;
    announced->message_ = std::move(write);
    announced->store_ = std::move(store);
    noteOwnWrite(*announced);
    if (late()) return slow;
    const std::string listed_as = expect(announced);
    const std::string text = begunText(announced->number_, announced->message_);
    if (auto logged = kv_.set(context, logKey(announced->number_), text, logMs()); !logged) return logged;
    // The name after the entry: where the store is another one, who counts in it does not find this.
    const auto same = liesIn(context, announced->store_);
    if (!same) return same.error();
    if (!*same) return Error::unavailable("the shared store was emptied");
    if (late()) return slow;
    announced->due_ns_ = bootNs() + config_.shared.lease_ns + config_.shared.lease_ns / 16;
    bool all_heard = false;
    {
        const std::lock_guard lock(mutex_);
        // A list without this instance may be a new one, and those of the old one have leases still.
        const bool is_member = !member_.empty() && known_ != kNothing && store_ == announced->store_;
        if (is_member && listed_as == member_) all_heard = hasHeard(announced->number_, kNobody);
    }
    if (all_heard) announced->all_.set();
    ++announced_;
    // If this is lost, they find it when they look.
    if (!all_heard) (void)kv_.publish(context, key("all"), text);
    return {};
}

// First its number and then the epochs, as begun() does: an answer of another instance that was found good before it
// had the number does not stand any more.
void Peers::noteOwnWrite(const Announced& write) {
    {
        const std::lock_guard lock(mutex_);
        if (!chronicle_) return;
        // In another store it is noted when it is heard of, which is before there is a lease.
        if (store_ == write.store_) chronicle_->noteWrite(write.number_, write.message_.slots);
    }
    for (const std::uint32_t slot : write.message_.slots)
        ledger_.move(slot);
}

// Before anybody can find it: an acknowledgement may come as soon as the log has it. Gives under which name this
// instance is on the list, if it is.
std::string Peers::expect(const AnnouncedPtr& write) {
    const std::lock_guard lock(mutex_);
    // Of those whose end nobody was told.
    if (awaited_.size() > kReplayMax)
        std::erase_if(awaited_, [](const auto& one) { return one.second.write.expired(); });
    Awaited awaited{write, {members_.begin(), members_.end()}};
    const bool is_listed = !member_.empty() && awaited.members.erase(member_) > 0;
    awaited.members.insert(kNobody);  // until it has been told
    awaited_.emplace(write->number_, std::move(awaited));
    return is_listed ? member_ : "";
}

// With the lock. True when nobody else is awaited any more.
bool Peers::hasHeard(std::uint64_t number, const std::string& member) {
    const auto awaited = awaited_.find(number);
    if (awaited == awaited_.end()) return false;
    awaited->second.members.erase(member);
    return awaited->second.members.empty();
}

Result<bool> Peers::liesIn(const Context& context, const std::string& store) {
    const auto name = kv_.get(context, key("store"));
    if (name) return *name == store;
    if (name.error().code == Code::not_found) return false;
    return name.error();
}

// Where it took so long, the others hold what it reaches back no more, and have read it as it was. Where the store was
// emptied while it ran, who has joined since has not heard of it; but nobody has a lease in a new one before this
// instance's own, from the old one, is over.
Result<bool> Peers::mustBeToldAgain(const Context& context, const Announced& write) {
    const std::uint64_t now_ns = bootNs();
    if (now_ns - write.begun_ns_ >= config_.unsettled_ns) return true;
    if (!mayServe(now_ns)) {
        auto same = liesIn(context, write.store_);
        return same ? Result<bool>(!*same) : same;
    }
    const std::lock_guard lock(mutex_);
    return write.store_ != store_;
}

Result<void> Peers::settle(const Context& context, const AnnouncedPtr& write, bool settled, bool grown) {
    const auto unheard = [](std::string_view why) {
        return Error::timeout("the statement was executed, and other instances may still answer with what was before: ",
                              why)
            .withHint("do not send it again; what is read through this instance is new");
    };
    constexpr std::string_view kCut = "the time to wait for them is over";
    Result<bool> again = grown ? true : mustBeToldAgain(context, *write);
    if (again && !*again) {
        if (!await(context, *write)) return unheard(kCut);
        again = mustBeToldAgain(context, *write);
    }
    if (!again && !config_.shared.refuses_writes) return {};  // as the operator wants it
    if (!again) return unheard(again.error().message);
    if (!*again) return {};
    WriteMessage message = write->message_;
    if (grown) widen(message);
    const auto told = announce(context, std::move(message));
    if (!told) return unheard(told.error().message);
    if (!*told) return {};  // as the operator wants it
    const bool heard = await(context, **told);
    finish(*told, settled);
    if (!heard) return unheard(kCut);
    return {};
}

// False: cut short. It ends before the time of a hook does, or nobody would hear what the hook has to say.
bool Peers::await(const Context& context, Announced& write) {
    const std::uint64_t now_ns = bootNs();
    bool heard = true;
    if (now_ns < write.due_ns_) {
        const std::uint64_t end_ns = context.deadlineNs();
        const std::uint64_t due_ns = host_.nowNs() + (write.due_ns_ - now_ns);
        const howdah_status all = write.all_.wait(context, std::min(due_ns, end_ns - std::min(end_ns, kLastWord_ns)));
        heard = all >= 0 || bootNs() >= write.due_ns_;
        ++(all >= 0 ? acknowledged_ : heard ? waited_out_ : cut_short_);
    }
    bool some_are_silent = false;
    {
        const std::lock_guard lock(mutex_);
        if (auto waited = awaited_.extract(write.number_)) {
            waited.mapped().members.erase(kNobody);
            some_are_silent = !waited.mapped().members.empty();
        }
    }
    if (some_are_silent) spawnAlone(retiring_, &Peers::retireTheDead);
    return heard;
}

void Peers::forget(const Announced& write) {
    const std::lock_guard lock(mutex_);
    awaited_.erase(write.number_);
}

// The others hold back what it reaches until they hear this; by themselves after unsettled_ns.
void Peers::finish(const AnnouncedPtr& write, bool settled) {
    forget(*write);
    jobs_.spawn([this, write, settled](Context& context) {
        WriteMessage ended = write->message_;
        ended.flags |= settled ? WriteMessage::kEnded : WriteMessage::kUnsettled;
        (void)kv_.set(context, logKey(write->number_), begunText(write->number_, ended), logMs());
        (void)kv_.publish(context, key("all"), endedText(write->number_, settled));
    });
}

// One whose sign of life has run out had its last lease longer ago than that.
Result<std::vector<std::string>> Peers::living(const Context& context, std::vector<std::string> members) {
    for (auto member = members.begin(); member != members.end();) {
        const auto alive = kv_.get(context, key("alive/" + *member));
        if (!alive && alive.error().code != Code::not_found) return alive.error();
        member = alive ? std::next(member) : members.erase(member);
    }
    return members;
}

void Peers::retireTheDead(const Context& context) {
    const auto members = readMembers(context);
    if (!members) return;
    const auto left = living(context, *members);
    if (!left || left->size() == members->size()) return;
    const auto done = kv_.replace(context, key("members"), membersText(*members), membersText(*left), 0);
    if (!done || !*done) return;  // somebody else has changed it
    for (const std::string& member : *members)
        if (std::find(left->begin(), left->end(), member) == left->end())
            host_.log(LogLevel::info, "instance ", member, " is gone: writes do not wait for it any more");
}

// --- what is told to this instance: acknowledgements

void Peers::hearAnswers(const Context& context) {
    const Event never(host_);
    const auto rest = [&] { (void)never.wait(context, host_.nowNs() + config_.shared.lease_ns / 8); };
    while (context.goOn()) {
        auto heard = kv_.subscribe(context, channelOf(self_));
        while (heard && context.goOn()) {
            auto received = heard->receive(context);
            if (!received) rest();
            if (!received || received->missed) continue;  // who waits for it waits out the lease
            const auto message = peerMessage(received->message);
            if (!message || message->kind != 'a') continue;
            AnnouncedPtr all;
            {
                const std::lock_guard lock(mutex_);
                if (hasHeard(message->number, message->member)) all = awaited_.at(message->number).write.lock();
            }
            if (all) all->all_.set();
        }
        rest();
    }
}

Peers::Figures Peers::figures() const {
    Figures figures;
    figures.announced = announced_;
    figures.acknowledged = acknowledged_;
    figures.waited_out = waited_out_;
    figures.cut_short = cut_short_;
    figures.heard = heard_;
    figures.joined = joined_;
    figures.refused = refused_;
    const bool serves = mayServe(bootNs());
    const std::lock_guard lock(mutex_);
    figures.members = members_.size();
    figures.state = serves ? "member" : trouble_.empty() ? "joining" : "alone";
    figures.trouble = trouble_;
    return figures;
}

}  // namespace howdah::cache
