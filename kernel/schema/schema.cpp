#include "kernel/schema/schema.hpp"

#include <algorithm>

#include "kernel/base/nearest.hpp"
#include "kernel/schema/compare.hpp"
#include "kernel/schema/key_set.hpp"
#include "kernel/schema/unevaluated.hpp"
#include "kernel/schema/validator.hpp"

namespace howdah::kernel {

namespace {

std::size_t codePoints(std::string_view text) {
    std::size_t count = 0;
    for (char c : text)
        count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return count;
}

bool isMultiple(Number number, Number step) {
    const Number quotient = number / step;
    // Decimal fractions are inexact in binary: 0.3 counts as a multiple of 0.1. A quotient above 2^63 is left to fmod.
    if (std::abs(quotient) < 9223372036854775808.0L && std::truncl(step) != step) {
        return std::abs(quotient - std::roundl(quotient)) <= 1e-12L * std::max<Number>(1, std::abs(quotient));
    }
    return std::fmod(number, step) == 0;
}

// What an unknown key may have been meant to be: the nearest one, or, with nothing near, the first ones there are.
std::string insteadOf(std::string_view key, std::vector<std::string_view> known) {
    constexpr std::size_t kListed = 16;
    if (auto near = didYouMean(key, known); !near.empty()) return near;
    std::sort(known.begin(), known.end());
    std::string list;
    for (std::size_t i = 0; i < std::min(known.size(), kListed); ++i)
        list += concat(i == 0 ? "; known: " : ", ", known[i]);
    if (known.size() > kListed) list += concat(" and ", known.size() - kListed, " more");
    return list;
}

}  // namespace

std::string Path::pointer() const {
    if (!parent) return {};
    std::string out = parent->pointer();  // as deep as the instance, which the parsers bound
    if (is_index) {
        appendPointer(out, index);
    } else {
        appendPointer(out, key);
    }
    return out;
}

bool Validator::fail(const Path& path, std::string expected, std::string met) const {
    if (!report_) return false;
    report_->pointer = path.pointer();
    report_->message = report_->pointer.empty() ? "the value " : inQuotes(dotted(report_->pointer)) + " ";
    report_->message += expected;
    if (!met.empty()) report_->message += ", got " + met;
    report_->expected = std::move(expected);
    report_->met = std::move(met);
    return false;
}

template <typename View>
std::string Validator::met(const View& view) {
    switch (view.type()) {
        case kNull: return "null";
        case kBoolean: return view.truth() ? "true" : "false";
        case kString: return inQuotes(view.text());
        case kObject: return "an object";
        case kArray: return "an array of " + counted(elementsOf(view).size(), "item");
        default: return describeNumber(view.number());
    }
}

template <typename View>
bool Validator::isAllowed(const std::vector<Json>& allowed, const View& view) const {
    for (const Json& value : allowed) {
        if (compare(view, JsonView(value)) == 0) return true;
    }
    return false;
}

bool Validator::checkString(const StringRules& rules, std::string_view text) const {
    // Bytes bound code points from above, so most texts are never counted.
    if (!rules.length.none() && (text.size() > rules.length.max || text.size() / 4 < rules.length.min)) {
        if (!rules.length.hold(codePoints(text))) return false;
    }
    return !rules.pattern || (text.size() <= kPatternTextMax && rules.pattern->search(text));
}

bool Validator::checkNumber(const NumberRules& rules, Number number) const {
    if (rules.min && (rules.above_min ? number <= *rules.min : number < *rules.min)) return false;
    if (rules.max && (rules.below_max ? number >= *rules.max : number > *rules.max)) return false;
    return !rules.multiple || isMultiple(number, *rules.multiple);
}

template <typename View>
bool Validator::checkArray(const ArrayRules& rules, const View& view, const Path& path) {
    std::size_t size = 0, contained = 0;
    const bool items_fit = view.forEachElement([&](const View& element) {
        const Path here{&path, {}, size, true};
        const NodeId node = size < rules.prefix.size() ? rules.prefix[size] : rules.items;
        ++size;
        if (node != kNoNode && !check(node, element, here)) return false;
        if (rules.contains != kNoNode && fits(rules.contains, element, here)) ++contained;
        return !exhausted_;
    });
    if (!items_fit) return false;
    if (!rules.size.hold(size)) {
        if (!report_) return false;
        return fail(path, "must have " + describeBounds(rules.size, "item"), counted(size, "item"));
    }
    if (rules.contains != kNoNode && !rules.contained.hold(contained)) {
        if (!report_) return false;
        return fail(path, "must contain " + describeBounds(rules.contained, "item") + " of the wanted form",
                    counted(contained, "such item"));
    }
    return !rules.unique || checkUnique(view, path);
}

template <typename View>
bool Validator::checkUnique(const View& view, const Path& path) {
    std::vector<std::pair<View, std::size_t>> items;
    view.forEachElement([&](const View& element) {
        items.emplace_back(element, items.size());
        return true;
    });
    std::sort(items.begin(), items.end(), [](auto& a, auto& b) { return compare(a.first, b.first) < 0; });
    for (std::size_t i = 1; i < items.size(); ++i) {
        if (compare(items[i - 1].first, items[i].first) != 0) continue;
        if (!report_) return false;
        auto [first, second] = std::minmax(items[i - 1].second, items[i].second);
        return fail(path, concat("must not hold equal items, but those at ", first, " and ", second, " are"));
    }
    return true;
}

template <typename View>
bool Validator::checkObject(const ObjectRules& rules, const View& view, const Path& path) {
    KeySet seen(rules.keys.size());
    std::size_t size = 0;
    const bool members_fit = view.forEachMember([&](std::string_view name, const View& value) {
        ++size;
        const Path here{&path, name};
        const ObjectRules::Key* key = rules.find(name);
        if (key && !seen.add(static_cast<std::size_t>(key - rules.keys.data()))) {
            return fail(here, "must not be written twice");
        }
        return checkMember(rules, key, value, here);
    });
    if (!members_fit) return false;
    if (!rules.size.hold(size)) {
        if (!report_) return false;
        return fail(path, "must have " + describeBounds(rules.size, "member"), counted(size, "member"));
    }
    return checkPresence(rules, seen, view, path);
}

template <typename View>
bool Validator::checkMember(const ObjectRules& rules, const ObjectRules::Key* key, const View& value,
                            const Path& path) {
    if (rules.names != kNoNode && !fits(rules.names, TextView(path.key), path)) {
        if (!report_) return false;
        check(rules.names, TextView(path.key), path);
        return fail(path, "has a name that does not fit: it " + report_->expected);
    }
    bool declared = key && key->declared;
    if (declared && !check(key->node, value, path)) return false;
    for (const ObjectRules::PatternKey& pattern : rules.patterns) {
        if (path.key.size() > kPatternTextMax || !pattern.pattern.search(path.key)) continue;
        declared = true;
        if (!check(pattern.node, value, path)) return false;
    }
    if (declared || rules.additional == kNoNode) return !exhausted_;
    if (program_.nodes[rules.additional].types != 0) return check(rules.additional, value, path);
    if (!report_) return false;
    std::vector<std::string_view> known;
    for (const ObjectRules::Key& candidate : rules.keys) {
        if (candidate.declared) known.push_back(candidate.name);
    }
    return fail(path, "is not a known key" + insteadOf(path.key, std::move(known)));
}

template <typename View>
bool Validator::checkPresence(const ObjectRules& rules, const KeySet& seen, const View& view, const Path& path) {
    auto lacks = [&](const ObjectRules::Key& key, std::string_view why) {
        if (!report_) return false;
        std::string form = key.node == kNoNode ? "" : describe(program_.nodes[key.node]);
        std::string wanted = form.empty() || !key.declared ? "" : concat(", which must be ", form);
        fail(path, concat("lacks ", inQuotes(key.name), wanted, why));
        if (!path.parent)
            report_->message =
                concat(inQuotes(key.name), " is missing", form.empty() ? "" : ", it must be ", form, why);
        return false;
    };
    if (rules.any_required) {
        for (std::size_t i = 0; i < rules.keys.size(); ++i) {
            if (rules.keys[i].required && !seen.contains(i)) return lacks(rules.keys[i], "");
        }
    }
    for (const ObjectRules::Dependency& dependency : rules.dependencies) {
        if (!seen.contains(dependency.key)) continue;
        for (std::uint32_t need : dependency.needs) {
            if (seen.contains(need)) continue;
            if (!report_) return false;
            return lacks(rules.keys[need], concat(" (needed with ", inQuotes(rules.keys[dependency.key].name), ")"));
        }
        if (dependency.node != kNoNode && !check(dependency.node, view, path)) return false;
    }
    return true;
}

template <typename View>
bool Validator::checkLogic(const LogicRules& rules, const View& view, const Path& path) {
    if (rules.ref != kNoNode && !check(rules.ref, view, path)) return false;
    if (rules.dynamic_ref != kNoNode && !check(dynamicTarget(rules), view, path)) return false;
    for (NodeId node : rules.all) {
        if (!check(node, view, path)) return false;
    }
    if (!rules.any.empty()) {
        bool one_fits = false;
        for (std::size_t i = 0; i < rules.any.size() && !one_fits; ++i)
            one_fits = fits(rules.any[i], view, path);
        if (!one_fits) return failBranches(rules.any, view, path);
    }
    if (!rules.one.empty() && !checkOne(rules, view, path)) return false;
    if (rules.none != kNoNode && fits(rules.none, view, path)) {
        if (!report_) return false;
        return fail(path, "is of a form that is excluded", met(view));
    }
    if (rules.condition != kNoNode) {
        const NodeId branch = fits(rules.condition, view, path) ? rules.then : rules.otherwise;
        if (branch != kNoNode && !check(branch, view, path)) return false;
    }
    return !exhausted_;
}

template <typename View>
bool Validator::checkOne(const LogicRules& rules, const View& view, const Path& path) {
    std::size_t fitting = 0;
    for (NodeId node : rules.one)
        fitting += fits(node, view, path);
    if (fitting == 1) return true;
    if (fitting == 0) return failBranches(rules.one, view, path);
    if (!report_) return false;
    return fail(path, concat("must be of exactly one of ", rules.one.size(), " forms, fits ", fitting));
}

template <typename View>
bool Validator::failBranches(const std::vector<NodeId>& branches, const View& view, const Path& path) {
    if (!report_) return false;
    constexpr std::string_view kMust = "must be ";
    const std::string here = path.pointer();
    Violation* const report = report_;
    Violation deepest;
    std::string forms;
    bool plain = true;  // every branch says "must be ..." about this very value
    for (NodeId branch : branches) {
        Violation violation;
        report_ = &violation;
        check(branch, view, path);
        if (violation.pointer.size() > here.size() && violation.pointer.size() > deepest.pointer.size()) {
            deepest = violation;
        }
        std::string_view expected = violation.expected;
        plain = plain && expected.starts_with(kMust);
        if (expected.starts_with(kMust)) expected.remove_prefix(kMust.size());
        if (forms.find(expected) == std::string::npos) forms += concat(forms.empty() ? "" : " or ", expected);
    }
    report_ = report;
    if (!deepest.pointer.empty()) {
        *report_ = std::move(deepest);
        return false;
    }
    return fail(path, concat(plain ? "must be " : "fits none of the forms allowed: ", forms), plain ? met(view) : "");
}

Result<Schema> Schema::compile(const Json& schema, SchemaLimits limits) {
    auto program = compileProgram(schema, limits);
    if (!program) return program.error();
    Schema compiled;
    compiled.program_ = std::move(*program);
    return compiled;
}

std::optional<Violation> Schema::validate(simdjson::dom::element instance) const {
    if (!program_) return std::nullopt;
    return Validator(*program_).run(SimdjsonView(instance));
}

std::optional<Violation> Schema::validate(const Json& instance) const {
    if (!program_) return std::nullopt;
    return Validator(*program_).run(JsonView(instance));
}

}  // namespace howdah::kernel
