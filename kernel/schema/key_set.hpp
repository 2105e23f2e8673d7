// Which of a schema's keys an object has. Up to 64 of them cost no allocation.
#pragma once

#include <cstdint>
#include <vector>

namespace howdah::kernel {

class KeySet {
public:
    explicit KeySet(std::size_t keys) {
        if (keys > 64) many_.resize(keys);
    }
    // False if it was there already.
    bool add(std::size_t key) {
        if (contains(key)) return false;
        if (many_.empty()) {
            few_ |= std::uint64_t{1} << key;
        } else {
            many_[key] = true;
        }
        return true;
    }
    bool contains(std::size_t key) const { return many_.empty() ? (few_ >> key & 1) != 0 : many_[key]; }

private:
    std::uint64_t few_ = 0;
    std::vector<bool> many_;
};

}  // namespace howdah::kernel
