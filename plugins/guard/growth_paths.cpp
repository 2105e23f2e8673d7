#include "plugins/guard/growth_paths.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "plugins/guard/growth_estimate.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

constexpr double kItemBytes = 64;
constexpr double kLevels = 32;        // of a document, for each .** behind the first
constexpr double kItemsOfByte = 1.2;  // [0,0,0] are seven bytes

}  // namespace

double pathItems(std::string_view path) {
    double items = 1, listed = 1;
    bool descends = false;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == ',') ++listed;
        if (path.substr(i, 2) == "**" && std::exchange(descends, true)) items = product(items, kLevels);
        if (path[i] == ']') items = product(items, std::exchange(listed, 1));
    }
    return product(items, listed);
}

double argumentPathBytes(NodeView argument, const Bound& written) {
    if (argument.tag() == Tag::NamedArgExpr) argument = argument.child(Field::arg);
    const bool is_text = argument.tag() == Tag::A_Const || argument.tag() == Tag::ParamRef;
    return is_text ? pathBytes(argument, written) : 0;
}

double pathsOf(const NodeView& call, std::span<const Bound> args) {
    double bytes = 0;
    for (std::size_t i = 0; i < args.size(); ++i)
        if (const NodeView arg = call.list(Field::args)[i]; i == 1 || arg.tag() == Tag::NamedArgExpr)
            bytes = std::max(bytes, argumentPathBytes(arg, args[i]));
    return bytes;
}

double pathBytes(const NodeView& text, const Bound& written) {
    if (text.tag() == Tag::A_Const) return kItemBytes * pathItems(stringOf(text.child(Field::val)));
    // Put together: what is not of a parameter, and each of them as it must be where it is short.
    const auto parameters = static_cast<double>(std::popcount(written.parameters));
    const double bytes = std::max(written.grown - parameters * kShortBytes, 0.0);
    const double items = std::min(std::pow(kItemsOfByte, std::min(bytes, 400.0)), kMost);
    return kItemBytes * product(items, parameters > 0 ? kShortItems : 1);
}

}  // namespace howdah::guard
