#include "plugins/guard/growth_sources.hpp"

#include <algorithm>
#include <utility>

#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr std::size_t kSelvesMax = 64;
constexpr std::size_t kListedMax = 8;  // that are searched one by one

}  // namespace

void Columns::add(std::string_view name, const Bound& bound) {
    list_.push_back({name, bound});
    if (list_.size() > kListedMax || name.empty()) return;
    for (std::size_t i = 0; i + 1 < list_.size(); ++i)
        if (list_[i].name == name) list_[i].bound.beEither(bound);
}

const Bound* Columns::find(std::string_view name) const {
    if (list_.size() > kListedMax) {
        for (; indexed_ < list_.size(); ++indexed_) {
            if (list_[indexed_].name.empty()) continue;
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
    made->arms = columns->arms;
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
    made.arms = columns.arms;
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
    made.arms = columns.arms + arm.arms;
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

SharedColumns recurring(const Columns& columns) {
    auto made = std::make_shared<Columns>();
    made->exact = columns.exact;
    made->reserve(columns.list().size());
    const auto again = [](Bound bound) {
        bound.widen(dataBound());
        bound.parts = 1;
        bound.made = bound.work = 0;
        return bound;
    };
    std::size_t place = 0;
    for (const Column& column : columns.list()) {
        Bound bound = again(column.bound);
        if (place < kSelvesMax) bound.selves = std::uint64_t{1} << place++;
        made->add(column.name, bound);
    }
    if (columns.others) made->others = again(*columns.others);
    return made;
}

bool doubles(const Columns& arm) {
    const std::size_t count = std::min(arm.list().size(), kSelvesMax);
    // What a column is made of after some steps.
    std::vector<std::uint64_t> made_of;
    made_of.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        made_of.push_back(arm.list()[i].bound.selves);
    for (std::size_t by = 0; by < count; ++by)
        for (std::uint64_t& one : made_of)
            if ((one >> by & 1) != 0) one |= made_of[by];
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t twice = 0; twice < count; ++twice)
            if ((arm.list()[i].bound.doubled >> twice & 1) != 0 && (made_of[twice] >> i & 1) != 0) return true;
    return false;
}

}  // namespace howdah::guard
