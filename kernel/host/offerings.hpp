// What the plugins of a generation offer to clients: tools, prompts, resources, bound to their code and listed.
//
// Threads: control.
// Errors:  internal when plugin.json names something that start() did not bind, invalid_argument when two plugins offer
//          the same name or the operator names a tool nobody has.
#pragma once

#include <howdah/result.hpp>

#include "kernel/config/config.hpp"
#include "kernel/host/generation.hpp"

namespace howdah::kernel {

class Instance;

Result<void> addOfferings(const Config& config, Instance& instance, Generation& generation);

// Sorts them and fills the lists. After the last addOfferings(): the lists are views.
void listOfferings(Generation& generation);

}  // namespace howdah::kernel
