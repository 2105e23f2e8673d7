// A total order over JSON values: equality for `const` and `enum`, sorting for `uniqueItems` (n log n on any input).
//
// Objects compare by their members sorted by key, numbers by value (1 equals 1.0). Recursion is bounded by the depth of
// the parsed instance.
#pragma once

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/schema/instance_view.hpp"

namespace howdah::kernel {

// Integer and fraction are one type here; the value decides.
inline std::uint8_t orderClass(std::uint8_t type) {
    return (type & kNumber) != 0 ? std::uint8_t{kNumber} : type;
}

template <typename View>
std::vector<View> elementsOf(const View& array) {
    std::vector<View> elements;
    array.forEachElement([&](const View& element) {
        elements.push_back(element);
        return true;
    });
    return elements;
}

template <typename View>
std::vector<std::pair<std::string_view, View>> sortedMembersOf(const View& object) {
    std::vector<std::pair<std::string_view, View>> members;
    object.forEachMember([&](std::string_view key, const View& value) {
        members.emplace_back(key, value);
        return true;
    });
    std::stable_sort(members.begin(), members.end(), [](auto& a, auto& b) { return a.first < b.first; });
    return members;
}

template <typename Left, typename Right>
int compare(const Left& left, const Right& right) {
    auto order = [](const auto& a, const auto& b) { return a < b ? -1 : b < a ? 1 : 0; };
    const std::uint8_t type = left.type();
    if (int by_class = order(orderClass(type), orderClass(right.type())); by_class != 0) return by_class;
    switch (type) {
        case kNull: return 0;
        case kBoolean: return order(left.truth(), right.truth());
        case kString: return order(left.text(), right.text());
        case kArray: {
            auto a = elementsOf(left);
            auto b = elementsOf(right);
            for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
                if (int result = compare(a[i], b[i]); result != 0) return result;
            }
            return order(a.size(), b.size());
        }
        case kObject: {
            auto a = sortedMembersOf(left);
            auto b = sortedMembersOf(right);
            for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
                if (int result = order(a[i].first, b[i].first); result != 0) return result;
                if (int result = compare(a[i].second, b[i].second); result != 0) return result;
            }
            return order(a.size(), b.size());
        }
        default: return order(left.number(), right.number());
    }
}

}  // namespace howdah::kernel
