// A look at PostgreSQL's raw parse nodes where the parser left them, as if they were libpg_query's JSON of them: the
// same fields under the same names, absent where the JSON leaves them out (null, zero, false).
//
// Nothing is guessed: a node that parse_nodes.inc does not know, or another one than a field of a fixed type must hold,
// shows as Tag::unknown without any field. Who walks a tree refuses it there.
//
// Threads: constant tables; a view is valid as long as the RawParse that owns the nodes.
// Owns:    nothing.
// Source:  PostgreSQL 15 source, nodes/pg_list.h, parsenodes.h and primnodes.h; libpg_query, pg_query_outfuncs_json.c.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace howdah::guard {

// NOLINTBEGIN(readability-identifier-naming): PostgreSQL's names and numbers
enum class Tag : std::uint16_t {
    unknown = 0,
#define TAG(name, number) name = (number),
#include "plugins/guard/parse_nodes.inc"
#undef TAG
};

enum class Field : std::uint16_t {
#define FIELD_NAME(name) name,
#include "plugins/guard/parse_nodes.inc"
#undef FIELD_NAME
    count
};

enum class EnumType : std::uint16_t {
#define ENUM_TYPE(name) name,
#include "plugins/guard/parse_nodes.inc"
#undef ENUM_TYPE
};
// NOLINTEND(readability-identifier-naming)

enum class FieldKind : std::uint8_t {
    node,         // a pointer to one that says its type itself
    fixed,        // a pointer to one of a type that the field fixes
    embedded,     // one of a fixed type, in place
    value,        // a constant's value, in place
    list,         // a pointer to a list of nodes
    items,        // the list that this node is
    text,         // a pointer to characters
    character,    // one
    flag,         //
    int16,        //
    int32,        //
    int64,        //
    uint32,       //
    enumeration,  //
};

struct FieldInfo {
    Field name;
    FieldKind kind;
    std::uint16_t offset;
    Tag fixed_type;      // of kinds fixed and embedded
    EnumType enum_type;  // of kind enumeration

    constexpr bool holdsList() const { return kind == FieldKind::list || kind == FieldKind::items; }
    constexpr bool holdsNodes() const { return kind <= FieldKind::items; }
};

struct NodeInfo {
    std::string_view name;  // "" is not in the table
    Tag tag = Tag::unknown;
    std::uint16_t location = 0;  // where it keeps its place in the text, 0 if it does not
    std::span<const FieldInfo> fields;
    std::span<const FieldInfo> parts;  // those that hold nodes
};

constexpr std::size_t kTagsEnd = 512;
extern const std::array<NodeInfo, kTagsEnd> kNodeInfos;  // by tag

std::string_view name(Tag tag);
std::string_view name(Field field);
// The name of a value of an enumeration, "" of those that the guard does not look at.
std::string_view name(EnumType type, std::int32_t value);

class NodeList;

class NodeView {
public:
    NodeView() = default;  // nothing
    static NodeView at(const void* node) {
        if (node == nullptr) return {};
        const auto tag = load<std::uint32_t>(node, 0);
        return {node, &kNodeInfos[tag < kTagsEnd ? tag : 0]};
    }

    explicit operator bool() const { return node_ != nullptr; }
    Tag tag() const { return info_->tag; }
    std::string_view typeName() const { return info_->name; }
    std::span<const FieldInfo> fields() const { return info_->fields; }
    std::span<const FieldInfo> parts() const { return info_->parts; }

    // What a field holds: nothing, "", false or 0 where it is absent, or of another kind than is asked for.
    NodeView child(Field field) const;
    NodeList list(Field field) const;
    std::string_view text(Field field) const;  // also a character, and an enumeration's name
    bool flag(Field field) const;
    std::int64_t number(Field field) const;
    bool has(Field field) const;

    NodeView child(const FieldInfo& field) const;
    NodeList list(const FieldInfo& field) const;
    std::string_view text(const FieldInfo& field) const;
    bool flag(const FieldInfo& field) const;
    std::int64_t number(const FieldInfo& field) const;

    // The byte of the text where it stands, 0 or less if it does not say.
    std::int32_t location() const { return info_->location == 0 ? 0 : load<std::int32_t>(node_, info_->location); }

private:
    friend class NodeList;
    NodeView(const void* node, const NodeInfo* info) : node_(node), info_(info) {}
    const FieldInfo* find(Field field) const;

    // The nodes are C structures that this language did not make: bytes are copied out of them.
    template <typename T>
    static T load(const void* from, std::size_t offset) {
        T value;
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a view of nothing has no fields
        std::memcpy(static_cast<void*>(&value), static_cast<const char*>(from) + offset, sizeof value);
        return value;
    }

    const void* node_ = nullptr;
    const NodeInfo* info_ = kNodeInfos.data();
};

// Members may be absent.
class NodeList {
public:
    NodeList() = default;  // empty
    // struct List { NodeTag type; int length; int max_length; ListCell* elements; ... }, a cell being one pointer.
    static NodeList at(const void* list) {
        NodeList found;
        if (list == nullptr) return found;
        found.unknown_ = NodeView::at(list).tag() != Tag::List;
        if (found.unknown_) return found;
        found.cells_ = NodeView::load<const char*>(list, 16);
        found.size_ = static_cast<std::size_t>(std::max(NodeView::load<std::int32_t>(list, 4), 0));
        return found;
    }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    // Not a list of nodes: of numbers, or something else. It shows as empty.
    bool isUnknown() const { return unknown_; }

    NodeView operator[](std::size_t index) const {
        if (index >= size_) return {};
        return NodeView::at(NodeView::load<const void*>(cells_, index * sizeof(void*)));
    }
    NodeView back() const { return (*this)[size_ - 1]; }

    class Iterator {
    public:
        using value_type = NodeView;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(const char* cell) : cell_(cell) {}
        NodeView operator*() const { return NodeView::at(NodeView::load<const void*>(cell_, 0)); }
        Iterator& operator++() {
            cell_ += sizeof(void*);
            return *this;
        }
        Iterator operator++(int) {
            const Iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const Iterator&, const Iterator&) = default;

    private:
        const char* cell_ = nullptr;
    };
    Iterator begin() const { return Iterator(cells_); }
    Iterator end() const { return Iterator(cells_ + size_ * sizeof(void*)); }

private:
    const char* cells_ = nullptr;
    std::size_t size_ = 0;
    bool unknown_ = false;
};

inline NodeList NodeView::list(const FieldInfo& field) const {
    if (field.kind == FieldKind::items) return NodeList::at(node_);
    return field.kind == FieldKind::list ? NodeList::at(load<const void*>(node_, field.offset)) : NodeList{};
}

}  // namespace howdah::guard
