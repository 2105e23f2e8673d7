// Questions for Call::ask(), as MCP requests.
//
//     auto answer = call.ask("confirm", howdah::elicit("Delete 3 rows?", schema));
//     if (!answer) return answer.error();
//     if (!howdah::accepted(*answer)) return call.writeText("nothing was deleted");
//
// Source:  MCP "Elicitation", "Sampling", "Roots".
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace howdah {

// A form: requestedSchema is a flat object of strings, numbers, booleans and enums. {"action","content"} comes back.
inline nlohmann::json elicit(std::string_view message, nlohmann::json requested_schema) {
    return {{"method", "elicitation/create"},
            {"params", {{"message", message}, {"requestedSchema", std::move(requested_schema)}}}};
}
// A page the user is sent to; nothing of what is entered there comes back, only the action.
inline nlohmann::json elicitUrl(std::string_view message, std::string_view url, std::string_view elicitation_id) {
    return {{"method", "elicitation/create"},
            {"params", {{"mode", "url"}, {"message", message}, {"url", url}, {"elicitationId", elicitation_id}}}};
}
// A text for the client's model. {"role","content","model"} comes back.
inline nlohmann::json sample(std::string_view text, int tokens_max) {
    const nlohmann::json message{{"role", "user"}, {"content", {{"type", "text"}, {"text", text}}}};
    return {{"method", "sampling/createMessage"},
            {"params", {{"messages", nlohmann::json::array({message})}, {"maxTokens", tokens_max}}}};
}
// {"roots":[{"uri","name"?}]} comes back.
inline nlohmann::json listRoots() {
    return {{"method", "roots/list"}, {"params", nlohmann::json::object()}};
}

// Whether the user filled in the form.
inline bool accepted(const nlohmann::json& elicited) {
    return elicited.is_object() && elicited.value("action", std::string{}) == "accept";
}

}  // namespace howdah
