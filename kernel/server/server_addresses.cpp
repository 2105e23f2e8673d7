// The parts of Server that say where it listens and with which certificate.
#include "kernel/base/log.hpp"
#include "kernel/server/server.hpp"

namespace howdah::kernel {
namespace {

constexpr std::chrono::milliseconds kCertificateCheck{1'000};  // how often its files are looked at

// What came of reading the files again.
void tellOf(const TlsCertificate& certificate, const Result<bool>& changed) {
    if (!changed) {
        logError("tls", changed.error().message, "; the certificate from before serves on");
        return;
    }
    if (!*changed) return;
    logInfo("tls", "another certificate serves: ", certificate.describe());
    for (const std::string& warning : certificate.warnings())
        logWarn("tls", warning);
}

}  // namespace

Result<void> Server::loadCertificate() {
    const auto& tls = config_.transports.http->tls;
    if (!tls) return {};
    auto loaded = TlsCertificate::load({tls->certificate, tls->key});
    if (!loaded) return std::move(loaded).error();
    certificate_ = std::move(*loaded);
    for (const std::string& warning : certificate_->warnings())
        logWarn("tls", warning);
    certificate_->watch(kCertificateCheck, [certificate = certificate_.get()](const Result<bool>& changed) {
        tellOf(*certificate, changed);
    });
    return {};
}

std::vector<std::string> Server::httpAddresses() const {
    std::vector<std::string> out;
    if (!http_) return out;
    for (const ListenAddress& address : http_->addresses()) {
        const bool tcp = address.kind == ListenAddress::Kind::tcp;
        out.push_back(tcp ? concat(certificate_ ? "https://" : "http://", address.text(), http_path_)
                          : concat(address.text(), ":", http_path_));
    }
    return out;
}

// Read before anything else is changed by a reload, and served after all else has: a reload is taken whole or not at
// all.
Result<std::optional<TlsCertificate::Pair>> Server::readCertificate(const Config& fresh) const {
    if (!certificate_) return std::optional<TlsCertificate::Pair>();
    // To end TLS, as to begin with it, needs a restart: until then the files from before are served.
    const auto& http = fresh.transports.http;
    auto pair = TlsCertificate::read(http && http->tls ? TlsFiles{http->tls->certificate, http->tls->key}
                                                       : certificate_->files());
    if (pair) return std::optional(std::move(*pair));
    tellOf(*certificate_, pair.error());
    Error error = std::move(pair).error();
    error.message += "; the certificate and the configuration from before serve on";
    return error;
}

void Server::serveCertificate(TlsCertificate::Pair pair) {
    tellOf(*certificate_, certificate_->serve(std::move(pair)));
}

}  // namespace howdah::kernel
