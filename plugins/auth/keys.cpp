#include "keys.hpp"

#include <algorithm>
#include <array>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "encoding.hpp"
#include "freed.hpp"
#include "strict_json.hpp"

namespace howdah::auth {
namespace {

using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using PublicKey = decltype(Key::key);

struct Named {
    std::string_view name;
    Algorithm algorithm;
    KeyKind kind;
};
constexpr std::array<Named, 9> kAlgorithms{{{"RS256", Algorithm::rs256, KeyKind::rsa},
                                            {"RS384", Algorithm::rs384, KeyKind::rsa},
                                            {"RS512", Algorithm::rs512, KeyKind::rsa},
                                            {"PS256", Algorithm::ps256, KeyKind::rsa},
                                            {"PS384", Algorithm::ps384, KeyKind::rsa},
                                            {"PS512", Algorithm::ps512, KeyKind::rsa},
                                            {"ES256", Algorithm::es256, KeyKind::p256},
                                            {"ES384", Algorithm::es384, KeyKind::p384},
                                            {"EdDSA", Algorithm::eddsa, KeyKind::ed25519}}};

const unsigned char* bytesOf(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string textOf(const Json& json, const char* member) {
    auto found = json.find(member);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

PublicKey built(const char* type, OSSL_PARAM_BLD* builder) {
    Params params(OSSL_PARAM_BLD_to_param(builder));
    KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* made = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
        return nullptr;
    PublicKey key(made);
    KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    return check && EVP_PKEY_public_check(check.get()) == 1 ? std::move(key) : nullptr;
}

PublicKey rsaKey(const Json& jwk) {
    const auto modulus = fromBase64Url(textOf(jwk, "n"));
    const auto exponent = fromBase64Url(textOf(jwk, "e"));
    if (!modulus || !exponent || modulus->size() > KeySet::kRsaBitsMax / 8 || exponent->empty() || exponent->size() > 4)
        return nullptr;
    Number n(BN_bin2bn(bytesOf(*modulus), static_cast<int>(modulus->size()), nullptr));
    Number e(BN_bin2bn(bytesOf(*exponent), static_cast<int>(exponent->size()), nullptr));
    if (!n || !e || BN_num_bits(n.get()) < KeySet::kRsaBitsMin || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1)
        return nullptr;
    ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
        return nullptr;
    return built("RSA", builder.get());
}

PublicKey curveKey(const Json& jwk, const char* group, std::size_t coordinate_bytes) {
    const auto x = fromBase64Url(textOf(jwk, "x"));
    const auto y = fromBase64Url(textOf(jwk, "y"));
    if (!x || !y || x->size() != coordinate_bytes || y->size() != coordinate_bytes) return nullptr;
    const std::string point = "\x04" + *x + *y;  // uncompressed
    ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
        return nullptr;
    return built("EC", builder.get());
}

PublicKey edwardsKey(const Json& jwk) {
    const auto x = fromBase64Url(textOf(jwk, "x"));
    if (!x || x->size() != 32) return nullptr;
    return PublicKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytesOf(*x), x->size()));
}

// That the server publishes it to check signatures with.
bool forSignatures(const Json& jwk) {
    if (jwk.contains("use") && jwk["use"] != "sig") return false;
    auto operations = jwk.find("key_ops");
    if (operations == jwk.end()) return true;
    return operations->is_array() && std::find(operations->begin(), operations->end(), "verify") != operations->end();
}

std::optional<Key> keyOf(const Json& jwk) {
    if (!jwk.is_object() || !forSignatures(jwk)) return std::nullopt;
    Key key;
    key.id = textOf(jwk, "kid");
    if (jwk.contains("alg")) {
        key.only = algorithmNamed(textOf(jwk, "alg"));
        if (!key.only) return std::nullopt;
    }
    const std::string type = textOf(jwk, "kty");
    const std::string curve = textOf(jwk, "crv");
    if (type == "RSA") {
        key.kind = KeyKind::rsa;
        key.key = rsaKey(jwk);
    } else if (type == "EC" && curve == "P-256") {
        key.kind = KeyKind::p256;
        key.key = curveKey(jwk, "P-256", 32);
    } else if (type == "EC" && curve == "P-384") {
        key.kind = KeyKind::p384;
        key.key = curveKey(jwk, "P-384", 48);
    } else if (type == "OKP" && curve == "Ed25519") {
        key.kind = KeyKind::ed25519;
        key.key = edwardsKey(jwk);
    }
    ERR_clear_error();  // of a key that was not sound
    if (!key.key) return std::nullopt;
    return key;
}

const EVP_MD* digestOf(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::rs256:
        case Algorithm::ps256:
        case Algorithm::es256: return EVP_sha256();
        case Algorithm::rs384:
        case Algorithm::ps384:
        case Algorithm::es384: return EVP_sha384();
        case Algorithm::rs512:
        case Algorithm::ps512: return EVP_sha512();
        case Algorithm::eddsa: break;
    }
    return nullptr;
}

bool isPss(Algorithm algorithm) {
    return algorithm == Algorithm::ps256 || algorithm == Algorithm::ps384 || algorithm == Algorithm::ps512;
}

// JOSE writes the two numbers side by side, OpenSSL wants them as ASN.1. "" when they do not have that length.
std::string asn1Signature(std::string_view signature, std::size_t number_bytes) {
    if (signature.size() != 2 * number_bytes) return {};
    const int size = static_cast<int>(number_bytes);
    Number r(BN_bin2bn(bytesOf(signature), size, nullptr));
    Number s(BN_bin2bn(bytesOf(signature.substr(number_bytes)), size, nullptr));
    std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>> pair(ECDSA_SIG_new());
    if (!r || !s || !pair) return {};
    ECDSA_SIG_set0(pair.get(), r.release(), s.release());
    unsigned char* bytes = nullptr;
    const int length = i2d_ECDSA_SIG(pair.get(), &bytes);
    if (length <= 0) return {};
    std::string out(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(length));
    OPENSSL_free(bytes);
    return out;
}

}  // namespace

