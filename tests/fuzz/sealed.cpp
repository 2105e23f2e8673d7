// Sealed state (requestState): nothing a client makes up or alters opens, and what was sealed opens as it was.
#include <algorithm>

#include "fuzz/input.hpp"
#include "kernel/base/sealer.hpp"

using namespace howdah::kernel;
using howdah::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const Sealer sealer;
    static const auto now = Sealer::Clock::now();
    static const std::string sealed = *sealer.seal("the answers so far", "who, what", now + std::chrono::minutes(1));
    const std::string_view text = howdah::fuzz::textOf(bytes, size);
    must(!sealer.open(text, "who, what", now), "a state made up is refused");

    auto own = sealer.seal(text, text, now + std::chrono::minutes(1));
    if (!own) return 0;
    must(*sealer.open(*own, text, now) == text, "a state comes back as it was");
    must(!sealer.open(*own, std::string(text) + "x", now), "it is bound");

    // The input says where the state is altered and how.
    std::string altered = sealed;
    for (std::size_t i = 0; i + 1 < std::min<std::size_t>(size, 8); i += 2)
        altered[bytes[i] % altered.size()] = static_cast<char>(bytes[i + 1]);
    if (altered != sealed) must(!sealer.open(altered, "who, what", now), "a state that was altered is refused");
    if (size > 0)
        must(!sealer.open(sealed.substr(0, bytes[0] % sealed.size()), "who, what", now), "so is a part of it");
    return 0;
}
