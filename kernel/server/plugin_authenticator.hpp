// PluginAuthenticator: asks the plugin that transports.http.auth names who stands behind a request, and no other.
//
// Threads: fibers, many at once.
// Errors:  whatever the plugin refuses with; unavailable when the plugin does not run.
#pragma once

#include <string>

#include "kernel/host/generation.hpp"
#include "kernel/transport/http_settings.hpp"

namespace howdah::kernel {

// The service of that plugin; empty when it does not run or does not offer it.
Service<howdah_auth_v1> authOf(const Generation* generation, std::string_view plugin);

class PluginAuthenticator final : public Authenticator {
public:
    PluginAuthenticator(const GenerationStore& generations, std::string plugin, std::string resource)
        : generations_(generations), plugin_(std::move(plugin)), resource_(std::move(resource)) {}

    Result<std::shared_ptr<const Principal>> authenticate(const Inbound& inbound) override;

private:
    const GenerationStore& generations_;
    const std::string plugin_;
    const std::string resource_;  // canonical URI of this server, the audience of tokens
};

}  // namespace howdah::kernel
