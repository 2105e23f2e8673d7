#include "plugins/guard/tree_view.hpp"

#include <algorithm>

namespace howdah::guard {
namespace {

static_assert(sizeof(void*) == 8 && sizeof(long) == 8, "parse_nodes.inc holds the offsets of LP64");

constexpr auto kNone = EnumType{};

struct Row {
    Tag node;
    FieldInfo field;
};

constexpr auto kRows = std::to_array<Row>({
#define FIELD(node, name, kind, offset) {Tag::node, {Field::name, FieldKind::kind, offset, Tag::unknown, kNone}},
#define FIXED(node, name, kind, offset, type) {Tag::node, {Field::name, FieldKind::kind, offset, Tag::type, kNone}},
#define ENUM(node, name, offset, type) \
    {Tag::node, {Field::name, FieldKind::enumeration, offset, Tag::unknown, EnumType::type}},
#include "plugins/guard/parse_nodes.inc"
#undef FIELD
#undef FIXED
#undef ENUM
});

template <std::size_t kCount>
constexpr auto fieldsOf(const std::array<Row, kCount>& rows) {
    std::array<FieldInfo, kCount> fields{};
    std::ranges::transform(rows, fields.begin(), &Row::field);
    return fields;
}

constexpr bool holdsNodes(const Row& row) {
    return row.field.holdsNodes();
}

constexpr auto kPartRows = [] {
    std::array<Row, std::ranges::count_if(kRows, holdsNodes)> rows{};
    std::ranges::copy_if(kRows, rows.begin(), holdsNodes);
    return rows;
}();

constexpr auto kFields = fieldsOf(kRows);
constexpr auto kParts = fieldsOf(kPartRows);

constexpr auto makeNodeInfos() {
    std::array<NodeInfo, kTagsEnd> infos{};
    std::size_t field = 0, part = 0;  // where those of the next node begin: the tables are in one order
    const auto add = [&](std::string_view name, Tag tag) {
        NodeInfo& info = infos[static_cast<std::size_t>(tag)];
        info = {name, tag, 0, {}, {}};
        const std::size_t first_field = field, first_part = part;
        for (; field < kRows.size() && kRows[field].node == tag; ++field)
            if (kFields[field].name == Field::location) info.location = kFields[field].offset;
        while (part < kPartRows.size() && kPartRows[part].node == tag)
            ++part;
        info.fields = std::span(kFields).subspan(first_field, field - first_field);
        info.parts = std::span(kParts).subspan(first_part, part - first_part);
    };
#define TAG(name, number) add(#name, Tag::name);
#include "plugins/guard/parse_nodes.inc"
#undef TAG
    if (field != kRows.size() || part != kPartRows.size()) throw "a row of parse_nodes.inc is out of order";
    return infos;
}

constexpr std::string_view kFieldNames[] = {
#define FIELD_NAME(name) #name,
#include "plugins/guard/parse_nodes.inc"
#undef FIELD_NAME
};

struct EnumName {
    EnumType type;
    std::int32_t value;
    std::string_view name;
};

constexpr EnumName kEnumNames[] = {
#define NAME(type, value, name) {EnumType::type, value, #name},
#include "plugins/guard/parse_nodes.inc"
#undef NAME
};

}  // namespace

constexpr std::array<NodeInfo, kTagsEnd> kNodeInfos = makeNodeInfos();

std::string_view name(Tag tag) {
    return kNodeInfos[static_cast<std::size_t>(tag)].name;
}

std::string_view name(Field field) {
    return kFieldNames[static_cast<std::size_t>(field)];
}

std::string_view name(EnumType type, std::int32_t value) {
    for (const EnumName& known : kEnumNames)
        if (known.type == type && known.value == value) return known.name;
    return {};
}

const FieldInfo* NodeView::find(Field field) const {
    for (const FieldInfo& known : info_->fields)
        if (known.name == field) return &known;
    return nullptr;
}

NodeView NodeView::child(Field field) const {
    const FieldInfo* found = find(field);
    return found ? child(*found) : NodeView{};
}

NodeList NodeView::list(Field field) const {
    const FieldInfo* found = find(field);
    return found ? list(*found) : NodeList{};
}

std::string_view NodeView::text(Field field) const {
    const FieldInfo* found = find(field);
    return found ? text(*found) : std::string_view{};
}

bool NodeView::flag(Field field) const {
    const FieldInfo* found = find(field);
    return found && flag(*found);
}

std::int64_t NodeView::number(Field field) const {
    const FieldInfo* found = find(field);
    return found ? number(*found) : 0;
}

bool NodeView::has(Field field) const {
    const FieldInfo* found = find(field);
    if (!found) return false;
    switch (found->kind) {
        case FieldKind::node:
        case FieldKind::fixed:
        case FieldKind::list:
        case FieldKind::text: return load<const void*>(node_, found->offset) != nullptr;
        case FieldKind::value: return static_cast<bool>(child(*found));
        case FieldKind::embedded:
        case FieldKind::items:
        case FieldKind::enumeration: return true;
        case FieldKind::character: return load<char>(node_, found->offset) != '\0';
        case FieldKind::flag: return flag(*found);
        case FieldKind::int16:
        case FieldKind::int32:
        case FieldKind::int64:
        case FieldKind::uint32: return number(*found) != 0;
    }
    return false;
}

NodeView NodeView::child(const FieldInfo& field) const {
    switch (field.kind) {
        case FieldKind::node: return at(load<const void*>(node_, field.offset));
        case FieldKind::fixed: {
            const NodeView found = at(load<const void*>(node_, field.offset));
            if (!found || found.tag() == field.fixed_type) return found;
            return {found.node_, kNodeInfos.data()};
        }
        case FieldKind::embedded:
            return {static_cast<const char*>(node_) + field.offset,
                    &kNodeInfos[static_cast<std::size_t>(field.fixed_type)]};
        case FieldKind::value: {
            const char* value = static_cast<const char*>(node_) + field.offset;
            return load<std::uint32_t>(value, 0) == 0 ? NodeView{} : at(value);  // 0: a NULL has none
        }
        default: return {};
    }
}

std::string_view NodeView::text(const FieldInfo& field) const {
    switch (field.kind) {
        case FieldKind::text: {
            const auto* text = load<const char*>(node_, field.offset);
            return text ? std::string_view(text) : std::string_view{};
        }
        case FieldKind::character: {
            const char* character = static_cast<const char*>(node_) + field.offset;
            // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a view of nothing has no fields
            return {character, *character == '\0' ? std::size_t{0} : std::size_t{1}};
        }
        case FieldKind::enumeration: return name(field.enum_type, load<std::int32_t>(node_, field.offset));
        default: return {};
    }
}

bool NodeView::flag(const FieldInfo& field) const {
    return field.kind == FieldKind::flag && load<unsigned char>(node_, field.offset) != 0;
}

std::int64_t NodeView::number(const FieldInfo& field) const {
    switch (field.kind) {
        case FieldKind::int16: return load<std::int16_t>(node_, field.offset);
        case FieldKind::int32:
        case FieldKind::enumeration: return load<std::int32_t>(node_, field.offset);
        case FieldKind::int64: return load<std::int64_t>(node_, field.offset);
        case FieldKind::uint32: return load<std::uint32_t>(node_, field.offset);
        default: return 0;
    }
}

}  // namespace howdah::guard
