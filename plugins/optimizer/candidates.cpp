// Which indexes a use of a table suggests. Columns compared with = come first in a key, the most selective of them
// first; then one range, or the order asked for: PostgreSQL reads a B-tree from one place on, or from a few.
//
// Source:  PostgreSQL manual, "Multicolumn Indexes", "Indexes and ORDER BY", "Partial Indexes", "BRIN", "GIN".
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "plugins/optimizer/index_spec.hpp"
#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {
namespace {

constexpr double kPartialShareMax = 0.3;     // of the rows; a partial index with more saves little
constexpr double kCommonDistinctMax = 50;    // values of a column a predicate is made of
constexpr double kBrinCorrelationMin = 0.9;  // else a BRIN index excludes nothing
constexpr double kBrinPagesMin = 1024;       // 8 MiB
constexpr double kCoverWidthMax = 128;       // bytes of a row of the index

struct Part {
    std::string column;
    bool descending = false;
    bool nulls_first = false;
    bool any_order = false;  // compared with =, so that it has one value wherever the rest is in order
};
using Key = std::vector<Part>;

// varchar compares as text; nothing is converted for it.
bool keepsIndex(const Comparison& comparison, const Column* column) {
    if (comparison.cast_to.empty()) return true;
    return column && column->type == "varchar" && comparison.cast_to == "text";
}

class Maker {
public:
    Maker(const Catalog& catalog, const CandidateLimits& limits) : catalog_(catalog), limits_(limits) {}

    void use(const TableUse& use) {
        table_ = catalog_.find(use.schema, use.table);
        const bool own = use.schema != "pg_catalog" && use.schema != "information_schema" && use.schema != "pg_toast";
        if (!table_ || !own || (table_->kind != "r" && table_->kind != "m")) return;
        use_ = &use;
        sortOut();
        keys();
        expressions();
        others();
    }
    std::vector<Candidate> take(std::set<std::string>* beyond) {
        if (beyond) *beyond = std::move(beyond_);
        return std::move(made_);
    }

private:
    void sortOut() {
        equal_.clear(), range_.clear(), join_.clear(), weak_.clear();
        for (const Comparison& comparison : use_->comparisons) {
            const Column* column = table_->column(comparison.column);
            if (!column || !keepsIndex(comparison, column)) continue;
            const auto note = [&](std::vector<std::string>& in) {
                if (std::find(in.begin(), in.end(), comparison.column) == in.end()) in.push_back(comparison.column);
            };
            switch (comparison.how) {
                case Comparing::equal:
                case Comparing::in_list:
                case Comparing::is_null: note(comparison.alternative ? weak_ : equal_); break;
                case Comparing::prefix:
                case Comparing::range: note(comparison.alternative ? weak_ : range_); break;
                case Comparing::join: note(join_); break;
                default: break;
            }
        }
        std::stable_sort(equal_.begin(), equal_.end(),
                         [this](const auto& a, const auto& b) { return distinct(a) > distinct(b); });
    }
    double distinct(const std::string& column) const { return table_->column(column)->distinct; }

    void keys() {
        std::vector<std::string> singles = equal_;
        for (const auto* more : {&range_, &join_, &weak_})
            singles.insert(singles.end(), more->begin(), more->end());
        for (const std::string& column : singles)
            add(keyOf({column}), "one column");
        for (std::size_t count = 2; count <= equal_.size(); ++count)
            add(keyOf({equal_.begin(), equal_.begin() + static_cast<std::ptrdiff_t>(count)}), "equality");
        for (const std::string& range : range_) {
            add(joined(keyOf(equal_), {{range}}), "equality and range");
            for (const std::string& first : equal_)
                add({{first}, {range}}, "equality and range");
        }
        for (const std::string& join : join_) {
            add(joined({{join}}, keyOf(equal_)), "join");
            add(joined(keyOf(equal_), {{join}}), "join");
            for (const std::string& other : join_)
                if (other != join) add({{join}, {other}}, "join");
            for (const std::string& range : range_)
                add({{join}, {range}}, "join and range"), add({{range}, {join}}, "join and range");
            for (const std::string& equal : equal_)
                add({{join}, {equal}}, "join"), add({{equal}, {join}}, "join");
        }
        std::vector<Key> orders;
        for (const auto& sort : use_->sorts) {
            Key key;
            for (const SortColumn& column : sort)
                key.push_back({column.column, column.descending, column.nulls_first});
            orders.push_back(std::move(key));
        }
        if (!use_->groups.empty()) orders.push_back(keyOf(use_->groups));
        for (const Key& order : orders) {
            add(order, "sort");
            if (!equal_.empty()) add(joined(fixed(equal_), order), "equality and sort");
            for (const std::string& first : equal_)
                add(joined(fixed({first}), order), "equality and sort");
        }
    }

