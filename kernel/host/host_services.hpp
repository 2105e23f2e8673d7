// What the functions a plugin can call (host_api.cpp) need of the kernel.
//
// Threads: read by every thread; changed by the control fiber only before the instances that read it are started.
// Owns:    the texts; the rest is borrowed from the server and outlives every instance.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

#include "kernel/base/sealer.hpp"
#include "kernel/host/generation.hpp"
#include "kernel/host/kv_channels.hpp"
#include "kernel/host/kv_store.hpp"
#include "kernel/runtime/runtime.hpp"

namespace howdah::kernel {

class ClientChannels;
class Instance;

struct HostServices {
    GenerationStore& generations;
    Runtime& runtime;
    KvStore& kv;
    std::chrono::milliseconds hook_budget{50};  // host calls of one hook together
    std::string databases_json;                 // howdah_kernel_v1.databases, with DSNs
    std::string databases_public_json;          // the same without
    std::string state_dir;
    KvChannels kv_channels{};            // of the kernel's howdah.kv/1
    Sealer sealer{};                     // its keys outlive reloads
    ClientChannels* channels = nullptr;  // null: this process serves no network, so no plugin brings in clients
    // A plugin's hooks are to leave the next generation. Any thread; returns at once.
    std::function<void(Instance&, const std::string& reason)> quarantine = [](Instance&, const std::string&) {};
    // Clients that subscribed to that resource are to be told. Any thread; returns at once.
    std::function<void(std::string_view uri)> resource_updated = [](std::string_view) {};
    std::function<void()> resource_list_changed = [] {};
    // The state of the server as JSON, for howdah_kernel_v1.describe.
    std::function<std::string()> describe = [] { return std::string{"{}"}; };
};

}  // namespace howdah::kernel
