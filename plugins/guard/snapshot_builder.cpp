#include "plugins/guard/snapshot_builder.hpp"

#include <algorithm>
#include <cstring>

#include <simdjson.h>

#include "plugins/guard/catalog.hpp"
#include "plugins/guard/extensions.hpp"

namespace howdah::guard {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

constexpr std::size_t kNameRoom = 64 * 1024;
constexpr std::uint16_t kAnyNumber = 0xffff;

// A row whose members are not what was asked for throws; add() turns that into an error.
std::string_view textAt(const array& row, std::size_t index) {
    const element at = row.at(index);
    return at.is_null() ? std::string_view{} : at.get_string().value();
}
Oid oidAt(const array& row, std::size_t index) {
    const element at = row.at(index);
    return at.is_null() ? 0 : static_cast<Oid>(at.get_int64().value());
}
bool flagAt(const array& row, std::size_t index) {
    return row.at(index).get_bool().value();
}
char letterAt(const array& row, std::size_t index) {
    const std::string_view text = textAt(row, index);
    return text.empty() ? ' ' : text[0];
}
std::vector<Oid> oidsAt(const array& row, std::size_t index) {
    std::vector<Oid> oids;
    const element at = row.at(index);
    if (at.is_null()) return oids;
    const array list = at.get_array().value();
    for (element oid : list)
        if (const auto value = oid.get_int64().value(); value != 0) oids.push_back(static_cast<Oid>(value));
    return oids;
}

}  // namespace

struct Snapshot::Builder::Row {
    array cells;
};
struct Snapshot::Builder::Reader {
    simdjson::dom::parser parser;
};

Snapshot::Builder::Builder() : reader_(std::make_unique<Reader>()) {}
Snapshot::Builder::~Builder() = default;

std::string_view Snapshot::Builder::keep(std::string_view name) {
    if (name.size() > name_room_) {
        name_room_ = std::max(kNameRoom, name.size());
        made_->names_.push_back(std::make_unique<char[]>(name_room_));
        made_->bytes_ += name_room_;
        next_name_ = made_->names_.back().get();
    }
    if (!name.empty()) std::memcpy(next_name_, name.data(), name.size());
    const std::string_view kept(next_name_, name.size());
    next_name_ += name.size();
    name_room_ -= name.size();
    return kept;
}

Result<void> Snapshot::Builder::add(Part part, std::string_view json) {
    if (json.empty()) return {};  // the aggregate of no row
    try {
        const simdjson::padded_string padded(json);
        const array rows = reader_->parser.parse(padded).get_array().value();
        for (element row : rows)
            if (auto added = addRow(part, Row{row.get_array().value()}); !added) return added;
    } catch (const simdjson::simdjson_error& error) {
        return Error::internal("the catalog answered in another form than was asked for: ", error.what());
    }
    if (made_->bytes_ > kBytesMax)
        return Error::invalidArgument("the catalog has more than ", kBytesMax / 1024 / 1024,
                                      " MiB of the user's objects");
    return {};
}

Result<void> Snapshot::Builder::addRow(Part part, const Row& catalog_row) {
    const array& row = catalog_row.cells;
    const auto object = [&] { return CatalogObject{oidAt(row, 0), oidAt(row, 1), keep(textAt(row, 2)), 0, 0, false}; };
    switch (part) {
        case Part::own_functions: own_functions_.emplace(oidAt(row, 0), keep(textAt(row, 1))); break;
        case Part::schemas:
            if (oidAt(row, 0) == 0)
                made_->role_ = textAt(row, 1);
            else
                made_->schemas_.push_back({oidAt(row, 0), std::string(textAt(row, 1)), flagAt(row, 2)});
            break;
        case Part::functions: {
            Function function{object(), letterAt(row, 6), letterAt(row, 7), oidAt(row, 8), {}, oidsAt(row, 11)};
            const Oid arguments = oidAt(row, 3), defaults = oidAt(row, 4);
            const bool any_number = flagAt(row, 5);
            // The last argument of a variadic function may be left out, and comes as often as one likes.
            function.object.arguments_min =
                static_cast<std::uint16_t>(arguments - std::min(arguments, defaults + (any_number ? 1 : 0)));
            function.object.arguments_max = any_number ? kAnyNumber : static_cast<std::uint16_t>(arguments);
            function.object.takes_rows = flagAt(row, 12);
            if (flagAt(row, 10)) function.extension = keep(textAt(row, 9));
            function.makes_range = flagAt(row, 13);
            functions_.push_back(std::move(function));
            break;
        }
        case Part::operators:
            operators_.push_back(object());
            operator_functions_.push_back(oidAt(row, 3));
            break;
        case Part::casts:
            casts_.push_back({oidAt(row, 0), oidAt(row, 1), oidAt(row, 2), flagAt(row, 3), keep(textAt(row, 4)),
                              keep(textAt(row, 5))});
            break;
        case Part::types: types_.push_back({object(), oidAt(row, 3), oidAt(row, 4), oidsAt(row, 5)}); break;
        case Part::relations:
            relations_.push_back({object(), letterAt(row, 3), flagAt(row, 4), flagAt(row, 5), oidAt(row, 6)});
            break;
        case Part::columns: columns_.push_back({oidAt(row, 0), keep(textAt(row, 1)), oidAt(row, 2)}); break;
        case Part::code:
            code_.push_back({letterAt(row, 0), oidAt(row, 1), oidsAt(row, 2), oidsAt(row, 3), flagAt(row, 4)});
            break;
        case Part::reach: reach_.push_back({letterAt(row, 0), oidAt(row, 1), oidAt(row, 2)}); break;
    }
    made_->bytes_ += 96;  // an entry and its place in the graph, roughly
    return {};
}

