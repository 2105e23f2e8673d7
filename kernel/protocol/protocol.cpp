#include "kernel/protocol/protocol.hpp"

#include <algorithm>
#include <unordered_set>

#include <howdah/json_text.hpp>

#include "kernel/protocol/resumable_sink.hpp"
#include "kernel/protocol/router.hpp"
#include "kernel/runtime/shard.hpp"

namespace howdah::kernel {
namespace {

std::string serverInfo(const ProtocolOptions& options) {
    std::string json = "{\"name\":";
    appendJsonString(json, options.server_name);
    json += ",\"version\":";
    appendJsonString(json, options.server_version);
    json += '}';
    return json;
}

// Within a batch each answer is one element of an array; the whole has one status and one end.
class BatchSink final : public ReplySink {
public:
    explicit BatchSink(ReplySink& sink) : sink_(sink) {}

    void status(int) override {}
    void header(std::string_view, std::string_view) override {}
    Result<void> notify(std::string_view json) override { return sink_.notify(json); }
    // The members after it would wait for ever.
    Result<void> stands() override {
        return Error::invalidArgument("this request waits for what happens, send it outside of a batch");
    }
    Result<void> write(std::string_view bytes) override {
        if (!in_answer_) {
            in_answer_ = true;
            if (auto separated = sink_.write(any_ ? "," : "["); !separated) return separated;
            any_ = true;
        }
        return sink_.write(bytes);
    }
    Result<void> finish() override {
        in_answer_ = false;
        return {};
    }
    Result<void> close() {
        if (any_)
            if (auto closed = sink_.write("]"); !closed) return closed;
        return sink_.finish();
    }

private:
    ReplySink& sink_;
    bool any_ = false;
    bool in_answer_ = false;
};

// Counts a request while it is served.
class Served {
public:
    explicit Served(std::atomic<std::size_t>& count) : count_(count), before_(count.fetch_add(1)) {}
    ~Served() { count_.fetch_sub(1); }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;
    std::size_t before() const { return before_; }

private:
    std::atomic<std::size_t>& count_;
    const std::size_t before_;
};

}  // namespace

Protocol::Protocol(GenerationStore& generations, const Sealer& sealer, ProtocolOptions options, Runtime* sharing)
    : generations_(generations),
      sealer_(sealer),
      options_(std::move(options)),
      server_info_(serverInfo(options_)),
      result_meta_(concat(R"({"io.modelcontextprotocol/serverInfo":)", server_info_, "}")),
      sessions_(options_.session),
      tasks_(options_.tasks) {
    if (sharing)
        shared_ = std::make_unique<SharedSessions>(*sharing, generations_, sealer_, sessions_, options_.session,
                                                   options_.answer_timeout);
    tasks_.onChange([this](CallTask& task) { subscriptions_.taskChanged(task.id); });
    generations_.onPublish([this](const Generation* old, const Generation& fresh) {
        if (old) listsChanged(*old, fresh);
    });
}

void Protocol::startSharing() {
    if (shared_) shared_->start();
}

void Protocol::stopSharing() {
    if (shared_) shared_->stop();
}

void Protocol::drain() {
    tasks_.cancelAll();
    subscriptions_.endAll();
}

void Protocol::handle(Inbound& inbound, ReplySink& sink) {
    Document document;
    if (auto refusal = document.parse(inbound.body, options_.message)) return refuseWith(sink, {}, *refusal);
    std::shared_ptr<Connection> connection = inbound.peer ? connectionOf(inbound.peer) : nullptr;
    simdjson::dom::array batch;
    if (document.root().get(batch) == simdjson::SUCCESS) return handleBatch(inbound, sink, connection.get(), batch);
    handleOne(inbound, sink, connection.get(), document.root(), false);
}

void Protocol::handleBatch(const Inbound& inbound, ReplySink& sink, Connection* connection,
                           simdjson::dom::array batch) {
    std::shared_ptr<Session> session;
    if (connection) {
        session = connection->session();
    } else if (inbound.session_id.data()) {
        if (auto refusal = findSession(inbound, session)) return refuseWith(sink, {}, *refusal);
    }
    if (!session || !allowsBatches(session->revision))
        return refuseWith(sink, {}, {.message = "batches are served in a 2025-03-26 session only"});
    if (batch.size() == 0) return refuseWith(sink, {}, {.message = "the batch is empty"});
    if (batch.size() > options_.message.batch_max) {
        return refuseWith(sink, {},
                          {.message = concat("a batch has at most ", options_.message.batch_max, " messages")});
    }
    // One after the other: each is a request of its own with its own hooks, and memory holds one answer at a time.
    BatchSink members(sink);
    std::unordered_set<std::string> ids;
    for (simdjson::dom::element json : batch) {
        simdjson::dom::object object;
        auto id = json.get(object) == simdjson::SUCCESS ? member(object, "id") : std::nullopt;
        auto text = id ? idText(*id, options_.message.id_bytes_max) : std::nullopt;
        if (text && !ids.insert(*text).second) {
            refuseWith(members, {}, {.message = concat("the id ", *text, " stands twice in the batch")});
            continue;
        }
        handleOne(inbound, members, connection, json, true);
    }
    (void)members.close();
}

void Protocol::handleOne(const Inbound& inbound, ReplySink& sink, Connection* connection, simdjson::dom::element json,
                         bool in_batch) {
    Message message;
    if (auto refusal = Message::read(json, options_.message, message)) return refuseWith(sink, message.id, *refusal);
    Exchange exchange{.protocol = *this,
                      .inbound = inbound,
                      .sink = sink,
                      .connection = connection,
                      .message = message,
                      .principal = principalOf(inbound)};
    Client client;
    if (auto refusal = enterEra(exchange, client)) {
        // On a duplex channel nobody may answer a notification; over HTTP the sender's POST must be told.
        if (message.kind == Message::Kind::request || exchange.http()) return refuseWith(sink, message.id, *refusal);
        (void)sink.finish();
        return;
    }
    if (in_batch && message.method == "initialize")
        return refuseWith(sink, message.id, {.message = "initialize cannot be part of a batch"});
    switch (message.kind) {
        case Message::Kind::request: serve(exchange); break;
        case Message::Kind::notification: routeNotification(exchange); break;
        case Message::Kind::response:
            if (auto refusal = takeResponse(exchange, json)) return refuseWith(sink, {}, *refusal);
            break;
    }
    (void)sink.finish();
}

// Settles revision, client and, in the legacy era, the session.
std::optional<Refusal> Protocol::enterEra(Exchange& exchange, Client& client) {
    const Message& message = exchange.message;
    const Inbound& inbound = exchange.inbound;
    bool is_request = message.kind == Message::Kind::request;
    if (is_request && speaksModern(message, inbound)) {
        exchange.revision = Revision::v2026_07_28;
        exchange.client = &client;
        return checkModern(message, inbound, client);
    }
    if (!is_request && exchange.http() && !inbound.session_id.data() && inbound.protocol_version.data() &&
        speaksModern(message, inbound)) {
        if (message.kind == Message::Kind::response) return Refusal{.message = "a client sends no responses"};
        exchange.revision = Revision::v2026_07_28;
        exchange.client = &client;
        return std::nullopt;
    }
    exchange.revision = kLatestLegacy;
    if (is_request && message.method == "initialize") {
        if (exchange.connection) exchange.session = exchange.connection->session();
        return std::nullopt;
    }
    if (exchange.http()) {
        if (auto refusal = checkLegacyHeader(inbound)) return refusal;
        if (auto refusal = findSession(inbound, exchange.session)) return refusal;
    } else {
        if (exchange.connection) exchange.session = exchange.connection->session();
        if (!exchange.session) {
            if (!is_request || message.method == "ping") return std::nullopt;
            return Refusal{.message = "send initialize first, or describe the request in params._meta (2026-07-28)"};
        }
    }
    exchange.revision = exchange.session->revision;
    exchange.client = &exchange.session->client;
    return std::nullopt;
}

void Protocol::serve(Exchange& exchange) {
    // A subscription waits, it does not work, and has a limit of its own.
    std::optional<Served> served;
    if (exchange.message.method != "subscriptions/listen") served.emplace(in_flight_);
    if (served && served->before() >= options_.in_flight_max) {
        return exchange.refuse(
            {.code = kInternalError,
             .http_status = 503,
             .message = concat("the server is busy with ", options_.in_flight_max, " requests, try again later")});
    }
    PrincipalCount::Entry of_principal;
    if (served && exchange.authenticated() &&
        !of_principals_.enter(of_principal, exchange.principal, options_.of_one_principal_max)) {
        return exchange.refuse(
            {.code = kInternalError,
             .http_status = 429,
             .message = concat("you have ", options_.of_one_principal_max,
                               " requests in flight, as many as one principal may "
                               "(limits.requests_per_principal_max); try again when one has ended")});
    }
    // Legacy HTTP: a lost connection is not a cancel, so the request gets a cancellation the transport does not know.
    std::shared_ptr<Cancellation> cancellation;
    if (exchange.inbound.cancellation && (exchange.modern() || !exchange.http())) {
        cancellation = exchange.inbound.cancellation->shared_from_this();
    } else {
        cancellation = Cancellation::create(*Shard::current());
    }
    exchange.cancellation = cancellation.get();

    // Ids are unique in flight within a duplex connection and within a session; stateless HTTP requests know no others.
    InFlight* requests = exchange.connection                   ? &exchange.connection->requests()
                         : exchange.session && exchange.http() ? &exchange.session->in_flight
                                                               : nullptr;
    std::shared_ptr<Session> session = exchange.session;  // outlives the entry below
    InFlight::Entry entry;
    if (requests && !requests->enter(entry, exchange.message.id, *cancellation)) {
        Refusal refusal{.message = concat("the id ", exchange.message.id, " is in flight already")};
        // On a duplex channel an error with that id would look like the answer to the first request.
        exchange.sink.status(refusal.http_status);
        (void)exchange.sink.write(errorResponse(exchange.http() ? exchange.message.id : std::string_view(), refusal));
        return;
    }
    if (!session || !exchange.http()) return route(exchange);
    ResumableSink sink(exchange.sink, session, exchange.message.id, exchange.inbound.accepts_events);
    Exchange kept{.protocol = *this,
                  .inbound = exchange.inbound,
                  .sink = sink,
                  .connection = nullptr,
                  .message = exchange.message,
                  .revision = exchange.revision,
                  .principal = exchange.principal,
                  .session = session,
                  .client = exchange.client,
                  .cancellation = exchange.cancellation};
    route(kept);
    (void)sink.finish();
}

std::shared_ptr<Connection> Protocol::connectionOf(const std::shared_ptr<PeerLink>& peer) {
    std::lock_guard lock(connections_mutex_);
    if (const auto known = connections_.find(peer.get()); known != connections_.end() && known->second->isOf(peer))
        return known->second;
    std::erase_if(connections_, [](const auto& entry) { return entry.second->closed(); });
    return connections_[peer.get()] = std::make_shared<Connection>(peer);
}

std::vector<std::shared_ptr<Connection>> Protocol::connections() {
    std::lock_guard lock(connections_mutex_);
    std::vector<std::shared_ptr<Connection>> all;
    all.reserve(connections_.size());
    for (const auto& [link, connection] : connections_)
        all.push_back(connection);
    return all;
}

bool Protocol::cancelAll(CancelReason reason) {
    bool any = false;
    for (const auto& connection : connections())
        any = connection->requests().cancelAll(reason) || any;
    for (const auto& session : sessions_.all())
        any = session->in_flight.cancelAll(reason) || any;
    return any;
}

void Protocol::listsChanged(const Generation& old, const Generation& fresh) {
    Changes changes;
    changes.tools = old.tools_list != fresh.tools_list;
    changes.prompts = old.prompts_list != fresh.prompts_list;
    changes.resources =
        old.resources_list != fresh.resources_list || old.resource_templates_list != fresh.resource_templates_list;
    tellChanges(changes);
}

void Protocol::resourceListChanged() {
    Changes changes;
    changes.resources = true;
    tellChanges(changes);
}

void Protocol::tellChanges(const Changes& changes) {
    for (const ListKind& kind : kListKinds)
        if (changes.*kind.changed) tellAll(kind.notification);
    if (changes.any()) subscriptions_.changed(changes);
}

void Protocol::resourceUpdated(std::string_view uri) {
    std::string json = R"({"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":)";
    appendJsonString(json, uri);
    json += "}}";
    for (const auto& connection : connections()) {
        auto session = connection->session();
        if (session && session->watched.contains(uri)) connection->push(json);
    }
    for (const auto& session : sessions_.all())
        if (session->watched.contains(uri)) session->streams.push(json);
    if (shared_) shared_->updatedElsewhere(uri);
    subscriptions_.resourceUpdated(uri);
}

void Protocol::tellAll(std::string_view method) {
    const std::string json = concat(R"({"jsonrpc":"2.0","method":")", method, "\"}");
    for (const auto& connection : connections())
        connection->push(json);
    for (const auto& session : sessions_.all())
        session->streams.push(json);
    if (shared_) shared_->tellElsewhere(json);
}

}  // namespace howdah::kernel
