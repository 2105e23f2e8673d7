#include "kernel/transport/tls_context.hpp"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

namespace howdah::kernel {
namespace {

constexpr unsigned char kHttp[] = "\x08http/1.1";
// TLS 1.2 with what RFC 9325 recommends; TLS 1.3 knows no others.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

std::string opensslReason() {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

Result<void> readable(const char* key, const std::string& file) {
    if (::access(file.c_str(), R_OK) == 0) return {};
    const std::string_view why = std::strerror(errno);
    if (errno == ENOENT) return Error::notFound("transports.http.tls.", key, ": ", file, " is not there");
    return Error::unavailable("transports.http.tls.", key, ": cannot read ", file, ": ", why);
}

// A server has nobody to ask for a passphrase.
int noPassphrase(char*, int, int, void*) {
    return -1;
}

int chooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                   unsigned offered_size, void*) {
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, kHttp, sizeof kHttp - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<ssl_ctx_st>> makeTlsContext(const TlsFiles& files) {
    if (auto there = readable("certificate", files.certificate); !there) return std::move(there).error();
    if (auto there = readable("key", files.key); !there) return std::move(there).error();
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!context) return Error::internal("OpenSSL makes no TLS context: ", opensslReason());
    SSL_CTX* raw = context.get();
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Tickets let a client come back without another signature; a cache on this side would only grow.
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(raw, 1);
    SSL_CTX_set_mode(raw,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(raw, 1);
    SSL_CTX_set_alpn_select_cb(raw, chooseProtocol, nullptr);
    SSL_CTX_set_default_passwd_cb(raw, noPassphrase);
    if (SSL_CTX_set_cipher_list(raw, kCiphers) != 1)
        return Error::internal("OpenSSL knows none of the ciphers ", kCiphers, ": ", opensslReason());
    if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1) {
        return Error::invalidArgument("transports.http.tls.certificate: ", files.certificate,
                                      " is no PEM certificate that can be served: ", opensslReason());
    }
    if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        const int reason = ERR_GET_REASON(ERR_peek_last_error());
        if (reason == X509_R_KEY_VALUES_MISMATCH) {
            ERR_clear_error();
            return Error::invalidArgument("transports.http.tls: the key ", files.key,
                                          " is not that of the certificate ", files.certificate);
        }
        return Error::invalidArgument("transports.http.tls.key: ", files.key,
                                      " is no PEM key without a passphrase: ", opensslReason());
    }
    if (SSL_CTX_check_private_key(raw) != 1) {
        ERR_clear_error();
        return Error::invalidArgument("transports.http.tls: the key ", files.key, " is not that of the certificate ",
                                      files.certificate);
    }
    return context;
}

std::string certificateOf(ssl_ctx_st& context) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(SSL_CTX_get0_certificate(&context), &bytes);
    if (size <= 0) return {};
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

}  // namespace howdah::kernel