    static Key keyOf(const std::vector<std::string>& columns) {
        Key key;
        for (const std::string& column : columns)
            key.push_back({column});
        return key;
    }
    static Key fixed(const std::vector<std::string>& columns) {
        Key key = keyOf(columns);
        for (Part& part : key)
            part.any_order = true;
        return key;
    }
    static Key joined(Key first, const Key& then) {
        for (const Part& part : then) {
            if (std::none_of(first.begin(), first.end(), [&](const Part& p) { return p.column == part.column; }))
                first.push_back(part);
        }
        return first;
    }

    // The key alone, with the columns that make an index-only scan of it, and for the rows of a predicate only.
    void add(const Key& key, const char* kind) {
        if (key.empty() || key.size() > limits_.width_max) return;
        IndexSpec spec = specOf(key);
        push(spec, kind);
        covering(spec);
        partial(spec);
    }
    void covering(IndexSpec spec) {
        double width = 0;
        for (const std::string& column : use_->columns) {
            const Column* known = table_->column(column);
            if (!known) return;  // a column of the system's
            width += known->width;
            if (std::find(spec.columns.begin(), spec.columns.end(), column) == spec.columns.end())
                spec.included.push_back(column);
        }
        if (!spec.included.empty() && spec.included.size() <= limits_.include_max && width <= kCoverWidthMax)
            push(spec, "covering");
    }
    IndexSpec specOf(const Key& key) const {
        IndexSpec spec;
        spec.schema = table_->schema, spec.table = table_->name;
        // Read backwards, an index gives the opposite order: only a mixture needs to be written down.
        const bool all_down = std::all_of(key.begin(), key.end(), [](const Part& part) {
            return part.any_order || (part.descending && part.nulls_first);
        });
        for (const Part& part : key) {
            std::string text = quoteName(part.column);
            if (part.descending && !all_down) text += " desc";
            if (!all_down && part.nulls_first != part.descending)
                text += part.nulls_first ? " nulls first" : " nulls last";
            spec.keys.push_back(std::move(text));
            spec.columns.push_back(part.column);
        }
        return spec;
    }

    void partial(const IndexSpec& spec) {
        for (const Comparison& comparison : use_->comparisons) {
            const Column* column = table_->column(comparison.column);
            if (!column || comparison.alternative || !keepsIndex(comparison, column)) continue;
            const bool in_key =
                std::find(spec.columns.begin(), spec.columns.end(), comparison.column) != spec.columns.end();
            if (in_key) continue;
            IndexSpec part = spec;
            part.predicate = predicateOf(comparison, *column);
            if (!part.predicate.empty()) push(part, "partial");
        }
    }
    static std::string predicateOf(const Comparison& comparison, const Column& column) {
        std::string name = quoteName(comparison.column);
        switch (comparison.how) {
            case Comparing::is_null: return column.null_share <= kPartialShareMax ? name + " is null" : "";
            case Comparing::not_null: return 1 - column.null_share <= kPartialShareMax ? name + " is not null" : "";
            case Comparing::is_true: return name;
            case Comparing::is_false: return "not " + name;
            case Comparing::equal:
                if (comparison.constant.empty() || comparison.parameter || column.distinct < 2 ||
                    column.distinct > kCommonDistinctMax)
                    return "";
                return shareOfValue(comparison.constant, column) <= kPartialShareMax
                           ? concat(name, " = ", comparison.constant)
                           : "";
            default: return "";
        }
    }
    // The most frequent value has its own share; the others divide what is left.
    static double shareOfValue(const std::string& constant, const Column& column) {
        if (column.common_share <= 0) return 1 / column.distinct;
        if (constant == quoteText(column.common) || constant == column.common) return column.common_share;
        return std::max(0.0, 1 - column.null_share - column.common_share) / (column.distinct - 1);
    }