bool Snapshot::Builder::inPath(Oid schema) const {
    const auto found = std::ranges::find(made_->schemas_, schema, &CatalogSchema::oid);
    return found != made_->schemas_.end() && found->in_path;
}

void Snapshot::Builder::index() {
    auto& [functions, operators, types, relations] = made_->objects_;
    for (const Function& function : functions_) {
        functions.push_back(function.object);
        known_.insert(keyOf(ObjectKind::function, function.object.oid));
    }
    for (const CatalogObject& op : operators_) {
        operators.push_back(op);
        known_.insert(keyOf(ObjectKind::op, op.oid));
    }
    for (const Type& type : types_) {
        types.push_back(type.object);
        types.back().of_others = type.relation != 0;
        known_.insert(keyOf(ObjectKind::type, type.object.oid));
    }
    for (const Relation& relation : relations_) {
        known_.insert(keyOf(ObjectKind::relation, relation.object.oid));
        relations.push_back(relation.object);
    }
    for (std::size_t kind = 0; kind < std::size(made_->objects_); ++kind) {
        auto& objects = made_->objects_[kind];
        std::ranges::sort(objects, {}, &CatalogObject::name);
        NameFilter& filter = made_->filters_[kind] = NameFilter(objects.size());
        for (const CatalogObject& object : objects)
            filter.add(object.name);
        made_->bytes_ += filter.bytes();
    }
    for (const Column& column : columns_)
        made_->columns_.emplace_back(column.relation, column.name);
    std::ranges::sort(made_->columns_);
}

void Snapshot::Builder::fail(Key key, Key because) {
    if (made_->failing_.emplace(key, because).second) failed_.push_back(key);
}

void Snapshot::Builder::need(Key holder, Key used) {
    used_by_.emplace(used, holder);
}

// PostgreSQL's own function is judged by its name here and now, the user's when everything is linked.
void Snapshot::Builder::needFunction(Key holder, Oid function, bool may_be_internal) {
    const Key key = keyOf(ObjectKind::function, function);
    if (function >= kFirstOfUsers) {
        if (!known_.contains(key)) fail(key, key);
        return need(holder, key);
    }
    const auto own = own_functions_.find(function);
    const FunctionClass known = own == own_functions_.end() ? FunctionClass::unknown : functionClass({}, own->second);
    if (known == FunctionClass::safe || known == FunctionClass::safe_volatile) return;
    if (known == FunctionClass::internal && may_be_internal) return;
    made_->own_.emplace(key, own == own_functions_.end() ? concat("function ", function) : std::string(own->second));
    fail(holder, key);
}

// A number of pg_depend, whose class was left out: it is whatever has that number.
void Snapshot::Builder::needAny(Key holder, Oid oid) {
    bool found = false;
    for (ObjectKind kind : {ObjectKind::function, ObjectKind::op, ObjectKind::type, ObjectKind::relation}) {
        const Key key = keyOf(kind, oid);
        if (key == holder || !known_.contains(key)) continue;
        need(holder, key);
        found = true;
    }
    if (found || (holder >> 2) == oid) return;
    const Key key = keyOf(ObjectKind::function, oid);
    made_->own_.emplace(key, "an object that the catalog does not show");
    fail(holder, key);
}

void Snapshot::Builder::judgeFunctions(const Policy& policy) {
    for (const Function& function : functions_) {
        const CatalogObject& object = function.object;
        const Key key = keyOf(ObjectKind::function, object.oid);
        if (function.result) need(key, keyOf(ObjectKind::type, function.result));
        const std::string_view schema = made_->schemaName(object.schema);
        const bool opened = policy.opensFunction(schema, object.name, false) ||
                            (inPath(object.schema) && policy.opensFunction({}, object.name, false));
        if (opened || function.makes_range) continue;
        const std::string_view extension = function.extension;
        if (!extension.empty()) {
            const bool calm = function.volatility != 'v' && !isKnownUnsafe(extension, object.name) &&
                              (isReviewedExtension(extension) || policy.opensExtension(extension));
            if (calm || isReviewedVolatile(extension, object.name)) continue;
        }
        if (function.kind == 'a') {
            for (Oid called : function.calls)
                needFunction(key, called, true);
            continue;
        }
        fail(key, key);
    }
}

