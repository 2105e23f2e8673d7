#include "kernel/server/plugin_authenticator.hpp"

#include <algorithm>

#include <howdah/host.hpp>

#include "kernel/host/instance.hpp"
#include "kernel/pipeline/context.hpp"

namespace howdah::kernel {
namespace {

constexpr std::chrono::milliseconds kLimit{5'000};  // for a provider that asks somebody else

// A member that a plugin built with an older header does not have.
template <typename Member>
bool offers(const howdah_auth_v1& table, Member howdah_auth_v1::* member) {
    const auto* const begin = reinterpret_cast<const char*>(&table);
    const auto* const end = reinterpret_cast<const char*>(&(table.*member)) + sizeof(Member);
    return end - begin <= static_cast<std::ptrdiff_t>(table.struct_size) && table.*member;
}

bool isHeaderText(std::string_view text) {
    return !text.empty() && std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c >= 0x7f; });
}

}  // namespace

Service<howdah_auth_v1> authOf(const Generation* generation, std::string_view plugin) {
    if (!generation) return {};
    const auto& all = generation->auth;
    auto found = std::find_if(all.begin(), all.end(), [&](const auto& auth) { return auth.instance->id() == plugin; });
    return found == all.end() ? Service<howdah_auth_v1>{} : *found;
}

template <typename Call, typename Use>
Result<void> PluginAuthenticator::ask(std::string_view transport, Cancellation* cancellation, Call&& call, Use&& use) {
    Request request;
    request.generation = generations_.pin();
    request.transport = transport;
    request.cancellation = cancellation;
    request.deadline = Deadline::in(kLimit);
    const auto auth = authOf(request.generation.get(), plugin_);
    if (!auth) {
        return Error::unavailable("plugin \"", plugin_,
                                  "\", which transports.http.auth names, does not run; nobody is let in");
    }
    howdah_ctx ctx(auth.instance, request);
    howdah_status status = HOWDAH_OK;
    auto run = [&] { status = call(auth, &ctx); };
    auto entered = auth.instance->enter(run, request.cancellation, request.deadline);
    if (!entered) return entered;
    if (status < 0) return std::move(ctx.error);
    use();
    return {};
}

Result<std::shared_ptr<const Principal>> PluginAuthenticator::authenticate(const Inbound& inbound) {
    howdah_credential credential{};
    credential.struct_size = sizeof credential;
    credential.transport = toAbi(inbound.transport);
    credential.authorization = toAbi(inbound.authorization);
    credential.resource = toAbi(inbound.resource);
    credential.peer_uid = inbound.peer_uid;
    howdah_principal found{};
    found.struct_size = sizeof found;
    auto principal = std::make_shared<Principal>();
    auto asked = ask(
        inbound.transport, inbound.cancellation,
        [&](const auto& auth, howdah_ctx* ctx) { return auth.table->verify(auth.self, ctx, &credential, &found); },
        [&] {
            principal->subject = fromAbi(found.subject);
            principal->tenant = fromAbi(found.tenant);
            principal->tier = fromAbi(found.tier);
            for (std::uint64_t i = 0; i < found.scope_count; ++i)
                principal->scopes.emplace_back(fromAbi(found.scopes[i]));
        });
    if (!asked) return std::move(asked).error();
    return std::shared_ptr<const Principal>(std::move(principal));
}

std::string PluginAuthenticator::challenge(std::string_view resource, const Challenge& challenge) {
    const std::string url = metadataUrl(resource);
    std::vector<howdah_str> scopes;
    for (const std::string& scope : challenge.scopes)
        scopes.push_back(toAbi(scope));
    howdah_challenge told{};
    told.struct_size = sizeof told;
    told.reason = static_cast<std::uint32_t>(challenge.reason);
    told.resource = toAbi(resource);
    told.metadata_url = toAbi(url);
    told.description = toAbi(challenge.description);
    told.scopes = scopes.data();
    told.scope_count = scopes.size();
    howdah_str text{};
    std::string header;
    auto asked = ask(
        "http", nullptr,
        [&](const auto& auth, howdah_ctx* ctx) -> howdah_status {
            if (!offers(*auth.table, &howdah_auth_v1::challenge)) return HOWDAH_OK;
            return auth.table->challenge(auth.self, ctx, &told, &text);
        },
        [&] { header = fromAbi(text); });
    return asked && isHeaderText(header) ? header : "Bearer";
}

Result<std::string> PluginAuthenticator::metadata(std::string_view resource) {
    howdah_str text{};
    std::string json;
    auto asked = ask(
        "http", nullptr,
        [&](const auto& auth, howdah_ctx* ctx) -> howdah_status {
            if (!offers(*auth.table, &howdah_auth_v1::metadata)) return HOWDAH_OK;
            return auth.table->metadata(auth.self, ctx, toAbi(resource), &text);
        },
        [&] { json = fromAbi(text); });
    if (!asked) return std::move(asked).error();
    if (json.empty()) return Authenticator::metadata(resource);
    return json;
}

}  // namespace howdah::kernel
