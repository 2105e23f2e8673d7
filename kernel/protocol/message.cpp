#include "kernel/protocol/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include <howdah/json_text.hpp>

namespace howdah::kernel {
namespace {

using simdjson::dom::element_type;

constexpr std::size_t kParsersKept = 64;             // per shard
constexpr std::size_t kParserKeptBytes = 64u << 10;  // one that has seen a larger body is not kept
constexpr std::int64_t kSafeInteger = (std::int64_t{1} << 53) - 1;

// A fiber never leaves its shard, so the list it takes a parser from is the list it gives it back to.
thread_local std::vector<std::unique_ptr<simdjson::dom::parser>> free_parsers;

// The first pair of equal keys, by comparing all while they are few, else by sorting.
std::optional<std::string_view> repeatedKey(const simdjson::dom::object& object) {
    constexpr std::size_t kFew = 12;
    std::array<std::string_view, kFew> few;
    std::vector<std::string_view> many;
    std::size_t count = 0;
    for (auto field : object) {
        if (count < kFew) {
            for (std::size_t i = 0; i < count; ++i)
                if (few[i] == field.key) return field.key;
            few[count] = field.key;
        } else {
            if (many.empty()) many.assign(few.begin(), few.end());
            many.push_back(field.key);
        }
        ++count;
    }
    if (many.empty()) return std::nullopt;
    std::sort(many.begin(), many.end());
    auto twin = std::adjacent_find(many.begin(), many.end());
    if (twin == many.end()) return std::nullopt;
    return *twin;
}

Refusal tooDeep(const MessageLimits& limits) {
    return {.code = kParseError, .message = concat("JSON nested deeper than ", limits.depth_max)};
}

Refusal tooLong(const MessageLimits& limits) {
    return {.message = concat("the message has a string of more than ", limits.string_bytes_max, " bytes")};
}

struct Walk {
    const MessageLimits& limits;
    std::size_t nodes = 0;

    // `depth` counts the arrays and objects around the value and the value itself. The parser's own limit is one off
    // for an innermost empty one, so it only bounds memory.
    std::optional<Refusal> check(simdjson::dom::element value, std::size_t depth) {
        if (depth > limits.depth_max && (value.is_array() || value.is_object())) return tooDeep(limits);
        if (++nodes > limits.nodes_max)
            return Refusal{.message = concat("the message has more than ", limits.nodes_max, " values")};
        if (value.type() == element_type::STRING) {
            if (value.get_string_length().value_unsafe() > limits.string_bytes_max) return tooLong(limits);
        } else if (value.type() == element_type::ARRAY) {
            for (auto child : simdjson::dom::array(value))
                if (auto refusal = check(child, depth + 1)) return refusal;
        } else if (value.type() == element_type::OBJECT) {
            simdjson::dom::object object(value);
            if (auto key = repeatedKey(object)) {
                return Refusal{.message = concat("the key \"", key->substr(0, 64), "\" stands twice in one object")};
            }
            for (auto field : object) {
                if (field.key.size() > limits.string_bytes_max) return tooLong(limits);
                if (auto refusal = check(field.value, depth + 1)) return refusal;
            }
        }
        return std::nullopt;
    }
};

Refusal notJson(simdjson::error_code error) {
    return {.code = kParseError, .message = concat("not valid JSON: ", simdjson::error_message(error))};
}

}  // namespace

Document::Document() {
    if (free_parsers.empty()) {
        parser_ = std::make_unique<simdjson::dom::parser>();
    } else {
        parser_ = std::move(free_parsers.back());
        free_parsers.pop_back();
    }
}

Document::~Document() {
    if (parser_->capacity() > kParserKeptBytes || free_parsers.size() >= kParsersKept) return;
    free_parsers.push_back(std::move(parser_));
}

std::optional<Refusal> Document::parse(std::string_view body, const MessageLimits& limits) {
    // Room for the body and the depth limit together; a parser grows in steps so that it need not for each message.
    if (parser_->capacity() < body.size() || parser_->max_depth() != limits.depth_max + 1) {
        std::size_t room = std::max<std::size_t>(4096, body.size());
        if (auto error = parser_->allocate(room, limits.depth_max + 1)) return notJson(error);
    }
    auto error = parser_->parse(body.data(), body.size(), false).get(root_);
    if (error == simdjson::DEPTH_ERROR) return tooDeep(limits);
    if (error) return notJson(error);
    return Walk{limits}.check(root_, 1);
}

std::optional<Refusal> Message::read(simdjson::dom::element json, const MessageLimits& limits, Message& message) {
    simdjson::dom::object envelope;
    if (json.get(envelope)) return Refusal{.message = "a message must be a JSON object"};

    std::optional<simdjson::dom::element> id, params, version, method;
    bool is_response = false;
    for (auto field : envelope) {
        if (field.key == "jsonrpc") version = field.value;
        if (field.key == "id") id = field.value;
        if (field.key == "method") method = field.value;
        if (field.key == "params") params = field.value;
        if (field.key == "result" || field.key == "error") is_response = true;
    }
    if (id) {
        auto text = idText(*id, limits.id_bytes_max);
        if (!text)
            return Refusal{.message = concat("id must be a string of at most ", limits.id_bytes_max,
                                             " bytes or an integer within 2^53-1")};
        message.id = std::move(*text);
    }
    std::string_view text;
    if (!version || version->get(text) || text != "2.0") return Refusal{.message = "jsonrpc must be \"2.0\""};
    if (!method && is_response) {
        message.kind = Kind::response;
        return std::nullopt;
    }
    if (!method || method->get(message.method)) return Refusal{.message = "method must be a string"};
    if (is_response) return Refusal{.message = "a message with a method must have neither result nor error"};
    message.kind = id ? Kind::request : Kind::notification;
    if (!params) return std::nullopt;

    simdjson::dom::object object;
    if (params->get(object)) return Refusal{.message = "params must be an object"};
    message.params = object;
    if (auto meta = member(object, "_meta")) {
        simdjson::dom::object meta_object;
        if (meta->get(meta_object)) return Refusal{.code = kInvalidParams, .message = "params._meta must be an object"};
        message.meta = meta_object;
    }
    return std::nullopt;
}

std::optional<std::string> idText(simdjson::dom::element value, std::size_t bytes_max) {
    std::string out;
    if (value.type() == element_type::STRING) {
        std::string_view text = value.get_string().value_unsafe();
        if (text.size() > bytes_max) return std::nullopt;
        appendJsonString(out, text);
        return out;
    }
    if (value.type() != element_type::INT64) return std::nullopt;
    std::int64_t number = value.get_int64().value_unsafe();
    if (number > kSafeInteger || number < -kSafeInteger) return std::nullopt;
    char digits[24];
    out.assign(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    return out;
}

std::optional<simdjson::dom::element> member(const simdjson::dom::object& object, std::string_view key) {
    for (auto field : object)
        if (field.key == key) return field.value;
    return std::nullopt;
}

std::optional<std::string_view> textMember(const simdjson::dom::object& object, std::string_view key) {
    auto value = member(object, key);
    std::string_view text;
    if (!value || value->get(text)) return std::nullopt;
    return text;
}

std::optional<simdjson::dom::object> objectMember(const simdjson::dom::object& object, std::string_view key) {
    auto value = member(object, key);
    simdjson::dom::object found;
    if (!value || value->get(found)) return std::nullopt;
    return found;
}

}  // namespace howdah::kernel
