#include "plugins/optimizer/index_spec.hpp"

#include <algorithm>
#include <cmath>

#include "plugins/optimizer/tokens.hpp"

namespace howdah::optimizer {
namespace {

constexpr double kPage = 8192, kFill = 0.9, kItemHead = 12;  // line pointer and tuple header of a B-tree
constexpr double kWidthUnknown = 16;

double widthOf(const Table& table, const std::string& column) {
    const Column* known = table.column(column);
    return known && known->width > 0 ? known->width : kWidthUnknown;
}

// Whether each of the columns is in one of the two lists.
bool holdsAll(const std::vector<std::string>& columns, const std::vector<std::string>& first,
              const std::vector<std::string>& second) {
    const auto in = [](const std::vector<std::string>& names, const std::string& column) {
        return std::find(names.begin(), names.end(), column) != names.end();
    };
    return std::all_of(columns.begin(), columns.end(),
                       [&](const std::string& column) { return in(first, column) || in(second, column); });
}

bool isExpression(const std::string& key_id) {
    return key_id.starts_with("0 ");
}

std::string list(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts)
        out += concat(out.empty() ? "" : ", ", part);
    return out;
}

}  // namespace

std::string IndexSpec::ddl(bool concurrently) const {
    std::string out = concat("create index ", concurrently ? "concurrently " : "", "on ", quoteName(schema), ".",
                             quoteName(table), method == "btree" ? "" : concat(" using ", method), " (", list(keys),
                             operator_class.empty() ? "" : concat(" ", operator_class), ")");
    std::vector<std::string> quoted;
    quoted.reserve(included.size());
    for (const std::string& column : included)
        quoted.push_back(quoteName(column));
    if (!quoted.empty()) out += concat(" include (", list(quoted), ")");
    if (!predicate.empty()) out += concat(" where ", predicate);
    return out;
}

bool covers(const ExistingIndex& existing, const IndexSpec& wanted) {
    if (!existing.valid || !existing.predicate.empty() || existing.method != wanted.method) return false;
    // A mixed order is none that a plain index gives.
    const bool mixed = std::any_of(wanted.keys.begin(), wanted.keys.end(), [](const std::string& key) {
        return key.ends_with(" desc") || key.ends_with(" nulls first") || key.ends_with(" nulls last");
    });
    if (mixed) return false;
    if (!wanted.predicate.empty() || wanted.columns.size() > existing.keys.size()) return false;
    const bool as_wanted = wanted.operator_class.empty() ? existing.plain_keys >= wanted.columns.size()
                                                         : existing.operator_class == wanted.operator_class;
    if (!as_wanted || !std::equal(wanted.columns.begin(), wanted.columns.end(), existing.keys.begin())) return false;
    return holdsAll(wanted.included, existing.keys, existing.included);
}

bool coveredBy(const ExistingIndex& existing, const IndexSpec& made) {
    if (existing.stays() || !existing.valid || existing.method != "btree" || !made.plain()) return false;
    if (!existing.predicate.empty() || !existing.included.empty()) return false;
    if (existing.plain_keys < existing.keys.size() || existing.key_ids.size() != existing.keys.size() ||
        existing.keys.size() > made.columns.size())
        return false;
    for (std::size_t at = 0; at < existing.keys.size(); ++at) {
        const std::string& column = made.columns[at];
        if (existing.keys[at] != column || isExpression(existing.key_ids[at]) || made.keys[at] != quoteName(column))
            return false;
    }
    return true;
}

bool doesTheWorkOf(const ExistingIndex& one, const ExistingIndex& other) {
    if (!one.valid || one.method != "btree" || other.method != "btree" || one.predicate != other.predicate)
        return false;
    if (other.key_ids.empty() || one.key_ids.size() < other.key_ids.size()) return false;
    if (!std::equal(other.key_ids.begin(), other.key_ids.end(), one.key_ids.begin())) return false;
    std::vector<std::string> columns;
    for (std::size_t at = 0; at < std::min(one.keys.size(), one.key_ids.size()); ++at)
        if (!isExpression(one.key_ids[at])) columns.push_back(one.keys[at]);
    return holdsAll(other.included, columns, one.included);
}

const ExistingIndex* redundantTo(const Table& table, const ExistingIndex& index) {
    if (index.stays() || !index.valid) return nullptr;
    for (const ExistingIndex& other : table.indexes) {
        if (&other == &index || !doesTheWorkOf(other, index)) continue;
        const bool equal = doesTheWorkOf(index, other);
        if (equal && !other.stays() && index.name < other.name) continue;
        // Itself needless beside a third: that is the one which stays.
        const ExistingIndex* third = redundantTo(table, other);
        return third ? third : &other;
    }
    return nullptr;
}

double estimatedBytes(const IndexSpec& spec, const Table& table) {
    if (spec.method == "brin") return kPage * (3 + std::ceil(table.pages / 128 / 200));  // a summary per 128 pages
    double width = 0;
    for (const std::string& column : spec.columns)
        width += widthOf(table, column);
    for (const std::string& column : spec.included)
        width += widthOf(table, column);
    const double item = std::ceil(width / 8) * 8 + kItemHead;
    return kPage + std::ceil(table.rows * item / (kPage * kFill)) * kPage;
}

}  // namespace howdah::optimizer