void Snapshot::Builder::link() {
    for (std::size_t i = 0; i < operators_.size(); ++i)
        needFunction(keyOf(ObjectKind::op, operators_[i].oid), operator_functions_[i], true);
    for (const Type& type : types_) {
        const Key key = keyOf(ObjectKind::type, type.object.oid);
        if (type.base >= kFirstOfUsers) need(key, keyOf(ObjectKind::type, type.base));
        for (Oid called : type.calls)
            needFunction(key, called, true);
    }
    std::unordered_map<Oid, Oid> row_type;  // of a relation
    for (const Relation& relation : relations_) {
        if (relation.type == 0) continue;
        row_type.emplace(relation.object.oid, relation.type);
        need(keyOf(ObjectKind::relation, relation.object.oid), keyOf(ObjectKind::type, relation.type));
    }
    for (const Column& column : columns_)
        if (const auto row = row_type.find(column.relation); row != row_type.end() && column.type >= kFirstOfUsers)
            need(keyOf(ObjectKind::type, row->second), keyOf(ObjectKind::type, column.type));
    for (const Cast& cast : casts_) {
        bool of_users = false;
        for (Oid type : {cast.source, cast.target}) {
            if (type < kFirstOfUsers) continue;
            of_users = true;
            needFunction(keyOf(ObjectKind::type, type), cast.function, true);
        }
        if (of_users) continue;
        // Between two of PostgreSQL's own types: whoever uses either, and that is everybody, or where it must be asked
        // for, whoever writes its target.
        const Key asked = keyOf(ObjectKind::type, cast.implicit ? 0 : cast.target);
        needFunction(asked, cast.function, true);
        for (const std::string_view name : {cast.target_name, cast.array_name})
            if (!cast.implicit && !name.empty()) made_->cast_targets_.emplace_back(name, cast.target);
    }
}

// A domain over a type that such a cast leads to, and an array of it: who casts to one casts to the other.
void Snapshot::Builder::noteCastTargets() {
    std::unordered_set<Oid> targets;
    for (const auto& [name, oid] : made_->cast_targets_)
        targets.insert(oid);
    for (bool more = !targets.empty(); more;) {
        more = false;
        for (const Type& type : types_)
            if (targets.contains(type.base)) more = targets.insert(type.object.oid).second || more;
    }
    for (CatalogObject& type : made_->objects_[static_cast<std::size_t>(ObjectKind::type)])
        type.of_others = type.of_others || targets.contains(type.oid);
}

bool Snapshot::Builder::isRunByReads(const Code& code) const {
    if (code.kind == 'p') return secured_.contains(code.holder);
    if (code.kind == 'r') return !stored_.contains(code.holder);
    return code.kind == 't';
}

void Snapshot::Builder::linkCode() {
    for (const Relation& relation : relations_) {
        if (relation.secured) secured_.insert(relation.object.oid);
        if (relation.kind == 'm') stored_.insert(relation.object.oid);
    }
    for (const Code& code : code_) {
        if (!isRunByReads(code)) continue;
        const Key holder = code.holderKey();
        for (Oid called : code.calls)
            needFunction(holder, called, false);
        for (Oid used : code.uses)
            needAny(holder, used);
    }
}

// From what does not pass to all that uses it.
void Snapshot::Builder::spread() {
    // NOLINTNEXTLINE(modernize-loop-convert): fail() appends to what is looped over
    for (std::size_t next = 0; next < failed_.size(); ++next) {
        const Key key = failed_[next];
        const auto [first, last] = used_by_.equal_range(key);
        for (auto holder = first; holder != last; ++holder)
            fail(holder->second, key);
    }
}

Result<std::shared_ptr<const Snapshot>> Snapshot::Builder::build(const Policy& policy) {
    if (own_functions_.empty() || made_->schemas_.empty() || made_->role_.empty())
        return Error::internal("the catalog answered without PostgreSQL's own functions or without schemas");
    index();
    std::unordered_set<Oid> opened;
    for (const Relation& relation : relations_)
        if (policy.opensRelation(made_->schemaName(relation.object.schema), relation.object.name))
            opened.insert(relation.object.oid);
    for (const Relation& relation : relations_) {
        const Key key = keyOf(ObjectKind::relation, relation.object.oid);
        if (relation.is_outside) fail(key, key);
    }
    judgeFunctions(policy);
    link();
    noteCastTargets();
    linkCode();
    // What the operator opens passes, whatever it uses, and so does what uses only that.
    for (Oid oid : opened)
        made_->failing_.emplace(keyOf(ObjectKind::relation, oid), 0);
    std::erase_if(failed_, [&](Key key) {
        return (key & 3) == static_cast<Key>(ObjectKind::relation) && opened.contains(static_cast<Oid>(key >> 2));
    });
    spread();
    for (Oid oid : opened)
        made_->failing_.erase(keyOf(ObjectKind::relation, oid));
    noteUnsteady();
    noteChanging();
    drawTables();
    if (!made_->passes(ObjectKind::type, 0)) made_->everywhere_ = made_->objectionTo(ObjectKind::type, 0);
    made_->bytes_ += made_->failing_.size() * 32;
    return std::shared_ptr<const Snapshot>(std::move(made_));
}

}  // namespace howdah::guard
