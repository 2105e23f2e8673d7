// JSON-RPC messages: the bytes of a body become a Document, its parts become Messages.
//
// Threads: [shard]. A Document is used on the shard that parsed it; the elements of a Message point into it.
// Owns:    a Document its parser, which comes from a free list of the shard and goes back to it.
// Errors:  a Refusal with the JSON-RPC code: not JSON -32700, JSON but no message -32600.
// Source:  JSON-RPC 2.0; MCP 2026-07-28 "Messages" (ids are strings or integers, never null, unique in flight).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "kernel/protocol/errors.hpp"

namespace howdah::kernel {

struct MessageLimits {
    std::size_t depth_max = 64;               // arrays and objects inside each other
    std::size_t nodes_max = 100'000;          // values in one body
    std::size_t string_bytes_max = 1u << 20;  // of one text or key
    std::size_t id_bytes_max = 1024;
    std::size_t batch_max = 50;
};

class Document {
public:
    Document();
    ~Document();
    Document(const Document&) = delete;
    Document& operator=(const Document&) = delete;

    // At least 64 readable bytes must follow `body`. Refuses what is not strict UTF-8 JSON, passes a limit, or names a
    // key twice in one object (readers disagree on which one counts, so neither does).
    std::optional<Refusal> parse(std::string_view body, const MessageLimits& limits);
    simdjson::dom::element root() const { return root_; }

private:
    std::unique_ptr<simdjson::dom::parser> parser_;
    simdjson::dom::element root_;
};

struct Message {
    enum class Kind : std::uint8_t { request, notification, response };

    Kind kind = Kind::notification;
    std::string id;  // as JSON text; "" when there is none or it cannot be used
    std::string_view method;
    std::optional<simdjson::dom::object> params;
    std::optional<simdjson::dom::object> meta;  // params._meta

    // On refusal `message` holds the id if that could be read.
    static std::optional<Refusal> read(simdjson::dom::element json, const MessageLimits& limits, Message& message);
};

// A string or an integer within +-(2^53-1), as JSON text; nothing for all else.
std::optional<std::string> idText(simdjson::dom::element value, std::size_t bytes_max);

// The member if it is there and of that type, else nothing.
std::optional<std::string_view> textMember(const simdjson::dom::object& object, std::string_view key);
std::optional<simdjson::dom::object> objectMember(const simdjson::dom::object& object, std::string_view key);
std::optional<simdjson::dom::element> member(const simdjson::dom::object& object, std::string_view key);

}  // namespace howdah::kernel
