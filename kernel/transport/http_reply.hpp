// HttpReply: the answer to one HTTP request. Short answers leave in one write with their length; longer ones are
// chunked; a notification, or a client that accepts nothing else, makes the answer an event stream.
//
// Threads: the fiber that serves the request.
// Owns:    nothing; collects in the connection's answer buffer.
// Errors:  cancelled when the client is gone; what was not finished then ends with the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/protocol/exchange.hpp"

namespace howdah::kernel {

class HttpConnection;

class HttpReply final : public ReplySink {
public:
    explicit HttpReply(HttpConnection& connection);

    void status(int http_status) override { status_ = http_status; }
    void header(std::string_view name, std::string_view value) override;
    void needScopes(std::span<const std::string> scopes) override;
    Result<void> notify(std::string_view json) override;
    Result<void> write(std::string_view bytes) override;
    Result<void> finish() override;
    void standsUntil(const std::shared_ptr<Cancellation>& cancelled) override;
    void resumable(const std::string& stream, bool primes) override;
    bool primed() const override { return form_ == Form::events && !stream_.empty(); }

    // [loop] While the fiber waits: an answer that takes its time becomes an event stream.
    void primeNow();
    // [loop] Ends the response without its answer; the client is told when to come back for it.
    void leave();

    // Opens an event stream without a message in it.
    Result<void> beginEvents();
    // Frames of events, as they are.
    Result<void> sendFrames(std::string_view frames) { return sendPart(frames); }

    // An answer of the transport itself: status and a JSON-RPC error.
    Result<void> refuse(int http_status, std::string_view message);

private:
    enum class Form : unsigned char { collecting, chunked, events };

    void begin(Form form);
    void identify(std::string& event);
    void enqueue(bool last);
    void appendHead(std::string& out, bool with_length) const;
    Result<void> sendPart(std::string_view more, bool last = false);  // the collected bytes and these
    Result<void> sendWhole();

    HttpConnection& connection_;
    std::string& collected_;
    std::string extra_;         // header lines
    std::string content_type_;  // "" = application/json
    std::string head_;          // to be sent before the next bytes
    std::string stream_;        // of which the ids of events are made, "" = they have none
    std::uint64_t events_ = 0;  // the number of the next one that has an id
    bool primes_ = false;
    bool left_ = false;  // the response has ended; what the handler still says goes nowhere
    int status_ = 0;     // 0 = not set by the handler
    Form form_ = Form::collecting;
    bool answer_begun_ = false;
    bool finished_ = false;
    const bool accepts_json_;
    const bool accepts_events_;
};

}  // namespace howdah::kernel
