// A configuration file: read, or refused with its place; what was read can be written and read again to the same value.
#include "kernel/config/yaml.hpp"

#include "fuzz/input.hpp"
#include "kernel/config/secrets.hpp"

using namespace howdah::kernel;
using howdah::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view text = howdah::fuzz::textOf(bytes, size);
    auto document = parseYaml(text, "f", {.bytes_max = 4096});
    if (!document) {
        must(document.error().message.starts_with("f:"), "a refusal says where");
        return 0;
    }
    auto again = parseYaml(toYaml(document->root), "g");
    must(again.has_value() && again->root == document->root, "written and read again it is the same");
    if (text.find("file:") != std::string_view::npos) return 0;  // no file is to be read here
    const auto environment = [](const std::string& name) -> std::optional<std::string> {
        return name.size() % 2 == 0 ? std::optional<std::string>("7") : std::nullopt;
    };
    static_cast<void>(resolveSecrets(*document, environment, "/nowhere"));
    return 0;
}
