// Keys and tokens of a test: what an authorization server has, made with OpenSSL alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "plugins/auth/encoding.hpp"
#include "plugins/auth/keys.hpp"
#include "plugins/auth/strict_json.hpp"

namespace howdah::auth::test {

class Signer {
public:
    Signer(std::string id, KeyKind kind, unsigned rsa_bits = 2048) : id_(std::move(id)), kind_(kind) {
        switch (kind) {
            case KeyKind::rsa: key_.reset(EVP_RSA_gen(rsa_bits)); break;
            case KeyKind::p256: key_.reset(EVP_EC_gen("P-256")); break;
            case KeyKind::p384: key_.reset(EVP_EC_gen("P-384")); break;
            case KeyKind::ed25519: key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); break;
        }
    }

    const std::string& id() const { return id_; }

    Json jwk() const {
        Json jwk{{"kid", id_}, {"use", "sig"}};
        if (kind_ == KeyKind::rsa) {
            jwk["kty"] = "RSA";
            jwk["n"] = number(OSSL_PKEY_PARAM_RSA_N, 0);
            jwk["e"] = number(OSSL_PKEY_PARAM_RSA_E, 0);
        } else if (kind_ == KeyKind::ed25519) {
            unsigned char bytes[32];
            std::size_t size = sizeof bytes;
            EVP_PKEY_get_raw_public_key(key_.get(), bytes, &size);
            jwk["kty"] = "OKP";
            jwk["crv"] = "Ed25519";
            jwk["x"] = toBase64Url({reinterpret_cast<char*>(bytes), size});
        } else {
            const int size = kind_ == KeyKind::p256 ? 32 : 48;
            jwk["kty"] = "EC";
            jwk["crv"] = kind_ == KeyKind::p256 ? "P-256" : "P-384";
            jwk["x"] = number(OSSL_PKEY_PARAM_EC_PUB_X, size);
            jwk["y"] = number(OSSL_PKEY_PARAM_EC_PUB_Y, size);
        }
        return jwk;
    }

    std::string signature(Algorithm algorithm, std::string_view text) const {
        std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
        EVP_PKEY_CTX* parameters = nullptr;
        EVP_DigestSignInit(context.get(), &parameters, digestOf(algorithm), nullptr, key_.get());
        if (nameOf(algorithm).starts_with("PS")) {
            EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST);
        }
        const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
        std::size_t size = 0;
        EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
        std::string made(size, '\0');
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(made.data()), &size, bytes, text.size());
        made.resize(size);
        return kind_ == KeyKind::p256 || kind_ == KeyKind::p384 ? joined(made, kind_ == KeyKind::p256 ? 32 : 48) : made;
    }

    // A whole token; header and payload as text, so that they may be wrong.
    std::string token(Algorithm algorithm, const std::string& header, const std::string& payload) const {
        const std::string text = toBase64Url(header) + "." + toBase64Url(payload);
        return text + "." + toBase64Url(signature(algorithm, text));
    }

private:
    static const EVP_MD* digestOf(Algorithm algorithm) {
        const std::string_view name = nameOf(algorithm);
        if (name == "EdDSA") return nullptr;
        return name.ends_with("256") ? EVP_sha256() : name.ends_with("384") ? EVP_sha384() : EVP_sha512();
    }

    std::string number(const char* parameter, int size) const {
        BIGNUM* raw = nullptr;
        EVP_PKEY_get_bn_param(key_.get(), parameter, &raw);
        std::unique_ptr<BIGNUM, decltype(&BN_free)> owned(raw, &BN_free);
        std::string bytes(static_cast<std::size_t>(size ? size : BN_num_bytes(raw)), '\0');
        BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
        return toBase64Url(bytes);
    }

    static std::string joined(const std::string& asn1, int size) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(asn1.data());
        std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(
            d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(asn1.size())), &ECDSA_SIG_free);
        std::string out(static_cast<std::size_t>(2 * size), '\0');
        auto* place = reinterpret_cast<unsigned char*>(out.data());
        BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), place, size);
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), place + size, size);
        return out;
    }

    std::string id_;
    KeyKind kind_;
    std::unique_ptr<EVP_PKEY, Key::Free> key_;
};

inline std::string keySetText(std::initializer_list<const Signer*> signers) {
    Json keys = Json::array();
    for (const Signer* signer : signers)
        keys.push_back(signer->jwk());
    return Json{{"keys", keys}}.dump();
}

inline std::string hmacToken(const std::string& header, const std::string& payload, std::string_view secret) {
    const std::string text = toBase64Url(header) + "." + toBase64Url(payload);
    unsigned char mac[32];
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
    return text + "." + toBase64Url({reinterpret_cast<char*>(mac), size});
}

}  // namespace howdah::auth::test
