// What a C library frees by a function of its own, as a deleter.
#pragma once

namespace howdah::auth {

template <auto kFree>
struct Freed {
    void operator()(auto* thing) const { kFree(thing); }
};

}  // namespace howdah::auth
