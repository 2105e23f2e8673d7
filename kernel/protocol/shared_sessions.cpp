#include "kernel/protocol/shared_sessions.hpp"

#include <algorithm>
#include <utility>

#include <openssl/evp.h>

#include "kernel/base/hex.hpp"
#include "kernel/base/log.hpp"
#include "kernel/base/random_id.hpp"
#include "kernel/base/steady_ns.hpp"
#include "kernel/protocol/session_refusals.hpp"
#include "kernel/protocol/subscriptions.hpp"

namespace howdah::kernel {
namespace {

constexpr std::chrono::seconds kLookEvery{5};   // whether a session that is held here still stands
constexpr std::chrono::seconds kLookSooner{1};  // when nobody could be asked
constexpr std::chrono::hours kRecordLife{30 * 24};
constexpr std::uint64_t kReplayMax = 10'000;  // events of one stream
constexpr int kTriesMax = 5;                  // to change a record that others change too
constexpr std::size_t kIdBytes = 48;          // of a session's id, see randomId()
constexpr std::string_view kQuestionBegin = "\"howdah-";

bool isSessionId(std::string_view id) {
    return id.size() == kIdBytes && isHex(id);
}

// What the client sent may name a stream of any form; it goes into an answer, so it must be the id of a request.
bool isRequestId(const std::string& text) {
    const Json id = Json::parse(text, nullptr, false);
    return (id.is_string() || id.is_number_integer()) && dumpJson(id) == text;
}

std::uint64_t timesSeen(Session& session) {
    const std::lock_guard lock(session.shared->mutex);
    return session.shared->seen;
}

// False when another one has been seen since that time: which of the two is the newer is not known then.
bool applyRecord(const SessionRecord& record, Session& session, std::string sealed, std::uint64_t seen) {
    const std::lock_guard lock(session.shared->mutex);
    if (session.shared->seen != seen) return false;
    ++session.shared->seen;
    session.shared->sealed = std::move(sealed);
    session.log_level.store(record.log_level, std::memory_order_relaxed);
    session.watched.replace(record.watched);
    return true;
}

std::string sealedOf(Session& session) {
    const std::lock_guard lock(session.shared->mutex);
    return session.shared->sealed;
}

// Of "howdah-<instance>-<number>", as JSON text; "" when it is something else.
std::string whoAsked(std::string_view question_id) {
    if (!question_id.starts_with(kQuestionBegin) || !question_id.ends_with('"')) return {};
    question_id = question_id.substr(kQuestionBegin.size(), question_id.size() - kQuestionBegin.size() - 1);
    const std::string_view number =
        question_id.substr(std::min(question_id.size(), InstanceLink::kTagBytes + std::size_t{1}));
    constexpr std::size_t kDigitsMax = 20;
    const bool is_number = !number.empty() && number.size() <= kDigitsMax &&
                           std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
    const std::string_view tag = question_id.substr(0, InstanceLink::kTagBytes);
    return is_number && InstanceLink::isTag(tag) ? std::string(tag) : std::string();
}

}  // namespace

// Writes what is said on the streams of one session where other instances find it.
class SharedSessions::StreamMirror final : public StreamLog::Mirror {
public:
    StreamMirror(SharedSessions& sessions, std::string_view id) : sessions_(sessions), id_(id), key_(keyOf(id)) {}

    StreamLog::Number nextStream() override { return ++sessions_.last_stream_; }
    void said(StreamLog::Number stream, std::uint64_t event, const std::string& json, bool followed) override {
        write(json.size(), [&sessions = sessions_, key = keyOfEvent(stream, event), json] {
            sessions.noteWritten(sessions.texts_.put(key, json, StreamFollowers::kEventLife));
        });
        if (followed) tell(stream);
    }
    void ended(StreamLog::Number stream, std::uint64_t last_event, bool followed) override {
        const std::string key = StreamFollowers::keyOfEnd(key_, sessions_.instance(), stream);
        write(key.size(), [&sessions = sessions_, key, last_event] {
            const auto done = sessions.texts_.putIfAbsent(key, std::to_string(last_event), StreamFollowers::kEventLife);
            sessions.noteWritten(done ? Result<void>() : done.error());
        });
        if (followed) tell(stream);
    }
    void forgot(StreamLog::Number stream, std::uint64_t event) override {
        write(key_.size(), [&sessions = sessions_, key = keyOfEvent(stream, event)] {
            sessions.noteWritten(sessions.kv_.remove(key));
        });
    }

private:
    std::string keyOfEvent(StreamLog::Number stream, std::uint64_t event) const {
        return StreamFollowers::keyOfEvent(key_, sessions_.instance(), stream, event);
    }
    void write(std::size_t bytes, std::function<void()> work) {
        sessions_.link_.later(bytes + key_.size(), std::move(work));
    }
    void tell(StreamLog::Number stream) { sessions_.link_.sayLater({{"k", "said"}, {"s", id_}, {"n", stream}}); }

