// What SharedSessions does with what other instances say.
#include <utility>

#include <howdah/json_text.hpp>

#include "kernel/protocol/shared_sessions.hpp"

namespace howdah::kernel {
namespace {

std::string textIn(const Json& message, const char* key) {
    const auto found = message.find(key);
    return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::uint64_t numberIn(const Json& message, const char* key) {
    const auto found = message.find(key);
    return found != message.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

}  // namespace

// From another instance. What it means is a session that is held here, or nothing.
void SharedSessions::hear(const Json& message) {
    const std::string kind = textIn(message, "k");
    if (kind == "tell") {
        for (const auto& session : sessions_.all())
            if (session->shared) (void)session->streams.push(textIn(message, "m"));
        return;
    }
    if (kind == "updated") return tellUpdated(textIn(message, "u"));
    const std::string id = textIn(message, "s");
    const std::string from = textIn(message, "from");
    const std::uint64_t number = numberIn(message, "n");
    if (kind == "said") return followers_.said(id, from, number);
    if (kind == "unknown") return followers_.unknown(id, from, number);
    if (kind == "over") return sessions_.drop(id);
    const auto session = sessions_.held(id);
    if (kind == "follow") {
        const bool known = session && session->shared &&
                           session->streams.follow(number, textIn(message, "r"), numberIn(message, "after"));
        return link_.sayLater({{"k", known ? "said" : "unknown"}, {"to", from}, {"s", id}, {"n", number}});
    }
    if (!session || !session->shared) return;
    if (kind == "answer") return takeAnswer(session, textIn(message, "q"));
    if (kind == "cancel") {
        session->in_flight.cancel(textIn(message, "id"), CancelReason::requested);
    } else if (kind == "record") {
        // It may listen here while its requests come elsewhere.
        link_.later(id.size(), [this, session] {
            if (const auto taken = takeRecord(*session); taken && !*taken) sessions_.drop(session->id);
        });
    } else if (kind == "rest") {
        (void)session->streams.push(textIn(message, "m"));
    } else if (kind == "listens") {
        const bool mine = textIn(message, "of") == instance();
        for (std::string& json : session->streams.moveAway(mine ? number : 0, numberIn(message, "after")))
            link_.sayLater({{"k", "rest"}, {"to", from}, {"s", id}, {"m", std::move(json)}});
    }
}

void SharedSessions::takeAnswer(const std::shared_ptr<Session>& session, const std::string& question_id) {
    const std::string key = keyOfAnswer(session->id, question_id);
    link_.later(key.size(), [this, session, question_id, key] {
        const auto answer = texts_.get(key);
        if (!answer || !*answer) return;  // whoever waits for it does so until its limit
        Json response = Json::parse(**answer, nullptr, false);
        if (!response.is_object()) return;
        (void)session->questions.deliver(question_id, std::move(response));
        (void)kv_.remove(key);  // else it expires
    });
}

void SharedSessions::tellUpdated(const std::string& uri) {
    std::string json = R"({"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":)";
    appendJsonString(json, uri);
    json += "}}";
    for (const auto& session : sessions_.all())
        if (session->shared && session->watched.contains(uri)) (void)session->streams.push(json);
}

}  // namespace howdah::kernel
