#include "kernel/base/sealer.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "kernel/base/base64.hpp"

namespace howdah::kernel {
namespace {

// What is sealed: nonce, encrypted (milliseconds of expiry, text), tag.
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kExpiryBytes = 8;
constexpr std::size_t kLeastBytes = kNonceBytes + kExpiryBytes + kTagBytes;

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

unsigned char* bytesOf(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytesOf(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::int64_t millisecondsOf(Sealer::Clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Error cannotOpen() {
    return Error::notFound("unknown or expired handle");
}

}  // namespace

Sealer::Sealer() : keys_(1) {
    // no entropy, no server
    if (RAND_bytes(keys_[0].data(), static_cast<int>(keys_[0].size())) != 1) throw std::bad_alloc();
}

Sealer::~Sealer() {
    forgetKeys();
}

void Sealer::forgetKeys() {
    for (Key& key : keys_)
        OPENSSL_cleanse(key.data(), key.size());
    keys_.clear();
}

void Sealer::useKeys(const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    forgetKeys();
    for (const std::string& text : texts) {
        // Another use of the same text would have another key.
        const std::string labelled = concat("howdah seal key 1:", text);
        unsigned length = 0;
        Key& key = keys_.emplace_back();
        if (EVP_Digest(labelled.data(), labelled.size(), key.data(), &length, EVP_sha256(), nullptr) != 1)
            throw std::bad_alloc();
    }
}

std::string Sealer::bindingOf(std::initializer_list<std::string_view> parts) {
    std::string out;
    for (std::string_view part : parts)
        out += concat(part.size(), ':', part);
    return out;
}

Result<std::string> Sealer::seal(std::string_view text, std::string_view bound_to, Clock::time_point expires) const {
    if (text.size() > kTextMax) return Error::invalidArgument("a sealed text has at most ", kTextMax, " bytes");
    std::string plain(kExpiryBytes, '\0');
    const std::int64_t end = millisecondsOf(expires);
    std::memcpy(plain.data(), &end, kExpiryBytes);
    plain += text;

    std::string out(kNonceBytes + plain.size() + kTagBytes, '\0');
    unsigned char* const nonce = bytesOf(out);
    unsigned char* const encrypted = nonce + kNonceBytes;
    unsigned char* const tag = encrypted + plain.size();
    Cipher cipher(EVP_CIPHER_CTX_new());
    int count = 0;
    const bool done =
        cipher && RAND_bytes(nonce, kNonceBytes) == 1 &&
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, keys_.front().data(), nonce) == 1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &count, bytesOf(bound_to), static_cast<int>(bound_to.size())) == 1 &&
        EVP_EncryptUpdate(cipher.get(), encrypted, &count, bytesOf(plain), static_cast<int>(plain.size())) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), encrypted + count, &count) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag) == 1;
    if (!done) return Error::internal("a text could not be sealed");
    return toBase64Url(out);
}

Result<std::string> Sealer::open(std::string_view sealed, std::string_view bound_to, Clock::time_point now) const {
    if (sealed.size() > 2 * kTextMax) return cannotOpen();
    const std::string bytes = fromBase64Url(sealed).value_or("");
    if (bytes.size() < kLeastBytes) return cannotOpen();
    for (const Key& key : keys_) {
        auto plain = openWith(key, bytes, bound_to);
        if (!plain) continue;
        std::int64_t end = 0;
        std::memcpy(&end, plain->data(), kExpiryBytes);
        if (millisecondsOf(now) >= end) return cannotOpen();
        return plain->substr(kExpiryBytes);
    }
    return cannotOpen();
}

Result<std::string> Sealer::openWith(const Key& key, const std::string& bytes, std::string_view bound_to) {
    std::string copy = bytes;
    const std::size_t count_encrypted = bytes.size() - kNonceBytes - kTagBytes;
    unsigned char* const nonce = bytesOf(copy);
    unsigned char* const encrypted = nonce + kNonceBytes;
    unsigned char* const tag = encrypted + count_encrypted;
    std::string plain(count_encrypted, '\0');
    Cipher cipher(EVP_CIPHER_CTX_new());
    int count = 0;
    const bool sound =
        cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce) == 1 &&
        EVP_DecryptUpdate(cipher.get(), nullptr, &count, bytesOf(bound_to), static_cast<int>(bound_to.size())) == 1 &&
        EVP_DecryptUpdate(cipher.get(), bytesOf(plain), &count, encrypted, static_cast<int>(count_encrypted)) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag) == 1 &&
        EVP_DecryptFinal_ex(cipher.get(), bytesOf(plain) + count, &count) == 1;
    if (!sound) return cannotOpen();
    return plain;
}

}  // namespace howdah::kernel
