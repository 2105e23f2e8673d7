// The part of Protocol that serves legacy HTTP sessions: found, listened to, taken up again and ended, here or at
// another instance.
#include <utility>

#include "kernel/protocol/protocol.hpp"
#include "kernel/protocol/router.hpp"
#include "kernel/protocol/session_refusals.hpp"

namespace howdah::kernel {

// What a client answers to a question. One that nobody waits for any more is dropped: it may have crossed a cancel.
std::optional<Refusal> Protocol::takeResponse(const Exchange& exchange, simdjson::dom::element json) {
    if (!exchange.session) return std::nullopt;
    const std::string text(simdjson::minify(json));
    const bool is_here = exchange.session->questions.deliver(exchange.message.id, Json::parse(text, nullptr, false));
    if (is_here || !exchange.session->shared) return std::nullopt;
    return shared_->handOver(*exchange.session, exchange.message.id, text);
}

std::optional<Refusal> Protocol::findSession(const Inbound& inbound, std::shared_ptr<Session>& session) {
    if (!inbound.session_id.data())
        return Refusal{.message = "the header Mcp-Session-Id is missing; initialize opens a session"};
    session = sessions_.find(inbound.session_id, principalOf(inbound));
    if (session && (!session->shared || shared_->stands(*session))) [[likely]]
        return std::nullopt;
    if (!session && shared_ && shared_->offered()) {
        auto found = shared_->find(inbound.session_id, principalOf(inbound));
        if (!found) {
            return Refusal{.code = kInternalError,
                           .http_status = 503,
                           .message = concat("the session cannot be looked up at the moment, try again later: ",
                                             found.error().message)};
        }
        session = std::move(*found);
        if (session) return std::nullopt;
    }
    session = nullptr;
    return noSuchSession();
}

bool Protocol::openEventStream(Inbound& inbound, ReplySink& sink, std::shared_ptr<PeerLink> link) {
    std::shared_ptr<Session> session;
    auto refusal = checkLegacyHeader(inbound);
    if (!refusal && !inbound.session_id.data()) {
        // Not even a legacy client: 2026-07-28 has no GET.
        refusal = Refusal{.http_status = 405, .message = "GET opens the event stream of a session, none is named"};
        sink.header("Allow", "POST");
    }
    if (!refusal) refusal = findSession(inbound, session);
    if (!refusal) {
        auto gone = inbound.cancellation ? inbound.cancellation->shared_from_this() : nullptr;
        refusal = openStream(session, inbound.last_event_id, {std::move(link), std::move(gone)});
        if (!refusal) return true;
    }
    refuseWith(sink, {}, *refusal);
    return false;
}

std::optional<Refusal> Protocol::openStream(const std::shared_ptr<Session>& session, std::string_view last_event_id,
                                            StreamLog::Link link) {
    if (!last_event_id.data()) {
        if (!session->streams.listen(std::move(link), options_.session.streams_max))
            return tooManyStreams(options_.session.streams_max);
        if (session->shared) shared_->listensHere(*session);
        return std::nullopt;
    }
    switch (session->streams.resume(last_event_id, link)) {
        case StreamLog::Resumed::yes: return std::nullopt;
        case StreamLog::Resumed::elsewhere: return shared_->resume(session, last_event_id, std::move(link));
        case StreamLog::Resumed::unknown: return noSuchEvent();
        case StreamLog::Resumed::forgotten: break;
    }
    return Refusal{.http_status = 410,
                   .message =
                       "the events after Last-Event-ID are no longer kept; if they were of a call, it may have taken "
                       "effect: look at what it was to change, then call again if it did not"};
}

void Protocol::endSession(Inbound& inbound, ReplySink& sink) {
    if (!inbound.session_id.data()) {
        sink.header("Allow", "POST");
        return refuseWith(sink, {}, {.http_status = 405, .message = "DELETE ends a session, none is named"});
    }
    const auto held = sessions_.find(inbound.session_id, principalOf(inbound));
    if (shared_ && shared_->offered() && (!held || held->shared)) {
        const auto ended = shared_->end(inbound.session_id, principalOf(inbound));
        if (!ended) {
            return refuseWith(sink, {},
                              {.code = kInternalError,
                               .http_status = 503,
                               .message = concat("the session cannot be ended at the moment, try again later: ",
                                                 ended.error().message)});
        }
        if (!*ended) return refuseWith(sink, {}, {.http_status = 404, .message = "no such session"});
    } else if (!sessions_.end(inbound.session_id, principalOf(inbound)))
        return refuseWith(sink, {}, {.http_status = 404, .message = "no such session"});
    sink.status(204);
    (void)sink.finish();
}

}  // namespace howdah::kernel
