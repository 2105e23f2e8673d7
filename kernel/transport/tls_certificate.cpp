#include "kernel/transport/tls_certificate.hpp"

#include <array>
#include <ctime>
#include <utility>

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "kernel/transport/tls_context.hpp"

namespace howdah::kernel {
namespace {

// What tells one state of a file from another; follows links, as those that are moved in place of a file.
struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    timespec changed{};

    static Stamp of(const std::string& file) {
        struct stat found{};
        if (::stat(file.c_str(), &found) != 0) return {};
        return {found.st_dev, found.st_ino, found.st_size, found.st_mtim};
    }
    bool operator==(const Stamp& other) const {
        return device == other.device && inode == other.inode && size == other.size &&
               changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
    }
};

std::array<Stamp, 2> stampsOf(const TlsFiles& files) {
    return {Stamp::of(files.certificate), Stamp::of(files.key)};
}

}  // namespace

Result<std::shared_ptr<TlsCertificate>> TlsCertificate::load(TlsFiles files) {
    auto pair = read(std::move(files));
    if (!pair) return std::move(pair).error();
    return std::shared_ptr<TlsCertificate>(new TlsCertificate(std::move(*pair)));
}

Result<TlsCertificate::Pair> TlsCertificate::read(TlsFiles files) {
    auto context = makeTlsContext(files);
    if (!context) return std::move(context).error();
    std::string certificate = certificateOf(**context);
    return Pair{std::move(files), std::move(*context), std::move(certificate)};
}

TlsCertificate::~TlsCertificate() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopping_.notify_all();
    if (watcher_.joinable()) watcher_.join();
}

Result<bool> TlsCertificate::reload() {
    std::lock_guard one_at_a_time(reloading_);
    auto fresh = read(files());
    if (!fresh) return std::move(fresh).error();
    return replaceBy(std::move(*fresh));
}

bool TlsCertificate::serve(Pair pair) {
    std::lock_guard one_at_a_time(reloading_);
    return replaceBy(std::move(pair));
}

bool TlsCertificate::replaceBy(Pair pair) {
    std::lock_guard lock(mutex_);
    const bool same = pair.certificate == certificate_;
    files_ = std::move(pair.files);
    context_ = std::move(pair.context);  // in any case: what leads to the authority may have changed
    certificate_ = std::move(pair.certificate);
    return !same;
}

TlsFiles TlsCertificate::files() const {
    std::lock_guard lock(mutex_);
    return files_;
}

std::shared_ptr<ssl_ctx_st> TlsCertificate::current() const {
    std::lock_guard lock(mutex_);
    return context_;
}

std::unique_ptr<TlsSession> TlsCertificate::accept(int socket) const {
    return std::make_unique<TlsSession>(*current(), socket, failed_handshakes_);  // the session holds the context
}

void TlsCertificate::watch(std::chrono::milliseconds every, std::function<void(const Result<bool>&)> told) {
    watcher_ = std::thread([this, every, told = std::move(told)] { run(every, told); });
}

void TlsCertificate::run(std::chrono::milliseconds every, const std::function<void(const Result<bool>&)>& told) {
    std::array<Stamp, 2> read;  // none: what has changed since load() is seen too
    auto before = stampsOf(files());
    std::unique_lock lock(mutex_);
    while (!stopping_.wait_for(lock, every, [this] { return stop_; })) {
        lock.unlock();
        const auto now = stampsOf(files());
        if (now != read && now == before) {
            read = now;
            told(reload());
        }
        before = now;
        lock.lock();
    }
}

std::string TlsCertificate::describe() const {
    const auto context = current();
    const X509* certificate = SSL_CTX_get0_certificate(context.get());
    char name[256] = {};
    X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof name);
    std::tm until{};
    ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until);
    char text[32] = {};
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &until);
    return concat(std::string_view(name), ", until ", std::string_view(text));
}

std::int64_t TlsCertificate::until_s() const {
    const auto context = current();
    std::tm until{};
    ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(context.get())), &until);
    return timegm(&until);
}

std::vector<std::string> TlsCertificate::warnings() const {
    std::vector<std::string> out;
    const auto context = current();
    const TlsFiles files = this->files();
    if (X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(context.get()))) < 0)
        out.push_back(concat("the certificate ", files.certificate, " has expired: ", describe()));
    struct stat key{};
    if (::stat(files.key.c_str(), &key) == 0 && (key.st_mode & S_IROTH) != 0)
        out.push_back(concat("every user can read the key ", files.key, ": chmod o-r ", files.key));
    return out;
}

}  // namespace howdah::kernel
