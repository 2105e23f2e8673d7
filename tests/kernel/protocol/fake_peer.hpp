// A client in this process: messages go to a Protocol on a real shard, what it writes comes back through a mailbox.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/protocol/protocol.hpp"
#include "kernel/runtime/runtime.hpp"
#include "tests/conformance/transcript.hpp"
#include "tests/kernel/protocol/fake_tools.hpp"

namespace howdah::kernel::test {

using conformance::Headers;
using conformance::Received;

// What came back, in order, each within ten seconds or not at all.
class Mailbox {
public:
    void put(Received message);
    std::optional<Received> take();

private:
    std::mutex mutex_;
    std::condition_variable filled_;
    std::deque<Received> messages_;
};

struct Server {
    explicit Server(ProtocolOptions options = {});
    ~Server();

    GenerationStore generations;
    Sealer sealer;
    Protocol protocol;
    std::unique_ptr<Runtime> runtime;
};

class FakePeer final : public conformance::TranscriptClient {
public:
    FakePeer(Server& server, bool http);
    ~FakePeer() override;  // disconnects and settles

    bool http() const override { return http_; }
    void send(const std::string& body, const Headers& headers) override;
    std::optional<Received> receive() override { return mailbox_->take(); }

    // send() and the next message, for tests that need one answer.
    Received ask(const std::string& body, const Headers& headers = {});
    // As another principal than "local".
    void become(std::string subject, std::vector<std::string> scopes = {"howdah:write"}) {
        principal_ = std::make_unique<Principal>(Principal{.subject = std::move(subject), .scopes = std::move(scopes)});
    }
    void acceptEvents(bool accepts) { accepts_events_ = accepts; }
    // The connection of all messages in flight goes away.
    void disconnect();
    // Waits until everything sent so far has been served.
    void settle();
    // HTTP GET and DELETE. What the stream gets comes through the mailbox.
    bool openStream(const Headers& headers);
    Received endSession(const Headers& headers);

private:
    struct Flight;
    Flight& newFlight(const std::string& body, const Headers& headers);
    void launch(Flight& flight, std::function<void(Inbound&, ReplySink&)> job);

    Server& server_;
    const bool http_;
    bool accepts_events_ = true;
    std::unique_ptr<Principal> principal_;
    std::shared_ptr<Mailbox> mailbox_;
    std::shared_ptr<PeerLink> link_;
    std::vector<std::unique_ptr<Flight>> flights_;
};

}  // namespace howdah::kernel::test
