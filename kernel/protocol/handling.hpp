// What the handlers of several methods share.
//
// Threads: the fiber that serves the message.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "kernel/protocol/errors.hpp"
#include "kernel/protocol/notices.hpp"
#include "kernel/protocol/questions.hpp"
#include "kernel/protocol/router.hpp"

namespace howdah::kernel {

inline constexpr std::size_t kMessageMax = 512;  // bytes of a message that repeats what the client sent

Refusal badParams(std::string message);

// The resource is not there: the code of the revision, and the URI as data.
Refusal noResource(const Exchange& exchange, std::string_view uri, std::string message);

// The hooks that greet a client. False when one turned it away; the refusal has been written then.
bool greet(Exchange& exchange);
// A stateless client is greeted on the first request that is seen of it, a legacy one on initialize.
bool greetIfNew(Exchange& exchange);

// False when the principal may not read; the refusal has been written then.
bool mayRead(Exchange& exchange);

// The answer waits for what happens elsewhere, until its client's credential ends. False after refusing.
bool mayStand(Exchange& exchange);

// Who asks is known: by its credential or, on a pipe, because there is one client only.
bool tellsClientsApart(const Exchange& exchange);

// What a call without arguments gets. Parsed once; elements are read-only and may be shared.
simdjson::dom::element emptyObject();

// The SQL of a call, for the caret under an error: by convention the argument is called sql.
std::string_view statementOf(simdjson::dom::element arguments);

// The key that params.cursor names, "" without one; nothing after refusing a cursor that is none of ours. A cursor
// names the last entry of the page before it, so that it stays right when entries come and go.
std::optional<std::string> cursorOf(Exchange& exchange);
std::string cursorAfter(std::string_view key);

// What the request asked to be told on the way. Empty after it refused a log level that is none.
std::optional<Notices::Settings> noticesOf(Exchange& exchange);

// The end of a call whose handler asked what the client has not answered yet (2026-07-28).
void answerInputRequired(Exchange& exchange, const Questions& questions);

// ,"ttlMs":...,"cacheScope":... (2026-07-28 "Caching")
std::string cacheHints(std::chrono::milliseconds ttl, bool only_this_client);

}  // namespace howdah::kernel