std::optional<Algorithm> algorithmNamed(std::string_view name) {
    auto found = std::ranges::find(kAlgorithms, name, &Named::name);
    if (found == kAlgorithms.end()) return std::nullopt;
    return found->algorithm;
}

std::string_view nameOf(Algorithm algorithm) {
    return std::ranges::find(kAlgorithms, algorithm, &Named::algorithm)->name;
}

std::vector<Algorithm> allAlgorithms() {
    std::vector<Algorithm> all;
    all.reserve(kAlgorithms.size());
    for (const Named& named : kAlgorithms)
        all.push_back(named.algorithm);
    return all;
}

KeyKind kindFor(Algorithm algorithm) {
    return std::ranges::find(kAlgorithms, algorithm, &Named::algorithm)->kind;
}

bool Key::verifies(Algorithm algorithm, std::string_view text, std::string_view signature) const {
    if (!fits(algorithm)) return false;
    std::string asn1;
    if (kind == KeyKind::p256 || kind == KeyKind::p384) {
        asn1 = asn1Signature(signature, kind == KeyKind::p256 ? 32 : 48);
        if (asn1.empty()) return false;
        signature = asn1;
    }
    DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* parameters = nullptr;  // the context's own
    bool good =
        context && EVP_DigestVerifyInit(context.get(), &parameters, digestOf(algorithm), nullptr, key.get()) == 1;
    if (good && isPss(algorithm)) {
        good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    good =
        good && EVP_DigestVerify(context.get(), bytesOf(signature), signature.size(), bytesOf(text), text.size()) == 1;
    ERR_clear_error();  // a signature that does not fit is no fault of ours
    return good;
}

Result<KeySet> KeySet::parse(std::string_view json) {
    auto document = parseStrictObject(json);
    if (!document) return Error{Code::invalid_argument, "the key set is no JSON object with each key once"};
    auto keys = document->find("keys");
    if (keys == document->end() || !keys->is_array())
        return Error::invalidArgument("the key set has no array \"keys\"");
    if (keys->size() > kKeysMax)
        return Error::invalidArgument("the key set has ", keys->size(), " keys, at most ", kKeysMax, " are taken");
    KeySet set;
    for (const Json& jwk : *keys) {
        if (auto key = keyOf(jwk)) set.keys_.push_back(std::move(*key));
    }
    if (set.keys_.empty()) {
        return Error::invalidArgument("none of the ", keys->size(),
                                      " keys of the key set can check a signature here (RSA of 2048 bits or more, "
                                      "P-256, P-384, Ed25519)");
    }
    return set;
}

std::vector<const Key*> KeySet::candidates(const std::optional<std::string>& id, Algorithm algorithm) const {
    std::vector<const Key*> found;
    for (const Key& key : keys_) {
        if ((!id || key.id == *id) && key.fits(algorithm)) found.push_back(&key);
    }
    return found;
}

bool KeySet::knows(std::string_view id) const {
    return std::ranges::any_of(keys_, [&](const Key& key) { return key.id == id; });
}

}  // namespace howdah::auth
