// The checks of an access token, from the text a client sends to the principal it would stand for, and the key set of
// an issuer. The first byte says which of the two the rest is.
//
// Whatever the bytes: no crash, no refusal without a text, and nobody is let in, since nobody can sign.
#include "plugins/auth/jwt.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugins/auth/discovery.hpp"
#include "plugins/auth/token_file.hpp"

namespace {

using namespace howdah::auth;

// The public half of an Ed25519 key whose private half nobody kept (RFC 8037, appendix A.2, changed in no way that
// matters here: the fuzzer cannot sign either).
constexpr std::string_view kKeys =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

const TokenRules& rules() {
    static const TokenRules made = [] {
        TokenRules rules;
        rules.issuer = "https://i.example";
        rules.audiences = {"https://r.example/mcp"};
        rules.tenant_claim = "/a/b";
        rules.tier_claim = "tier";
        rules.scopes["x"] = {"howdah:read"};
        return rules;
    }();
    return made;
}

void must(bool held) {
    if (!held) std::abort();
}

void checkToken(std::string_view text) {
    static const KeySet keys = *KeySet::parse(kKeys);
    auto token = parseToken(text, rules());
    if (!token) return must(!token.error().message.empty() && token.error().code == howdah::Code::refused);
    const auto now = std::chrono::system_clock::from_time_t(1'800'000'000);
    auto fits = checkClaims(*token, rules(), now);
    must(fits.has_value() || !fits.error().message.empty());
    must(findSigner(*token, keys) != Signer::found);
    auto identity = identityOf(*token, rules());
    if (identity) must(identity->scopes.size() <= kScopesMax && identity->subject.size() <= kTextMax + 6);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 4) {
        case 0: {
            auto set = KeySet::parse(text);
            must(!set || set->size() <= KeySet::kKeysMax);
            break;
        }
        case 1: {
            auto tokens = Tokens::parse(text, "f");
            must(!tokens || tokens->size() > 0);
            break;
        }
        case 2: static_cast<void>(keySetUrl(text, "https://i.example")); break;
        default: checkToken(text);
    }
    return 0;
}
