// PluginAuthenticator: asks the plugin that transports.http.auth names who stands behind a request, and no other.
//
// Threads: fibers, many at once.
// Errors:  whatever the plugin refuses with; unavailable when the plugin does not run.
#pragma once

#include <string>

#include "kernel/host/generation.hpp"
#include "kernel/transport/authenticator.hpp"

namespace howdah::kernel {

// The service of that plugin; empty when it does not run or does not offer it.
Service<howdah_auth_v1> authOf(const Generation* generation, std::string_view plugin);

class PluginAuthenticator final : public Authenticator {
public:
    PluginAuthenticator(const GenerationStore& generations, std::string plugin)
        : generations_(generations), plugin_(std::move(plugin)) {}

    Result<std::shared_ptr<const Principal>> authenticate(const Inbound& inbound) override;
    std::string challenge(std::string_view resource, const Challenge& challenge) override;
    Result<std::string> metadata(std::string_view resource) override;

private:
    // Runs call(auth, ctx) in the plugin, in a request of its own; `use` then reads what it left in the arena.
    template <typename Call, typename Use>
    Result<void> ask(std::string_view transport, Cancellation* cancellation, Call&& call, Use&& use);

    const GenerationStore& generations_;
    const std::string plugin_;
};

}  // namespace howdah::kernel
