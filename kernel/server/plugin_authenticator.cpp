#include "kernel/server/plugin_authenticator.hpp"

#include <algorithm>

#include <howdah/host.hpp>

#include "kernel/host/instance.hpp"
#include "kernel/pipeline/context.hpp"

namespace howdah::kernel {
namespace {

constexpr std::chrono::milliseconds kLimit{5'000};  // for a provider that asks somebody else

}  // namespace

Service<howdah_auth_v1> authOf(const Generation* generation, std::string_view plugin) {
    if (!generation) return {};
    const auto& all = generation->auth;
    auto found = std::find_if(all.begin(), all.end(), [&](const auto& auth) { return auth.instance->id() == plugin; });
    return found == all.end() ? Service<howdah_auth_v1>{} : *found;
}

Result<std::shared_ptr<const Principal>> PluginAuthenticator::authenticate(const Inbound& inbound) {
    Request request;
    request.generation = generations_.pin();
    request.transport = inbound.transport;
    request.cancellation = inbound.cancellation;
    request.deadline = Deadline::in(kLimit);
    const auto auth = authOf(request.generation.get(), plugin_);
    if (!auth) {
        return Error::unavailable("plugin \"", plugin_,
                                  "\", which transports.http.auth names, does not run; nobody is let in");
    }
    howdah_credential credential{};
    credential.struct_size = sizeof credential;
    credential.transport = toAbi(inbound.transport);
    credential.authorization = toAbi(inbound.authorization);
    credential.resource = toAbi(resource_);
    howdah_principal found{};
    found.struct_size = sizeof found;
    howdah_ctx ctx(auth.instance, request);
    howdah_status status = HOWDAH_OK;
    auto verify = [&] { status = auth.table->verify(auth.self, &ctx, &credential, &found); };
    auto entered = auth.instance->enter(verify, request.cancellation, request.deadline);
    if (!entered) return std::move(entered).error();
    if (status < 0) return std::move(ctx.error);

    auto principal = std::make_shared<Principal>();
    principal->subject = fromAbi(found.subject);
    principal->tenant = fromAbi(found.tenant);
    principal->tier = fromAbi(found.tier);
    for (std::uint64_t i = 0; i < found.scope_count; ++i)
        principal->scopes.emplace_back(fromAbi(found.scopes[i]));
    return std::shared_ptr<const Principal>(std::move(principal));
}

}  // namespace howdah::kernel
