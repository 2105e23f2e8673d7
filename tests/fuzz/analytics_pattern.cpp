// What analytics keeps of a statement: no literal, and nothing that a second look would take away.
#include "fuzz/input.hpp"
#include "plugins/analytics/pattern.hpp"

using howdah::analytics::withoutConstants;
using howdah::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view sql = howdah::fuzz::textOf(bytes, size);
    const std::string kept = withoutConstants(sql);
    must(kept.size() <= sql.size(), "it only takes away");
    const bool identifiers = kept.find('"') != std::string::npos;  // in which any byte may stand
    must(identifiers || kept.find('\'') == std::string::npos, "no literal is left");
    must(withoutConstants(kept) == kept, "what is kept stays");
    return 0;
}
