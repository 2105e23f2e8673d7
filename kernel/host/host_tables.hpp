// The host tables that stand in files of their own, and whose plugin a call to one comes from.
#pragma once

#include <howdah/abi/auth.h>
#include <howdah/abi/call.h>
#include <howdah/abi/query.h>
#include <howdah/abi/runtime.h>
#include <howdah/abi/seal.h>
#include <howdah/abi/transport.h>

namespace howdah::kernel {

class Instance;

inline Instance& instanceOf(const howdah_host* host) {
    return *static_cast<Instance*>(host->self);
}

extern const howdah_rows_v1 kHostRows;            // host_query.cpp
extern const howdah_query_v1 kHostQuery;          // host_query.cpp
extern const howdah_call_v1 kHostCall;            // host_call.cpp
extern const howdah_reactor_v1 kHostReactor;      // host_runtime.cpp
extern const howdah_offload_v1 kHostOffload;      // host_runtime.cpp
extern const howdah_seal_v1 kHostSeal;            // host_seal.cpp
extern const howdah_transport_v1 kHostTransport;  // host_transport.cpp
extern const howdah_kv_v1 kKernelKv;              // host_kv.cpp; self is the HostServices

}  // namespace howdah::kernel