    SharedSessions& sessions_;
    const std::string id_;
    const std::string key_;
};

// Once for each outage: the calls go on, and their clients only cannot come back elsewhere.
void SharedSessions::noteWritten(const Result<void>& written) {
    if (written) {
        has_warned_.store(false, std::memory_order_relaxed);
    } else if (!has_warned_.exchange(true, std::memory_order_relaxed)) {
        logWarn("sessions", "what is said to clients cannot be kept for other instances: ", written.error().message);
    }
}

void SharedSessions::start() {
    started_ = true;
    link_.start({.message = [this](const Json& message) { hear(message); },
                 .missed = [this] { lookAgain(); },
                 .tick = [this] { keepThoseInUse(); }});
}

void SharedSessions::stop() {
    if (!std::exchange(started_, false)) return;
    followers_.stop();
    link_.stop();
}

// The id itself is not to be read in the kv: with auth: none it is all that a client has.
std::string SharedSessions::keyOf(std::string_view id) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(id.data(), id.size(), digest, &length, EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
    constexpr std::size_t kDigestBytes = 16;
    return concat("session/", hexOf(digest, kDigestBytes));
}

// A look is what keeps it, so there are several within the time that it may be idle.
std::int64_t SharedSessions::lookEveryNs() const {
    return std::min(inNs(kLookEvery), inNs(limits_.idle_timeout) / 4);
}

std::unique_ptr<SharedPart> SharedSessions::partOf(std::string_view id, std::string sealed) {
    auto part = std::make_unique<SharedPart>();
    part->instance = instance();
    part->mirror = std::make_unique<StreamMirror>(*this, id);
    part->sealed = std::move(sealed);
    part->look_at_ns = steadyNs() + lookEveryNs();
    return part;
}

Result<SessionRecord> SharedSessions::read(std::string_view id, const std::string& sealed) const {
    auto text = texts_.open(keyOf(id), sealed);
    if (!text) return std::move(text).error();
    return SessionRecord::read(*text);
}

Result<std::shared_ptr<Session>> SharedSessions::create(Revision revision, Client client, Principal principal) {
    if (auto held = link_.holdLease(); !held) return std::move(held).error();
    const std::string id = randomId();
    if (id.empty()) return Error::unavailable("the system gives no random bytes for a session id");
    const SessionRecord record{
        .revision = revision, .client = client, .subject = principal.subject, .tenant = principal.tenant};
    const std::string key = keyOf(id);
    auto sealed = texts_.seal(key, record.text(), kRecordLife);
    if (!sealed) return std::move(sealed).error();
    if (auto kept = kv_.set(key, *sealed, limits_.idle_timeout); !kept) return std::move(kept).error();
    auto held = sessions_.hold(std::make_shared<Session>(id, revision, std::move(client), std::move(principal),
                                                         partOf(id, std::move(*sealed))));
    if (!held) (void)kv_.remove(key);  // else it expires
    return held;
}

Result<std::shared_ptr<Session>> SharedSessions::find(std::string_view id, const Principal& principal) {
    if (!isSessionId(id)) return std::shared_ptr<Session>();
    auto sealed = kv_.get(keyOf(id));
    if (!sealed) return std::move(sealed).error();
    if (!*sealed) return std::shared_ptr<Session>();
    auto record = read(id, **sealed);
    if (!record) {
        logWarn("sessions", "a session is not served, its client has to begin anew: ", record.error().message);
        return std::shared_ptr<Session>();
    }
    if (record->subject != principal.subject || record->tenant != principal.tenant) return std::shared_ptr<Session>();
    if (auto held = link_.holdLease(); !held) return std::move(held).error();
    auto made =
        std::make_shared<Session>(std::string(id), record->revision, record->client, principal, partOf(id, **sealed));
    (void)applyRecord(*record, *made, **sealed, 0);
    auto held = sessions_.hold(std::move(made));
    if (!held) return held;
    if (!(*held)->belongsTo(principal)) return std::shared_ptr<Session>();
    const auto renewed = renew(**held);
    if (!renewed) return renewed.error();
    if (*renewed) return held;
    sessions_.drop(id);  // ended in this moment
    return std::shared_ptr<Session>();
}

Result<bool> SharedSessions::renew(Session& session) {
    const std::string sealed = sealedOf(session);
    auto done = kv_.replace(keyOf(session.id), sealed, sealed, limits_.idle_timeout);
    if (!done || *done) return done;
    return takeRecord(session);
}

// Somebody has changed it, or it is no more. What no instance has written there has ended it too: an error is only that
// the kv cannot be asked.
Result<bool> SharedSessions::takeRecord(Session& session) {
    for (int i = 0; i < kTriesMax; ++i) {
        const std::uint64_t seen = timesSeen(session);
        auto sealed = kv_.get(keyOf(session.id));
        if (!sealed) return std::move(sealed).error();
        if (!*sealed) return false;
        auto record = read(session.id, **sealed);
        if (!record) {
            logWarn("sessions", "a session has ended, its client has to begin anew: ", record.error().message);
            return false;
        }
        if (applyRecord(*record, session, std::move(**sealed), seen)) break;
    }
    return true;  // if it could not be taken now, its next look does
}

// While nobody can be asked, what is held here is served on.
bool SharedSessions::stands(Session& session) {
    std::atomic<std::int64_t>& look_at = session.shared->look_at_ns;
    const std::int64_t now = steadyNs();
    std::int64_t due = look_at.load(std::memory_order_relaxed);
    if (now < due || !look_at.compare_exchange_strong(due, now + lookEveryNs())) return !session.shared->over;
    const auto renewed = renew(session);
    if (!renewed) look_at = steadyNs() + std::min(inNs(kLookSooner), lookEveryNs());
    if (!renewed || *renewed) return !session.shared->over;
    sessions_.drop(session.id);
    return false;
}

Result<bool> SharedSessions::end(std::string_view id, const Principal& principal) {
    auto session = find(id, principal);
    if (!session) return std::move(session).error();
    if (!*session) return false;
    if (auto removed = kv_.remove(keyOf(id)); !removed) return std::move(removed).error();
    sessions_.drop(id);
    link_.sayLater({{"k", "over"}, {"s", id}});
    return true;
}

Result<bool> SharedSessions::change(Session& session, const std::function<Result<void>(SessionRecord&)>& how) {
    const std::string key = keyOf(session.id);
    for (int i = 0; i < kTriesMax; ++i) {
        const std::uint64_t seen = timesSeen(session);
        auto before = kv_.get(key);
        if (!before) return std::move(before).error();
        if (!*before) {
            sessions_.drop(session.id);
            return false;
        }
        auto record = read(session.id, **before);
        if (!record) return std::move(record).error();
        if (auto changed = how(*record); !changed) return std::move(changed).error();
        const std::string text = record->text();
        if (text.size() > SharedTexts::kPieceBytes)
            return Error::refused("a session that instances share remembers at most ", SharedTexts::kPieceBytes,
                                  " bytes, the resources it subscribes to included");
        auto after = texts_.seal(key, text, kRecordLife);
        if (!after) return std::move(after).error();
        auto done = kv_.replace(key, **before, *after, limits_.idle_timeout);
        if (!done) return std::move(done).error();
        if (!*done) continue;
        if (!applyRecord(*record, session, std::move(*after), seen)) (void)takeRecord(session);
        link_.sayLater({{"k", "record"}, {"s", session.id}});
        return true;
    }
    return Error::unavailable("the session is being changed by several requests, try again");
}

std::optional<Refusal> SharedSessions::cancelElsewhere(const Session& session, std::string_view request_id) {
    const auto said = link_.say({{"k", "cancel"}, {"s", session.id}, {"id", request_id}});
    return said ? std::nullopt : std::optional(cannotReach(said.error()));
}

std::optional<Refusal> SharedSessions::handOver(const Session& session, std::string_view question_id,
                                                const std::string& answer) {
    const std::string to = whoAsked(question_id);
    if (to.empty() || to == instance()) return std::nullopt;
    if (answer.size() > SharedTexts::kTextMax)
        return Refusal{.http_status = 413,
                       .message = concat("an answer to a question of another server instance has at most ",
                                         SharedTexts::kTextMax, " bytes, this one has ", answer.size(),
                                         "; the call still waits: send a smaller answer, or an error")};
    const auto lives = link_.lives(to);
    if (!lives) return cannotReach(lives.error());
    if (!*lives)
        return Refusal{.http_status = 410,
                       .message =
                           "nobody waits for this answer: the server instance that asked is gone, and its call "
                           "has ended with it"};
    // The answer itself waits in the kv: whoever misses the message finds it when it looks.
    auto kept = texts_.put(keyOfAnswer(session.id, question_id), answer, answer_life_);
    if (!kept) return cannotReach(kept.error());
    auto said = link_.say({{"k", "answer"}, {"to", to}, {"s", session.id}, {"q", question_id}});
    if (!said) return cannotReach(said.error());
    return std::nullopt;
}

std::string SharedSessions::keyOfAnswer(std::string_view id, std::string_view question_id) {
    return concat(keyOf(id), "/answer/", question_id);
}

std::optional<Refusal> SharedSessions::resume(const std::shared_ptr<Session>& session, std::string_view last_event_id,
                                              StreamLog::Link link) {
    auto position = StreamLog::positionOf(last_event_id);
    if (!position || !InstanceLink::isTag(position->instance) ||
        (!position->request.empty() && !isRequestId(position->request)))
        return noSuchEvent();
    const auto lives = link_.lives(position->instance);
    if (!lives) return cannotReach(lives.error());
    if (position->request.empty()) return takeOver(*session, *position, std::move(link));
    if (!followers_.follow(session, keyOf(session->id), std::move(*position), std::move(link), limits_.streams_max))
        return tooManyStreams(limits_.streams_max);
    return std::nullopt;
}

// A stream of no call: what was said on it is said again, and a new stream goes on from there.
std::optional<Refusal> SharedSessions::takeOver(Session& session, const StreamLog::Position& position,
                                                StreamLog::Link link) {
    const std::string key = keyOf(session.id);
    std::uint64_t said = position.event;
    for (std::uint64_t i = 0; i < kReplayMax; ++i) {
        const auto event = texts_.get(StreamFollowers::keyOfEvent(key, position.instance, position.stream, said + 1));
        if (!event) return cannotReach(event.error());
        if (!*event) break;
        ++said;
        if (!link.peer->pushEvent(**event, concat(position.stream_name, '-', said))) break;
    }
    if (!session.streams.listen(std::move(link), limits_.streams_max)) return tooManyStreams(limits_.streams_max);
    link_.sayLater(
        {{"k", "listens"}, {"s", session.id}, {"of", position.instance}, {"n", position.stream}, {"after", said}});
    // Its last words may not have been written.
    if (const auto lives = link_.lives(position.instance); lives && !*lives)
        for (const ListKind& kind : kListKinds)
            (void)session.streams.push(concat(R"({"jsonrpc":"2.0","method":")", kind.notification, "\"}"));
    return std::nullopt;
}

