// The value of an MCP header, plain or =?base64?...?=: never longer than what came, and one spelling for each text.
#include "fuzz/input.hpp"
#include "kernel/base/base64.hpp"
#include "kernel/protocol/era.hpp"

using namespace howdah::kernel;
using howdah::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view text = howdah::fuzz::textOf(bytes, size);
    if (auto value = decodedHeader(text)) must(value->size() <= text.size(), "decoding never grows");
    if (auto plain = fromBase64Url(text)) must(toBase64Url(*plain) == text, "one spelling");
    static_cast<void>(fromBase64(text));
    return 0;
}
