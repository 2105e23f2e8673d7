// A set of bytes, asked for quickly: where does a text first hold one of them?
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace howdah::detail {

class ByteSet {
public:
    constexpr explicit ByteSet(std::string_view members) {
        for (char c : members)
            holds_[static_cast<unsigned char>(c)] = true;
    }
    // The position of the first member at or behind `from`; the size of the text if there is none.
    constexpr std::size_t firstIn(std::string_view text, std::size_t from = 0) const {
        while (from < text.size() && !holds_[static_cast<unsigned char>(text[from])])
            ++from;
        return from;
    }

private:
    std::array<bool, 256> holds_{};
};

}  // namespace howdah::detail
