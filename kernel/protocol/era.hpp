// Eras: what a protocol revision asks for that others do not, and the checks of the stateless era.
//
// Legacy revisions open a session with `initialize`; from 2026-07-28 on every request describes itself in `_meta`, and
// over HTTP repeats the parts that intermediaries route on as headers, which must agree.
//
// Threads: pure functions, any.
// Source:  MCP 2026-07-28 "Versioning and Compatibility", "Streamable HTTP: Request Metadata, Server Validation".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/pipeline/request.hpp"
#include "kernel/protocol/errors.hpp"
#include "kernel/protocol/exchange.hpp"
#include "kernel/protocol/message.hpp"

namespace howdah::kernel {

enum class Revision : std::uint8_t { v2024_11_05, v2025_03_26, v2025_06_18, v2025_11_25, v2026_07_28 };

inline constexpr Revision kLatestLegacy = Revision::v2025_11_25;

std::string_view name(Revision revision);
std::optional<Revision> revisionNamed(std::string_view text);
std::string supportedRevisionsJson();  // an array, newest first

constexpr bool isModern(Revision revision) {
    return revision >= Revision::v2026_07_28;
}
constexpr bool hasStructuredContent(Revision revision) {
    return revision >= Revision::v2025_06_18;
}
constexpr bool hasAudio(Revision revision) {
    return revision >= Revision::v2025_03_26;
}
constexpr bool hasResourceLinks(Revision revision) {
    return revision >= Revision::v2025_06_18;
}
// Whether a client may come back for the rest of an event stream (over HTTP).
constexpr bool resumesStreams(Revision revision) {
    return revision >= Revision::v2025_03_26;
}
// Whether a stream begins with an event without a message, so that its client has an id from the start. Clients of
// before read each event as a message.
constexpr bool primesStreams(Revision revision) {
    return revision >= Revision::v2025_11_25;
}
// Whether a client says what a question to its model may hold: tools, context.
constexpr bool hasSamplingKinds(Revision revision) {
    return revision >= Revision::v2025_11_25;
}
constexpr bool allowsBatches(Revision revision) {
    return revision == Revision::v2025_03_26;
}
// Arguments that do not fit the schema: since 2025-11-25 a result the model can learn from, before a protocol error.
constexpr bool argumentErrorsAreResults(Revision revision) {
    return revision >= Revision::v2025_11_25;
}

// Whether this message is to be read as 2026-07-28 or later. Decided per message: a connection has no era.
bool speaksModern(const Message& message, const Inbound& inbound);

// The required `_meta` fields and, over HTTP, the headers. On success `client` is who sent it.
std::optional<Refusal> checkModern(const Message& message, const Inbound& inbound, Client& client);

// A header of the legacy era, if there is one, must name a revision we know.
std::optional<Refusal> checkLegacyHeader(const Inbound& inbound);

// The value of a header that may be in the form =?base64?...?=; nothing when it has bytes a header must not have.
std::optional<std::string> decodedHeader(std::string_view value);

}  // namespace howdah::kernel
