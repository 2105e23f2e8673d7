// The plugin as it is installed, on a FakeHost whose howdah.transport/1 goes to functions of the test. In a library of
// its own with hidden symbols, because FakeHost and the kernel each have a howdah_ctx of their own.
//
// Threads: the functions are called on the plugin's tasks, which are threads here, and may block. One stage at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::grpc_transport {

struct ChannelCalls {
    std::function<Result<std::uint64_t>(std::string_view transport)> open;
    std::function<Result<void>(std::uint64_t channel, std::string_view message)> submit;
    std::function<Result<std::string>(std::uint64_t channel)> receive;
    std::function<Result<void>(std::uint64_t channel)> finish;
    std::function<void(std::uint64_t channel)> close;
};

class __attribute__((visibility("default"))) PluginStage {
public:
    virtual ~PluginStage() = default;  // stops the plugin
    virtual std::string address() const = 0;

    static std::unique_ptr<PluginStage> start(const char* library, ChannelCalls calls);
};

}  // namespace howdah::grpc_transport