void SharedSessions::listensHere(const Session& session) {
    link_.sayLater({{"k", "listens"}, {"s", session.id}});
}

void SharedSessions::tellElsewhere(const std::string& json) {
    if (offered()) link_.sayLater({{"k", "tell"}, {"m", json}});
}

void SharedSessions::updatedElsewhere(std::string_view uri) {
    if (offered()) link_.sayLater({{"k", "updated"}, {"u", uri}});
}

void SharedSessions::lookAgain() {
    for (const auto& session : sessions_.all()) {
        if (!session->shared) continue;
        session->shared->look_at_ns = 0;
        for (const std::string& question : session->questions.open())
            takeAnswer(session, question);
    }
    kept_at_ns_ = 0;  // those in use at the next tick
}

// One with an open stream or a call under way does not expire, though no request comes.
void SharedSessions::keepThoseInUse() {
    const std::int64_t now = steadyNs();
    if (kept_at_ns_ != 0 && now < kept_at_ns_ + inNs(limits_.idle_timeout) / 4) return;
    kept_at_ns_ = now;
    for (const auto& session : sessions_.all()) {
        if (!session->shared || !session->inUse()) continue;
        const auto renewed = renew(*session);
        if (!renewed) {
            kept_at_ns_ = 0;  // nobody can be asked; the next tick tries again
            return;
        }
        if (!*renewed) sessions_.drop(session->id);
    }
}

}  // namespace howdah::kernel
