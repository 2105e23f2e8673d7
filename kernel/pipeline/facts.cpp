#include "kernel/pipeline/facts.hpp"

#include <algorithm>
#include <new>

namespace howdah::kernel {
namespace {

bool copyText(howdah_str& text, Arena& arena) {
    std::string_view copy = arena.copy({text.data, static_cast<std::size_t>(text.size)});
    text = {copy.data(), copy.size()};
    return copy.data() != nullptr;
}

bool copyNames(const howdah_name*& names, std::uint64_t count, Arena& arena) {
    if (count == 0) return true;
    auto* copies = static_cast<howdah_name*>(arena.allocate(count * sizeof(howdah_name)));
    if (!copies) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
        copies[i] = names[i];
        if (!copyText(copies[i].schema, arena) || !copyText(copies[i].name, arena)) return false;
    }
    names = copies;
    return true;
}

bool copyRelations(const std::uint32_t*& relations, std::uint64_t count, Arena& arena) {
    if (count == 0) return true;
    auto* copies = static_cast<std::uint32_t*>(arena.allocate(count * sizeof(std::uint32_t)));
    if (!copies) return false;
    std::copy_n(relations, count, copies);
    relations = copies;
    return true;
}

}  // namespace

const howdah_facts* copyFacts(const howdah_facts& facts, Arena& arena) {
    void* place = arena.allocate(sizeof(howdah_facts));
    if (!place) return nullptr;
    auto* copy = new (place) howdah_facts{};
    // An older plugin's struct is shorter: what it does not have stays zero.
    std::memcpy(copy, &facts, std::min<std::size_t>(facts.struct_size, sizeof facts));
    copy->struct_size = sizeof facts;
    if (!copyNames(copy->tables, copy->table_count, arena)) return nullptr;
    if (!copyNames(copy->functions, copy->function_count, arena)) return nullptr;
    if (!copyRelations(copy->relations, copy->relation_count, arena)) return nullptr;
    return copy;
}

}  // namespace howdah::kernel
