// A small table of what is under way: a fixed number of slots, no memory taken or given back per entry. A value that is
// taken out leaves its slot's memory (a string's, say) to the next one.
//
// Threads: one at a time.
// Errors:  open() gives null when the table is full: whoever asks does without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace howdah::analytics {

template <typename Value>
class SlotMap {
public:
    // `capacity` a power of two; half of the slots are used at most, so that a look is short.
    explicit SlotMap(std::size_t capacity) : slots_(capacity), mask_(capacity - 1) {}

    // The value of a new key, with whatever its slot held before; of a known key, the value it has.
    Value* open(std::uint64_t key) {
        if (Slot* known = slotOf(key)) return &known->value;
        if (used_ >= slots_.size() / 2) return nullptr;
        std::size_t at = home(key);
        while (slots_[at].used)
            at = (at + 1) & mask_;
        slots_[at].used = true;
        slots_[at].key = key;
        ++used_;
        return &slots_[at].value;
    }
    Value* find(std::uint64_t key) {
        Slot* slot = slotOf(key);
        return slot ? &slot->value : nullptr;
    }
    // Does nothing for an unknown key.
    void close(std::uint64_t key) {
        Slot* slot = slotOf(key);
        if (!slot) return;
        // What lies behind it on the way from its home moves up, so that no look ends at the gap.
        auto gap = static_cast<std::size_t>(slot - slots_.data());
        slots_[gap].used = false;
        --used_;
        for (std::size_t at = (gap + 1) & mask_; slots_[at].used; at = (at + 1) & mask_) {
            const std::size_t from_home = (at - home(slots_[at].key)) & mask_;
            if (from_home < ((at - gap) & mask_)) continue;
            std::swap(slots_[gap], slots_[at]);
            gap = at;
        }
    }
    std::size_t size() const { return used_; }

private:
    struct Slot {
        std::uint64_t key = 0;
        bool used = false;
        Value value{};
    };
    // Keys are addresses and counters: their middle bits tell them apart.
    std::size_t home(std::uint64_t key) const {
        return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15ULL) >> 32) & mask_;
    }
    Slot* slotOf(std::uint64_t key) {
        for (std::size_t at = home(key); slots_[at].used; at = (at + 1) & mask_) {
            if (slots_[at].key == key) return &slots_[at];
        }
        return nullptr;
    }

    std::vector<Slot> slots_;
    std::size_t mask_;
    std::size_t used_ = 0;
};

}  // namespace howdah::analytics
