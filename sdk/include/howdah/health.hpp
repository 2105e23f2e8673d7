// How a plugin sees the server as a whole: what GET /healthz and GET /readyz say.
//
//     tellHealth(host(), ServerHealth::not_ready);  // until it says something else
//
// Threads: any.
#pragma once

#include <cstdint>

#include <howdah/abi/health.h>
#include <howdah/host.hpp>

namespace howdah {

enum class ServerHealth : std::uint32_t {
    ok = HOWDAH_HEALTH_OK,
    degraded = HOWDAH_HEALTH_DEGRADED,
    not_ready = HOWDAH_HEALTH_NOT_READY
};

// The worst of what the plugins say counts. A kernel that is older does not listen.
inline void tellHealth(const Host& host, ServerHealth health) {
    const void* table = host.raw()->get_interface(host.raw(), HOWDAH_HEALTH_1);
    if (table) static_cast<const howdah_health_v1*>(table)->tell(host.raw(), static_cast<std::uint32_t>(health));
}

}  // namespace howdah
