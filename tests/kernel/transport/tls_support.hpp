// Certificates made on the spot and a blocking TLS client, for the tests of TLS.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "http_client.hpp"
#include "kernel/transport/tls_certificate.hpp"

namespace howdah::kernel::test {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

inline Key makeKey() {
    return {EVP_EC_gen("P-256"), EVP_PKEY_free};
}

// A folder with cert.pem and key.pem; a new pair can be written over them.
class Certificates {
public:
    Certificates() : folder_(std::filesystem::temp_directory_path() / ("howdah-tls-" + std::to_string(::getpid()))) {
        std::filesystem::create_directory(folder_);
    }
    ~Certificates() { std::filesystem::remove_all(folder_); }

    TlsFiles files() const { return {folder_ / "cert.pem", folder_ / "key.pem"}; }
    std::string path(const char* name) const { return folder_ / name; }

    void write(const std::string& name, long days = 10) const {
        const Key key = makeKey();
        writeCertificate(name, key.get(), days);
        writeKey(key.get());
    }
    void writeCertificate(const std::string& name, EVP_PKEY* key, long days = 10) const {
        const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -100 * 86400L);
        X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * 86400L);
        X509_set_pubkey(certificate.get(), key);
        X509_NAME* subject = X509_get_subject_name(certificate.get());
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()),
                                   -1, -1, 0);
        X509_set_issuer_name(certificate.get(), subject);
        REQUIRE(X509_sign(certificate.get(), key, EVP_sha256()) > 0);
        into(files().certificate, [&](FILE* file) { return PEM_write_X509(file, certificate.get()); });
    }
    void writeKey(EVP_PKEY* key, const char* passphrase = nullptr) const {
        into(files().key, [&](FILE* file) {
            return PEM_write_PrivateKey(file, key, passphrase ? EVP_aes_128_cbc() : nullptr, nullptr, 0, nullptr,
                                        const_cast<char*>(passphrase));
        });
    }

private:
    // In place of the old file, as deployments do it.
    template <typename Write>
    void into(const std::string& path, Write write) const {
        const std::string fresh = path + ".new";
        FILE* file = std::fopen(fresh.c_str(), "w");
        REQUIRE(file);
        REQUIRE(write(file) == 1);
        std::fclose(file);
        std::filesystem::rename(fresh, path);
    }

    const std::filesystem::path folder_;
};

// Throws when the handshake fails. Believes any certificate: which one it was is what tests ask.
class TlsClient final : public ResponseReader {
public:
    struct Options {
        int version_max = TLS1_3_VERSION;
        std::string_view alpn = std::string_view("\x08http/1.1");
        int receive_buffer = 0;
    };
    explicit TlsClient(std::uint16_t port) : TlsClient(port, Options{}) {}
    TlsClient(std::uint16_t port, Options options) : raw_(port, options.receive_buffer) {
        context_.reset(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_security_level(context_.get(), 0);  // so that old versions can be offered at all
        SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
        SSL_CTX_set_max_proto_version(context_.get(), options.version_max);
        ssl_.reset(SSL_new(context_.get()));
        if (!options.alpn.empty()) {
            SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                                static_cast<unsigned>(options.alpn.size()));
        }
        SSL_set_fd(ssl_.get(), raw_.descriptor());
        ERR_clear_error();
        if (SSL_connect(ssl_.get()) != 1) throw std::runtime_error("no handshake");
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const int sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
            if (sent <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    bool more() override {
        pollfd readable{raw_.descriptor(), POLLIN, 0};
        if (SSL_pending(ssl_.get()) == 0 && ::poll(&readable, 1, 20'000) != 1)
            throw std::runtime_error("no bytes from the server within 20 s");
        char bytes[16384];
        const int count = SSL_read(ssl_.get(), bytes, sizeof bytes);
        if (count <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(count));
        return true;
    }
    Response exchange(std::string_view request) {
        send(request);
        return read();
    }
    // How the server ended it: true with a close_notify, false without.
    bool endsProperly() {
        while (more())
            buffer_.clear();
        return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    void closeNotify() { SSL_shutdown(ssl_.get()); }
    void closeSocket() { raw_.closeSending(); }

    std::string_view alpn() const {
        const unsigned char* chosen = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
        return {reinterpret_cast<const char*>(chosen), size};
    }
    int version() const { return SSL_version(ssl_.get()); }
    std::string servedBy() const {
        const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_.get()), X509_free);
        char name[128] = {};
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
        return name;
    }

private:
    Client raw_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, SSL_CTX_free};
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
};

}  // namespace howdah::kernel::test
