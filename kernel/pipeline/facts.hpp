// What the guard found out about a statement, copied into memory that lives as long as needed.
#pragma once

#include <howdah/abi/statement.h>

#include "kernel/base/arena.hpp"

namespace howdah::kernel {

// A deep copy in the arena; null when its limit is reached.
const howdah_facts* copyFacts(const howdah_facts& facts, Arena& arena);

// A deep copy with memory of its own, for statements a plugin registers once.
class Facts {
public:
    explicit Facts(const howdah_facts& facts) : view_(copyFacts(facts, arena_)) {}
    const howdah_facts* view() const { return view_; }

private:
    Arena arena_;
    const howdah_facts* view_;
};

}  // namespace howdah::kernel
