#include "plugins/analytics/cells.hpp"

#include <algorithm>
#include <vector>

namespace howdah::analytics {
namespace {

bool isNamed(const std::string& name) {
    return !name.empty() && name != kOthers;
}

bool isOthers(const Key& key) {
    return key.pattern->kind == PatternKind::others;
}

// One step towards the cell that stands for everything.
Key folded(Key key) {
    auto& names = key.names;
    if (names[Name::client] != kOthers) {
        names[Name::client] = kOthers;
        names[Name::principal] = kOthers;
    } else if (!isOthers(key)) {
        key.pattern = othersPattern();
    } else {
        names.texts.fill(std::string(kOthers));
    }
    return key;
}

bool isLast(const Key& key) {
    return key.pattern->kind == PatternKind::others && std::all_of(key.names.texts.begin(), key.names.texts.end(),
                                                                   [](const auto& name) { return name == kOthers; });
}

}  // namespace

void Cells::add(const PatternPtr& pattern, const NameViews& names, const Sample& sample) {
    bytes_ = 0;
    if (const auto known = table_.find(KeyView{pattern.get(), names}); known != table_.end()) {
        known->second.add(sample);
        return;
    }
    fresh({pattern, kept(names)}).add(sample);
    keepWithin();
}

void Cells::merge(Key key, const Tally& tally) {
    bytes_ = 0;
    if (const auto known = table_.find(key); known != table_.end()) {
        known->second.merge(tally);
        return;
    }
    fresh(std::move(key)).merge(tally);
    keepWithin();
}

Tally& Cells::fresh(Key key) {
    if (const std::string& client = key.names[Name::client]; isNamed(client)) ++clients_[client];
    return table_[std::move(key)];
}

// A fair part is given up at once, so that a flood of new ones does not sort all of them for each.
void Cells::keepWithin() {
    if (clients_.size() > limits_.clients_max) foldClients();
    if (table_.size() > limits_.cells_max) shrinkTo(limits_.cells_max - limits_.cells_max / 8);
}

void Cells::shrinkTo(std::size_t cells) {
    bytes_ = 0;
    const std::size_t target = std::max<std::size_t>(1, cells);
    while (table_.size() > target) {  // each fold is one of three steps, so this ends
        const bool spare_others = othersAreFew();
        std::vector<Key> given_up = lightest(table_.size() - target, spare_others);
        // What found no company at one step takes the next.
        while (!given_up.empty() && table_.size() > target) {
            std::vector<Key> alone;
            for (const Key& key : given_up) {
                auto place = fold(key);
                if (place && !(spare_others && isOthers(*place))) alone.push_back(std::move(*place));
            }
            given_up = std::move(alone);
        }
    }
}

// While they are, whose they were is kept, though each of them may have begun light.
bool Cells::othersAreFew() const {
    const auto others = static_cast<std::size_t>(std::count_if(
        table_.begin(), table_.end(), [](const auto& cell) { return isOthers(cell.first) && !isLast(cell.first); }));
    return others <= table_.size() / 4;
}

std::vector<Key> Cells::lightest(std::size_t count, bool spare_others) const {
    std::vector<std::pair<std::uint64_t, const Key*>> weighed;
    for (const auto& [key, tally] : table_) {
        if (!isLast(key) && !(spare_others && isOthers(key))) weighed.emplace_back(tally.weight(), &key);
    }
    count = std::min(count, weighed.size());
    std::nth_element(weighed.begin(), weighed.begin() + static_cast<std::ptrdiff_t>(count - 1), weighed.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Key> keys;
    keys.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        keys.push_back(*weighed[i].second);
    return keys;
}

void Cells::foldClients() {
    std::unordered_map<std::string, std::uint64_t> weights;
    for (const auto& [key, tally] : table_) {
        if (const std::string& client = key.names[Name::client]; isNamed(client)) weights[client] += tally.weight();
    }
    std::vector<std::pair<std::uint64_t, std::string>> weighed;
    weighed.reserve(weights.size());
    for (const auto& [client, weight] : weights)
        weighed.emplace_back(weight, client);
    std::sort(weighed.begin(), weighed.end());
    weighed.resize(weighed.size() - (limits_.clients_max - limits_.clients_max / 4));
    std::vector<Key> given_up;
    for (const auto& [key, tally] : table_) {
        const bool light = std::any_of(weighed.begin(), weighed.end(),
                                       [&](const auto& entry) { return entry.second == key.names[Name::client]; });
        if (light) given_up.push_back(key);
    }
    for (const Key& key : given_up)
        fold(key);
}

std::optional<Key> Cells::fold(const Key& key) {
    auto node = table_.extract(key);
    if (const auto named = clients_.find(key.names[Name::client]); named != clients_.end() && --named->second == 0)
        clients_.erase(named);
    Key place = folded(std::move(node.key()));
    if (const auto known = table_.find(place); known != table_.end()) {
        known->second.merge(node.mapped());
        return std::nullopt;
    }
    fresh(place).merge(node.mapped());
    if (isLast(place)) return std::nullopt;
    return place;
}

std::size_t Cells::bytes() const {
    if (bytes_ != 0 || table_.empty()) return table_.empty() ? 0 : bytes_;
    constexpr std::size_t kNode = sizeof(Table::value_type) + 2 * sizeof(void*);
    constexpr std::size_t kInline = 15;  // bytes a std::string holds without memory of its own
    for (const auto& [key, tally] : table_) {
        bytes_ += kNode + tally.latency.bytes();
        for (const std::string& name : key.names.texts)
            bytes_ += name.capacity() > kInline ? name.capacity() + 1 : 0;
    }
    bytes_ += table_.bucket_count() * sizeof(void*);
    return bytes_;
}

}  // namespace howdah::analytics
