// PluginAuthenticator: asks the plugin that offers howdah.auth/1 who stands behind a request.
//
// Threads: fibers, many at once.
// Errors:  whatever the plugin refuses with; unavailable when the plugin does not run.
#pragma once

#include <string>

#include "kernel/host/generation.hpp"
#include "kernel/transport/http_settings.hpp"

namespace howdah::kernel {

class PluginAuthenticator final : public Authenticator {
public:
    PluginAuthenticator(const GenerationStore& generations, std::string resource)
        : generations_(generations), resource_(std::move(resource)) {}

    Result<std::shared_ptr<const Principal>> authenticate(const Inbound& request) override;

private:
    const GenerationStore& generations_;
    const std::string resource_;  // canonical URI of this server, the audience of tokens
};

}  // namespace howdah::kernel
