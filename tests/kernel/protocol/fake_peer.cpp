#include "tests/kernel/protocol/fake_peer.hpp"

#include <chrono>
#include <future>
#include <stdexcept>

#include "kernel/runtime/shard.hpp"

namespace howdah::kernel::test {
namespace {

constexpr std::chrono::seconds kPatience{10};

// An event stream of a session, or the pipe of a stdio client.
class MailLink final : public PeerLink {
public:
    explicit MailLink(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}
    bool push(std::string json) override {
        mailbox_->put({.json = std::move(json)});
        return true;
    }

private:
    std::shared_ptr<Mailbox> mailbox_;
};

class MailSink final : public ReplySink {
public:
    MailSink(Mailbox& mailbox, bool http, bool accepts_events)
        : mailbox_(mailbox), http_(http), events_(accepts_events) {}

    void status(int http_status) override { answer_.status = http_status; }
    void header(std::string_view name, std::string_view value) override { answer_.headers[std::string(name)] = value; }
    Result<void> notify(std::string_view json) override {
        if (!http_ || events_) mailbox_.put({.json = std::string(json), .status = http_ ? 200 : 0});
        return {};
    }
    Result<void> write(std::string_view bytes) override {
        answer_.json += bytes;
        return {};
    }
    Result<void> finish() override {
        if (http_ && answer_.status == 0) answer_.status = answer_.json.empty() ? 202 : 200;
        if (!http_) answer_.status = 0;
        if (http_ || !answer_.json.empty()) mailbox_.put(std::move(answer_));
        return {};
    }

private:
    Mailbox& mailbox_;
    const bool http_, events_;
    Received answer_;
};

std::string_view headerValue(const Headers& headers, const std::string& name) {
    auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

void Mailbox::put(Received message) {
    std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    filled_.notify_one();
}

std::optional<Received> Mailbox::take() {
    std::unique_lock lock(mutex_);
    if (!filled_.wait_for(lock, kPatience, [&] { return !messages_.empty(); })) return std::nullopt;
    Received message = std::move(messages_.front());
    messages_.pop_front();
    return message;
}

Server::Server(ProtocolOptions options) : protocol(generations, sealer, std::move(options)) {
    generations.publish(fakeGeneration());
    auto started = Runtime::start({.shards = 1});
    if (!started) throw std::runtime_error(started.error().message);
    runtime = std::move(*started);
}

Server::~Server() {
    protocol.drain();
    (void)runtime->stop(Deadline::in(kPatience));
}

struct FakePeer::Flight {
    std::string body;  // with the padding the parser wants behind it
    Headers headers;
    std::shared_ptr<Cancellation> cancellation;
    std::promise<void> done;
    std::future<void> finished = done.get_future();
};

FakePeer::FakePeer(Server& server, bool http)
    : server_(server),
      http_(http),
      mailbox_(std::make_shared<Mailbox>()),
      link_(std::make_shared<MailLink>(mailbox_)) {}

FakePeer::~FakePeer() {
    disconnect();
    for (auto& flight : flights_)
        flight->finished.wait();
}

FakePeer::Flight& FakePeer::newFlight(const std::string& body, const Headers& headers) {
    flights_.push_back(std::make_unique<Flight>());
    Flight& flight = *flights_.back();
    flight.body = body;
    flight.body.reserve(body.size() + 64);
    flight.headers = headers;
    flight.cancellation = Cancellation::create(server_.runtime->shard(0));
    return flight;
}

void FakePeer::launch(Flight& flight, std::function<void(Inbound&, ReplySink&)> job) {
    Shard& shard = server_.runtime->shard(0);
    shard.post([this, &flight, &shard, job = std::move(job)] {
        shard.spawn([this, &flight, job] {
            Inbound inbound{.transport = http_ ? "http" : "stdio", .body = flight.body};
            inbound.protocol_version = headerValue(flight.headers, "MCP-Protocol-Version");
            inbound.mcp_method = headerValue(flight.headers, "Mcp-Method");
            inbound.mcp_name = headerValue(flight.headers, "Mcp-Name");
            inbound.session_id = headerValue(flight.headers, "Mcp-Session-Id");
            inbound.accepts_events = accepts_events_;
            inbound.cancellation = flight.cancellation.get();
            inbound.principal = principal_.get();
            if (!http_) inbound.peer = link_;
            MailSink sink(*mailbox_, http_, accepts_events_);
            job(inbound, sink);
            flight.done.set_value();
        });
    });
}

void FakePeer::send(const std::string& body, const Headers& headers) {
    launch(newFlight(body, headers),
           [this](Inbound& inbound, ReplySink& sink) { server_.protocol.handle(inbound, sink); });
}

Received FakePeer::ask(const std::string& body, const Headers& headers) {
    send(body, headers);
    return receive().value_or(Received{.json = "nothing came"});
}

void FakePeer::disconnect() {
    for (auto& flight : flights_)
        flight->cancellation->cancel(CancelReason::client_gone);
}

void FakePeer::settle() {
    for (auto& flight : flights_)
        flight->finished.wait();
}

bool FakePeer::openStream(const Headers& headers) {
    bool open = false;
    Flight& flight = newFlight({}, headers);
    launch(flight, [&](Inbound& inbound, ReplySink& sink) {
        open = server_.protocol.openEventStream(inbound, sink, std::make_shared<MailLink>(mailbox_));
    });
    flight.finished.wait();
    return open;
}

Received FakePeer::endSession(const Headers& headers) {
    launch(newFlight({}, headers),
           [this](Inbound& inbound, ReplySink& sink) { server_.protocol.endSession(inbound, sink); });
    return receive().value_or(Received{.json = "nothing came"});
}

}  // namespace howdah::kernel::test
