#include "plugins/cache/vault.hpp"

#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <howdah/replace_file.hpp>

namespace howdah::cache {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::string_view kLabel = "howdah cache on disk 3";  // another format, another key
constexpr std::string_view kDigests = "howdah cache names 1";

struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
    void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
    void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
    void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
};

unsigned char* bytesOf(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytesOf(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

struct Descriptor {
    explicit Descriptor(int file) : number(file) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number >= 0) close(number);
    }
    const int number;
};

Error cannot(const char* what, const std::string& path) {
    return Error::unavailable("cannot ", what, " the key of the cache, ", path, ": ", std::strerror(errno));
}

// Whole or not at all: half a key would be refused at every start.
Result<void> makeKey(const std::string& path) {
    std::string made(Vault::kKeyBytes, '\0');
    if (RAND_bytes(bytesOf(made), static_cast<int>(made.size())) != 1)
        return Error::unavailable("there is no randomness for a key");
    auto written = replaceFile(path, made, Durable::yes);
    OPENSSL_cleanse(made.data(), made.size());
    return written;
}

}  // namespace

Result<Vault> Vault::open(const std::string& path, bool may_make) {
    if (struct stat there{}; may_make && lstat(path.c_str(), &there) != 0 && errno == ENOENT) {
        if (auto made = makeKey(path); !made) return made.error();
    }
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number < 0) return cannot("open", path);
    struct stat found{};
    if (fstat(file.number, &found) != 0) return cannot("look at", path);
    if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return Error::invalidArgument("others may read or change the key of the cache, ", path, ": chmod 600 it");
    Key key{};
    if (found.st_size != static_cast<off_t>(key.size()) ||
        read(file.number, key.data(), key.size()) != static_cast<ssize_t>(key.size()))
        return Error::invalidArgument("the key of the cache, ", path, ", must have ", kKeyBytes, " bytes, it has ",
                                      found.st_size);
    Vault vault(key);
    OPENSSL_cleanse(key.data(), key.size());
    return vault;
}

void Vault::FreeMac::operator()(evp_mac_ctx_st* mac) const {
    EVP_MAC_CTX_free(mac);
}

Vault::Vault(const Key& key) : key_(key) {
    auto own = keyOf(kDigests);
    const std::unique_ptr<EVP_MAC, Free> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                     OSSL_PARAM_construct_end()};
    if (own && hmac) digests_.reset(EVP_MAC_CTX_new(hmac.get()));
    if (digests_ && EVP_MAC_init(digests_.get(), own->data(), own->size(), parameters) != 1) digests_.reset();
    if (own) OPENSSL_cleanse(own->data(), own->size());
}

Vault::~Vault() {
    OPENSSL_cleanse(key_.data(), key_.size());
}

std::string Vault::digest(std::initializer_list<std::string_view> parts) const {
    const std::unique_ptr<EVP_MAC_CTX, FreeMac> mac(digests_ ? EVP_MAC_CTX_dup(digests_.get()) : nullptr);
    bool done = mac != nullptr;
    for (const std::string_view part : parts) {
        unsigned char size[sizeof(std::uint64_t)];
        const std::uint64_t bytes = part.size();
        std::memcpy(size, &bytes, sizeof size);
        done = done && EVP_MAC_update(mac.get(), size, sizeof size) == 1 &&
               EVP_MAC_update(mac.get(), bytesOf(part), part.size()) == 1;
    }
    std::string out(kKeyBytes, '\0');
    std::size_t count = 0;
    done = done && EVP_MAC_final(mac.get(), bytesOf(out), &count, out.size()) == 1 && count == out.size();
    return done ? out : std::string();
}

std::optional<Vault::Key> Vault::keyOf(std::string_view scope) const {
    if (scope.empty()) return std::nullopt;  // a digest that could not be made must not be everybody's key
    const std::unique_ptr<EVP_KDF, Free> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
    const std::unique_ptr<EVP_KDF_CTX, Free> context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
    if (!context) return std::nullopt;
    char digest[] = "SHA256";
    std::string info = concat(kLabel, ':', scope);
    Key master = key_;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, master.data(), master.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
    Key derived{};
    const bool done = EVP_KDF_derive(context.get(), derived.data(), derived.size(), parameters) == 1;
    OPENSSL_cleanse(master.data(), master.size());
    return done ? std::optional(derived) : std::nullopt;
}

std::string Vault::seal(std::string_view scope, std::string_view about, std::string_view text) const {
    const auto key = keyOf(scope);
    const std::unique_ptr<EVP_CIPHER_CTX, Free> cipher(EVP_CIPHER_CTX_new());
    std::string out(kNonceBytes + text.size() + kTagBytes, '\0');
    unsigned char* const nonce = bytesOf(out);
    unsigned char* const encrypted = nonce + kNonceBytes;
    int count = 0;
    const bool done =
        key && cipher && RAND_bytes(nonce, kNonceBytes) == 1 &&
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key->data(), nonce) == 1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &count, bytesOf(about), static_cast<int>(about.size())) == 1 &&
        EVP_EncryptUpdate(cipher.get(), encrypted, &count, bytesOf(text), static_cast<int>(text.size())) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), encrypted + count, &count) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, encrypted + text.size()) == 1;
    return done ? out : std::string();
}

std::optional<std::string> Vault::open(std::string_view scope, std::string_view about, std::string_view sealed) const {
    if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
    const auto key = keyOf(scope);
    const std::unique_ptr<EVP_CIPHER_CTX, Free> cipher(EVP_CIPHER_CTX_new());
    std::string text(sealed.size() - kNonceBytes - kTagBytes, '\0');
    std::string tag(sealed.substr(sealed.size() - kTagBytes));
    const std::string_view encrypted = sealed.substr(kNonceBytes, text.size());
    int count = 0;
    const bool done =
        key && cipher &&
        EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key->data(), bytesOf(sealed)) == 1 &&
        EVP_DecryptUpdate(cipher.get(), nullptr, &count, bytesOf(about), static_cast<int>(about.size())) == 1 &&
        EVP_DecryptUpdate(cipher.get(), bytesOf(text), &count, bytesOf(encrypted),
                          static_cast<int>(encrypted.size())) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(cipher.get(), bytesOf(text) + count, &count) == 1;
    if (!done) return std::nullopt;
    return text;
}

}  // namespace howdah::cache
