#include "kernel/schema/reference.hpp"

#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "kernel/base/percent.hpp"

namespace howdah::kernel {

const Json* resolvePointer(const Json& root, std::string_view pointer) {
    const Json* at = &root;
    while (!pointer.empty()) {
        pointer.remove_prefix(1);
        std::string_view raw = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(raw.size());
        std::string step = percentDecoded(raw);
        for (auto [escape, plain] : {std::pair("~1", "/"), std::pair("~0", "~")}) {
            for (std::size_t i = step.find(escape); i != std::string::npos; i = step.find(escape, i + 1)) {
                step.replace(i, 2, plain);
            }
        }
        if (at->is_object()) {
            auto member = at->find(step);
            at = member == at->end() ? nullptr : &*member;
        } else if (at->is_array()) {
            std::size_t index = 0;
            auto end = std::from_chars(step.data(), step.data() + step.size(), index);
            const bool number = end.ec == std::errc() && end.ptr == step.data() + step.size();
            at = number && index < at->size() ? &(*at)[index] : nullptr;
        } else {
            at = nullptr;
        }
        if (!at) return nullptr;
    }
    return at;
}

bool deeperThan(const Json& json, std::size_t limit) {
    std::vector<std::pair<const Json*, std::size_t>> open{{&json, 1}};
    while (!open.empty()) {
        auto [at, depth] = open.back();
        open.pop_back();
        if (!at->is_structured()) continue;
        if (depth > limit) return true;
        for (const Json& inside : *at)
            open.emplace_back(&inside, depth + 1);
    }
    return false;
}

}  // namespace howdah::kernel
