#include "plugins/guard/growth_sources.hpp"

#include <utility>

#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr std::size_t kListedMax = 8;  // that are searched one by one

}  // namespace

void Columns::add(std::string_view name, const Bound& bound) {
    list_.push_back({name, bound});
    if (list_.size() > kListedMax) return;
    for (std::size_t i = 0; i + 1 < list_.size(); ++i)
        if (list_[i].name == name) list_[i].bound.beEither(bound);
}

const Bound* Columns::find(std::string_view name) const {
    if (list_.size() > kListedMax) {
        for (; indexed_ < list_.size(); ++indexed_) {
            const auto [at, fresh] = places_.try_emplace(list_[indexed_].name, indexed_);
            if (!fresh) list_[at->second].bound.beEither(list_[indexed_].bound);
        }
        const auto found = places_.find(name);
        return found == places_.end() ? nullptr : &list_[found->second].bound;
    }
    for (const Column& column : list_)
        if (column.name == name) return &column.bound;
    return nullptr;
}

Bound Columns::widest() const {
    Bound all = others.value_or(noBound());
    for (const Column& column : list_)
        all.widen(column.bound);
    return all;
}

SharedColumns renamed(SharedColumns columns, const NodeList& names) {
    if (names.empty()) return columns;
    auto made = std::make_shared<Columns>();
    made->exact = columns->exact;
    made->others = columns->others;
    made->of_function = columns->of_function;
    made->reserve(columns->list().size());
    const Bound widest = columns->exact ? missingBound() : columns->widest();
    std::size_t place = 0;
    for (const NodeView name : names) {
        const bool listed = columns->exact && place < columns->list().size();
        made->add(stringOf(name), listed ? columns->list()[place].bound : widest);
        ++place;
    }
    for (; columns->exact && place < columns->list().size(); ++place)
        made->add(columns->list()[place].name, columns->list()[place].bound);
    if (!columns->exact) {  // any of the rest
        Bound rest = widest;
        if (made->others) rest.widen(*made->others);
        made->others = rest;
    }
    return made;
}

void makeOnce(Columns& columns) {
    Columns made;
    made.exact = columns.exact;
    made.others = columns.others;
    made.reserve(columns.list().size());
    const auto once = [](Bound bound) {
        bound.parts = 1;
        bound.made = bound.work = 0;
        return bound;
    };
    if (made.others) made.others = once(*made.others);
    for (const Column& column : columns.list())
        made.add(column.name, once(column.bound));
    columns = std::move(made);
}

void addArm(Columns& columns, const Columns& arm) {
    Columns made;
    made.exact = columns.exact && arm.exact && columns.list().size() == arm.list().size();
    made.reserve(columns.list().size());
    if (made.exact) {
        for (std::size_t i = 0; i < arm.list().size(); ++i) {
            Bound bound = columns.list()[i].bound;
            bound.widen(arm.list()[i].bound);
            made.add(columns.list()[i].name, bound);
        }
        if (columns.others || arm.others) made.others = columns.widest();
        if (made.others) made.others->widen(arm.widest());
    } else {
        Bound any = columns.widest();
        any.widen(arm.widest());
        for (const Column& column : columns.list())
            made.add(column.name, any);
        made.others = any;
    }
    columns = std::move(made);
}

}  // namespace howdah::guard
