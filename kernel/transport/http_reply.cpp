#include "kernel/transport/http_reply.hpp"

#include <algorithm>
#include <cassert>

#include "kernel/transport/framing.hpp"
#include "kernel/transport/http_connection.hpp"
#include "kernel/transport/http_response.hpp"

namespace howdah::kernel {

namespace {

constexpr std::string_view kRetry = "retry: 1000\n\n";  // ms

iovec part(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};
}

bool isHeaderText(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

HttpReply::HttpReply(HttpConnection& connection)
    : connection_(connection),
      collected_(connection.answer_),
      accepts_json_(connection.accepted_.json),
      accepts_events_(connection.accepted_.events) {
    collected_.clear();
}

void HttpReply::header(std::string_view name, std::string_view value) {
    // A line break would let a value write headers of its own.
    if (!isHeaderText(name) || !isHeaderText(value)) {
        assert(false && "a response header with control characters");
        return;
    }
    if (name == "Content-Type") {
        content_type_ = value;
        return;
    }
    extra_.append(name).append(": ").append(value).append("\r\n");
}

void HttpReply::needScopes(std::span<const std::string> scopes) {
    Authenticator* const authenticator = connection_.settings_.authenticator;
    if (!authenticator) return;
    const Challenge challenge{.reason = Challenge::Reason::scope, .scopes = scopes};
    header("WWW-Authenticate", authenticator->challenge(connection_.settings_.resource, challenge));
}

void HttpReply::appendHead(std::string& out, bool with_length) const {
    const bool empty = with_length && collected_.empty();
    const std::string_view own_type = content_type_.empty() ? "application/json" : std::string_view(content_type_);
    HttpResponseHead head;
    head.status = status_ != 0 ? status_ : empty ? 202 : 200;
    head.content_type = empty ? "" : form_ == Form::events ? "text/event-stream" : own_type;
    if (with_length) head.length = collected_.size();
    head.http_1_1 = connection_.head().http_1_1;
    head.keep_alive = connection_.keep_alive_;
    head.allowed_origin = connection_.corsOrigin();
    head.extra = extra_;
    head.appendTo(out);
}

// The form of the answer is settled; its head leaves with the first bytes.
void HttpReply::begin(Form form) {
    assert(form_ == Form::collecting);
    form_ = form;
    if (!connection_.head().http_1_1) connection_.keep_alive_ = false;  // the end of the connection ends the answer
    if (form == Form::events) {
        extra_ += "X-Accel-Buffering: no\r\n";  // a proxy must not hold events back
        connection_.eventsBegun();
    }
    appendHead(head_, false);
    if (form != Form::events || !primes_) return;
    identify(collected_);
    collected_ += kEmptyEvent;
}

void HttpReply::identify(std::string& event) {
    if (!stream_.empty()) appendEventId(event, stream_, events_++);
}

void HttpReply::standsUntil(const std::shared_ptr<Cancellation>& cancelled) {
    connection_.watchFor(cancelled);
}

void HttpReply::resumable(const std::string& stream, bool primes) {
    if (form_ != Form::collecting || !accepts_events_) return;
    stream_ = stream;
    primes_ = primes;
    events_ = primes ? 0 : 1;
    if (primes) connection_.answerAwaited();
}

void HttpReply::primeNow() {
    if (form_ != Form::collecting || answer_begun_ || finished_ || !primes_) return;
    begin(Form::events);
    enqueue(false);
}

void HttpReply::leave() {
    if (!primes_ || answer_begun_ || finished_) return;
    collected_ = kRetry;
    enqueue(true);
    left_ = true;
    connection_.leaveAnswer();
}

// What the loop sends while the fiber waits.
void HttpReply::enqueue(bool last) {
    const bool chunked = connection_.head().http_1_1;
    if (chunked) appendChunkSize(head_, collected_.size());
    head_ += collected_;
    if (chunked) head_ += "\r\n";
    if (chunked && last) head_ += kLastChunk;
    connection_.writer_.enqueue(head_, connection_.shared_from_this());
    head_.clear();
    collected_.clear();
}

Result<void> HttpReply::beginEvents() {
    begin(Form::events);
    return sendPart(kEventComment);
}

Result<void> HttpReply::notify(std::string_view json) {
    if (finished_ || answer_begun_ || !accepts_events_) return {};
    if (left_) return Error::cancelled("the client comes back for it");
    if (form_ == Form::collecting) begin(Form::events);
    std::string event;
    event.reserve(json.size() + kEventBegin.size() + kEventEnd.size() + 32);
    identify(event);
    appendEvent(event, json);
    return sendPart(event);
}

Result<void> HttpReply::write(std::string_view bytes) {
    assert(!finished_);
    if (bytes.empty()) return {};
    if (left_) return Error::cancelled("the client comes back for it");
    if (connection_.writer_.broken()) return Error::cancelled("the client has gone");
    if (!answer_begun_) {
        answer_begun_ = true;
        if (form_ == Form::collecting && !accepts_json_ && status_ == 0) begin(Form::events);
        if (form_ == Form::events) {
            identify(collected_);
            collected_ += kEventBegin;
        }
    }
    if (form_ == Form::events) {
        appendOnOneLine(collected_, bytes);
        return collected_.size() > connection_.settings_.answer_bytes_collected ? sendPart({}) : Result<void>();
    }
    if (collected_.size() + bytes.size() <= connection_.settings_.answer_bytes_collected) {
        collected_ += bytes;
        return {};
    }
    if (form_ == Form::collecting) begin(Form::chunked);
    return sendPart(bytes);
}

Result<void> HttpReply::sendPart(std::string_view more, bool last) {
    const std::size_t bytes = collected_.size() + more.size();
    const bool chunked = connection_.head().http_1_1;
    if (bytes == 0 && head_.empty() && !last) return {};
    if (chunked && bytes > 0) appendChunkSize(head_, bytes);
    iovec parts[] = {part(head_), part(collected_), part(more), part(chunked && bytes > 0 ? "\r\n" : ""),
                     part(chunked && last ? kLastChunk : "")};
    auto sent = connection_.writer_.send(parts, std::size(parts), connection_.shared_from_this());
    head_.clear();
    collected_.clear();
    return sent;
}

Result<void> HttpReply::sendWhole() {
    appendHead(head_, true);
    iovec parts[] = {part(head_), part(collected_)};
    return connection_.writer_.send(parts, std::size(parts), connection_.shared_from_this());
}

Result<void> HttpReply::finish() {
    if (finished_) return {};
    finished_ = true;
    if (left_) return Error::cancelled("the client comes back for it");
    if (form_ == Form::collecting) return sendWhole();
    if (form_ == Form::events && answer_begun_) collected_ += kEventEnd;
    return sendPart({}, true);
}

Result<void> HttpReply::refuse(int http_status, std::string_view message) {
    status(http_status);
    collected_ = jsonRpcError(-32600, message);
    answer_begun_ = true;
    return finish();
}

}  // namespace howdah::kernel