    void expressions() {
        for (const Comparison& comparison : use_->comparisons) {
            if (comparison.expression.empty() || comparison.alternative) continue;
            if (keepsIndex(comparison, table_->column(comparison.column)) && !comparison.column.empty()) continue;
            if (comparison.how != Comparing::equal && comparison.how != Comparing::in_list &&
                comparison.how != Comparing::range)
                continue;
            IndexSpec spec;
            spec.schema = table_->schema, spec.table = table_->name;
            spec.keys = {concat("(", comparison.expression, ")")};
            spec.columns = {comparison.expression};
            push(spec, "expression");
        }
    }

    void others() {
        for (const Comparison& comparison : use_->comparisons) {
            const Column* column = table_->column(comparison.column);
            if (!column) continue;
            IndexSpec spec;
            spec.schema = table_->schema, spec.table = table_->name;
            spec.keys = {quoteName(comparison.column)}, spec.columns = {comparison.column};
            if (comparison.how == Comparing::range && table_->pages >= kBrinPagesMin &&
                std::fabs(column->correlation) >= kBrinCorrelationMin) {
                spec.method = "brin";
                push(spec, "brin");
            }
            const bool in_gin = column->category == "A" || column->type == "jsonb" || column->type == "tsvector";
            if (comparison.how == Comparing::contains && in_gin) {
                spec.method = "gin";
                push(spec, "gin");
            }
            if (comparison.how == Comparing::pattern && column->category == "S") {
                spec.method = "gin";
                spec.operator_class = "gin_trgm_ops";
                push(spec, "trigrams");
            }
        }
    }

    void push(const IndexSpec& spec, const char* kind) {
        if (std::any_of(table_->indexes.begin(), table_->indexes.end(),
                        [&](const ExistingIndex& existing) { return covers(existing, spec); }))
            return;
        std::string ddl = spec.ddl();
        if (made_.size() >= limits_.candidates_max) {
            if (!known_.contains(ddl)) beyond_.insert(std::move(ddl));
            return;
        }
        if (!known_.insert(std::move(ddl)).second) return;
        made_.push_back({spec, estimatedBytes(spec, *table_), kind});
    }

    const Catalog& catalog_;
    const CandidateLimits& limits_;
    const Table* table_ = nullptr;
    const TableUse* use_ = nullptr;
    std::vector<std::string> equal_, range_, join_, weak_;
    std::vector<Candidate> made_;
    std::set<std::string> known_, beyond_;
};

}  // namespace

std::vector<Candidate> candidatesFor(const std::vector<std::vector<TableUse>>& statements, const Catalog& catalog,
                                     const CandidateLimits& limits, std::set<std::string>* beyond) {
    Maker maker(catalog, limits);
    for (const auto& uses : statements)
        for (const TableUse& use : uses)
            maker.use(use);
    return maker.take(beyond);
}

void shareAlike(std::vector<std::set<std::size_t>>& by_statement, const std::vector<Candidate>& candidates) {
    const auto beginning = [&](std::size_t index) {
        const IndexSpec& spec = candidates[index].spec;
        return std::tuple(spec.schema, spec.table, spec.columns.front());
    };
    std::map<std::tuple<std::string, std::string, std::string>, std::set<std::size_t>> alike;
    for (std::size_t index = 0; index < candidates.size(); ++index)
        if (candidates[index].spec.plain()) alike[beginning(index)].insert(index);
    for (std::set<std::size_t>& own : by_statement) {
        std::set<std::size_t> also;
        for (const std::size_t index : own) {
            if (!candidates[index].spec.plain()) continue;
            const std::set<std::size_t>& more = alike[beginning(index)];
            also.insert(more.begin(), more.end());
        }
        own.merge(also);
    }
}

}  // namespace howdah::optimizer
