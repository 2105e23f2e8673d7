#include "plugins/multi_tenant/audit/crypto.hpp"

#include <memory>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <howdah/hex.hpp>

namespace howdah::multi_tenant {
namespace {

constexpr std::size_t kTagBytes = 16;

template <auto kFree>
struct Freed {
    template <typename T>
    void operator()(T* held) const {
        kFree(held);
    }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Freed<&EVP_CIPHER_CTX_free>>;
using Kdf = std::unique_ptr<EVP_KDF, Freed<&EVP_KDF_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freed<&EVP_KDF_CTX_free>>;

const unsigned char* bytesOf(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytesOf(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}
int sizeOf(std::string_view text) {
    return static_cast<int>(text.size());
}

int hexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Key::~Key() {
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::optional<std::string> fromHex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hexDigit(text[i]), low = hexDigit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

std::optional<std::string> fromBase64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes(text.size() / 4 * 3 + 1, '\0');
    const int made = EVP_DecodeBlock(bytesOf(bytes), bytesOf(text), sizeOf(text));
    if (made < 0) return std::nullopt;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    bytes.resize(static_cast<std::size_t>(made) - padding);
    return bytes;
}

std::string sha256Hex(std::string_view bytes) {
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(bytesOf(bytes), bytes.size(), bytesOf(digest));
    return toHex(digest);
}

std::string hmacHex(const Key& key, std::string_view bytes) {
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    HMAC(EVP_sha256(), key.data(), Key::kBytes, bytesOf(bytes), bytes.size(), bytesOf(digest), nullptr);
    return toHex(digest);
}

bool sameText(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<Key> derivedKey(const Key& from, std::string_view salt, std::string_view purpose) {
    const Kdf kdf(EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr));
    const KdfContext context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
    char digest[] = "SHA256";
    const auto octets = [](const char* name, const void* at, std::size_t size) {
        return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(at), size);
    };
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, from.data(), Key::kBytes), octets(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
        octets(OSSL_KDF_PARAM_INFO, purpose.data(), purpose.size()), OSSL_PARAM_construct_end()};
    Key key;
    if (!context || EVP_KDF_derive(context.get(), key.data(), Key::kBytes, parameters) != 1)
        return Error::internal("libcrypto derived no key");
    return key;
}

Result<std::string> randomBytes(std::size_t count) {
    std::string bytes(count, '\0');
    if (RAND_bytes(bytesOf(bytes), static_cast<int>(count)) != 1)
        return Error::unavailable("libcrypto has no random numbers");
    return bytes;
}

Result<std::string> seal(const Key& key, std::string_view nonce, std::string_view text, std::string_view beside) {
    const Cipher cipher(EVP_CIPHER_CTX_new());
    std::string sealed(text.size() + kTagBytes, '\0');
    int size = 0, ignored = 0;
    const bool done =
        cipher && EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), bytesOf(nonce)) == 1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &ignored, bytesOf(beside), sizeOf(beside)) == 1 &&
        EVP_EncryptUpdate(cipher.get(), bytesOf(sealed), &size, bytesOf(text), sizeOf(text)) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), bytesOf(sealed) + size, &ignored) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, sealed.data() + text.size()) == 1;
    if (!done) return Error::internal("libcrypto did not encrypt");
    return sealed;
}

std::optional<std::string> unseal(const Key& key, std::string_view nonce, std::string_view sealed,
                                  std::string_view beside) {
    if (sealed.size() < kTagBytes || nonce.size() != kNonceBytes) return std::nullopt;
    const std::string_view text = sealed.substr(0, sealed.size() - kTagBytes);
    std::string tag(sealed.substr(text.size()));
    const Cipher cipher(EVP_CIPHER_CTX_new());
    std::string opened(text.size(), '\0');
    int size = 0, ignored = 0;
    const bool done = cipher &&
                      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), bytesOf(nonce)) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), nullptr, &ignored, bytesOf(beside), sizeOf(beside)) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), bytesOf(opened), &size, bytesOf(text), sizeOf(text)) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
                      EVP_DecryptFinal_ex(cipher.get(), bytesOf(opened) + size, &ignored) == 1;
    return done ? std::optional(std::move(opened)) : std::nullopt;
}

}  // namespace howdah::multi_tenant
