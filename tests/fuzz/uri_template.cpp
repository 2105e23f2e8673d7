// A URI template and, behind a NUL, a URI. A URI that fits gives each variable once.
#include "kernel/base/uri_template.hpp"

#include "fuzz/input.hpp"

using namespace howdah::kernel;
using howdah::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    std::string_view uri = howdah::fuzz::textOf(bytes, size);
    auto made = UriTemplate::parse(howdah::fuzz::takePart(uri));
    if (!made) return 0;
    auto variables = made->match(uri);
    if (!variables) return 0;
    must(variables->size() == made->names().size(), "each variable once");
    for (const auto& [name, value] : *variables)
        must(!name.empty() && value.size() <= uri.size(), "values come from the URI");
    return 0;
}
