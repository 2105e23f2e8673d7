// A JSON-RPC message, from the bytes to its parts. What simdjson accepts, the other JSON parser accepts as well: two
// readers of one message must not disagree.
#include <simdjson.h>

#include "fuzz/input.hpp"
#include "kernel/base/json.hpp"
#include "kernel/protocol/message.hpp"

using namespace howdah::kernel;
using howdah::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    std::string body(howdah::fuzz::textOf(bytes, size));
    body.reserve(size + simdjson::SIMDJSON_PADDING);
    const MessageLimits limits{.depth_max = 16, .nodes_max = 1000, .string_bytes_max = 256, .batch_max = 8};
    Document document;
    if (document.parse(body, limits)) return 0;
    must(parseJson(body).has_value(), "both parsers accept");
    auto readOne = [&](simdjson::dom::element json) {
        Message message;
        if (Message::read(json, limits, message)) return;
        must(message.kind != Message::Kind::request || !message.id.empty(), "a request has an id");
        must(message.id.size() <= 6 * limits.id_bytes_max + 2, "an id is bounded");
        if (message.params) static_cast<void>(textMember(*message.params, "name"));
    };
    if (simdjson::dom::array batch; document.root().get(batch) == simdjson::SUCCESS) {
        for (simdjson::dom::element json : batch)
            readOne(json);
    } else {
        readOne(document.root());
    }
    return 0;
}
