// TlsCertificate: the certificate and key of a server, from two PEM files that may be replaced while it runs. A new
// pair serves the connections that come after it; a bad one is refused, and the one before stays.
//
// Threads: accept() [shard]; reload() and serve() any, one after the other; watch() and the destructor the owner's.
// Owns:    the pair in force and, while it watches, a thread.
// Errors:  invalid_argument (no certificate, another's key, a passphrase), not_found or unavailable (files).
// Source:  OpenSSL 3.0, SSL_CTX_use_certificate_chain_file(3); RFC 7301 (ALPN); RFC 9325.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/transport/tls_session.hpp"

namespace howdah::kernel {

struct TlsFiles {
    std::string certificate;  // PEM, the server's own first, then those that lead to an authority
    std::string key;          // PEM, without a passphrase
};

class TlsCertificate {
public:
    static Result<std::shared_ptr<TlsCertificate>> load(TlsFiles files);
    ~TlsCertificate();
    TlsCertificate(const TlsCertificate&) = delete;
    TlsCertificate& operator=(const TlsCertificate&) = delete;

    // Reads the files again. True: another pair serves from now on.
    Result<bool> reload();

    // A pair that was read and can be served.
    struct Pair {
        TlsFiles files;
        std::shared_ptr<ssl_ctx_st> context;
        std::string certificate;  // DER
    };
    static Result<Pair> read(TlsFiles files);
    // Serves it, and from now on looks at its files. True: it is another one than before.
    bool serve(Pair pair);

    // Looks at the files this often, and reads them once they have changed and then stayed the same: two files are not
    // replaced at once. What comes of it goes to `told`, on the watching thread.
    void watch(std::chrono::milliseconds every, std::function<void(const Result<bool>&)> told);

    TlsFiles files() const;
    std::unique_ptr<TlsSession> accept(int socket) const;
    // Connections that ended, by either side, before both had agreed.
    std::uint64_t failedHandshakes() const { return failed_handshakes_->load(std::memory_order_relaxed); }

    // For people: "CN=db.example, until 2027-01-31 12:00 UTC".
    std::string describe() const;
    std::int64_t until_s() const;  // seconds since 1970
    // What is wrong with the pair, though it can be served.
    std::vector<std::string> warnings() const;

private:
    explicit TlsCertificate(Pair pair)
        : files_(std::move(pair.files)), context_(std::move(pair.context)), certificate_(std::move(pair.certificate)) {}
    std::shared_ptr<ssl_ctx_st> current() const;
    bool replaceBy(Pair pair);
    void run(std::chrono::milliseconds every, const std::function<void(const Result<bool>&)>& told);

    // Sessions outlive this in a shard that ends late.
    const std::shared_ptr<std::atomic<std::uint64_t>> failed_handshakes_ =
        std::make_shared<std::atomic<std::uint64_t>>(0);
    std::mutex reloading_;
    mutable std::mutex mutex_;  // of all below
    TlsFiles files_;
    std::shared_ptr<ssl_ctx_st> context_;
    std::string certificate_;
    std::condition_variable stopping_;
    bool stop_ = false;
    std::thread watcher_;
};

}  // namespace howdah::kernel
