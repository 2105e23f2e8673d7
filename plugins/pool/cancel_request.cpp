#include "cancel_request.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

namespace howdah::pool {
namespace {

constexpr std::uint32_t kCancelRequestCode = 80877102;  // 1234 and 5678, as the protocol wants
constexpr int kSliceMs = 50;

// What decides how the second connection is made; not who logs in, as nobody does.
constexpr std::array<std::string_view, 18> kKept{"sslmode",
                                                 "sslcert",
                                                 "sslkey",
                                                 "sslpassword",
                                                 "sslrootcert",
                                                 "sslcrl",
                                                 "sslcrldir",
                                                 "sslsni",
                                                 "ssl_min_protocol_version",
                                                 "ssl_max_protocol_version",
                                                 "sslcompression",
                                                 "keepalives",
                                                 "keepalives_idle",
                                                 "keepalives_interval",
                                                 "keepalives_count",
                                                 "tcp_user_timeout",
                                                 "requirepeer",
                                                 "user"};

std::array<std::uint32_t, 4> packet(CancelKey key) {
    return {htonl(16), htonl(kCancelRequestCode), htonl(static_cast<std::uint32_t>(key.process)),
            htonl(static_cast<std::uint32_t>(key.secret))};
}

}  // namespace

bool pollSocket(int descriptor, short events, CancelRequest::Clock::time_point deadline,
                const std::function<bool()>& is_over) {
    for (;;) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - CancelRequest::Clock::now());
        if (left.count() <= 0 || is_over()) return false;
        pollfd watched{descriptor, events, 0};
        if (poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left.count() + 1, kSliceMs))) > 0) return true;
    }
}

// --- CancelKeyListener

CancelKeyListener::CancelKeyListener(PGconn* connection)
    : connection_(connection), stream_(open_memstream(&text_, &size_)) {
    if (!stream_) return;
    PQtrace(connection_, stream_);
    PQsetTraceFlags(connection_, PQTRACE_SUPPRESS_TIMESTAMPS);
}

CancelKeyListener::~CancelKeyListener() {
    (void)finish();
}

CancelKey CancelKeyListener::finish() {
    CancelKey key;
    if (!stream_) return key;
    PQuntrace(connection_);
    std::fclose(std::exchange(stream_, nullptr));
    // A line is: direction, length, name, then the numbers.
    constexpr std::string_view kName = "\tBackendKeyData\t";
    const std::string_view text(text_, size_);
    if (std::size_t at = text.find(kName); at != std::string_view::npos) {
        int process = 0, secret = 0;
        // NOLINTNEXTLINE(cert-err34-c): libpq has printed two of its ints
        if (std::sscanf(text_ + at + kName.size(), " %d %d", &process, &secret) == 2)
            key = {process, secret, PQsslInUse(connection_) != 0};
    }
    if (key.process != PQbackendPID(connection_)) key = {};  // another libpq shows it otherwise
    explicit_bzero(text_, size_);
    std::free(text_);
    text_ = nullptr;
    return key;
}

// --- CancelRequest

std::optional<CancelRequest> CancelRequest::make(PGconn* connection, CancelKey key) {
    if (!key.isKnown() || PQstatus(connection) != CONNECTION_OK || PQgssEncInUse(connection)) return std::nullopt;
    if (key.encrypted != (PQsslInUse(connection) != 0)) return std::nullopt;
    CancelRequest request;
    request.key_ = key;
    request.encrypted_ = key.encrypted;
    PQconninfoOption* options = PQconninfo(connection);
    if (!options) return std::nullopt;
    bool unverified = false;
    for (const PQconninfoOption* option = options; option->keyword; ++option) {
        const std::string_view keyword = option->keyword;
        if (!option->val || !*option->val || std::find(kKept.begin(), kKept.end(), keyword) == kKept.end()) continue;
        std::string value = option->val;
        if (keyword == "sslmode") {
            unverified = value == "allow" || value == "prefer";
            if (!request.encrypted_)
                value = "disable";
            else if (unverified)
                value = "require";
        }
        request.parameters_.emplace_back(keyword, std::move(value));
    }
    PQconninfoFree(options);
    // require with a root certificate verifies, prefer does not.
    if (unverified) {
        std::erase_if(request.parameters_, [](const auto& parameter) { return parameter.first == "sslrootcert"; });
        request.parameters_.emplace_back("sslrootcert", "/nonexistent");
    }
    // Of several hosts and addresses the one this connection leads to.
    auto add = [&](const char* keyword, const char* value) {
        if (value && *value) request.parameters_.emplace_back(keyword, value);
    };
    add("host", PQhost(connection));
    add("hostaddr", PQhostaddr(connection));
    add("port", PQport(connection));
    add("gssencmode", "disable");
    add("passfile", "/nonexistent");  // no password is needed, so none is looked for
    add("dbname", "postgres");
    return request;
}

bool CancelRequest::deliver(Clock::time_point deadline) const {
    const auto never = [] { return false; };
    std::vector<const char*> keywords, values;
    for (const auto& [keyword, value] : parameters_) {
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    PgPtr pg(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!pg || PQstatus(pg.get()) == CONNECTION_BAD) return false;

    // Until libpq is about to send its startup packet, over TLS if need be.
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    while (PQstatus(pg.get()) != CONNECTION_MADE || (encrypted_ && !PQsslInUse(pg.get()))) {
        if (step == PGRES_POLLING_FAILED || step == PGRES_POLLING_OK) return false;
        short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!pollSocket(PQsocket(pg.get()), events, deadline, never)) return false;
        step = PQconnectPoll(pg.get());
    }

    const auto request = packet(key_);
    auto* tls = encrypted_ ? static_cast<SSL*>(PQsslStruct(pg.get(), "OpenSSL")) : nullptr;
    if (encrypted_ && !tls) return false;
    const ssize_t sent = tls ? SSL_write(tls, request.data(), sizeof request)
                             : send(PQsocket(pg.get()), request.data(), sizeof request, MSG_NOSIGNAL);
    if (sent != sizeof request) return false;

    // The server closes when it has passed it on, and says nothing.
    char byte = 0;
    while (pollSocket(PQsocket(pg.get()), POLLIN, deadline, never)) {
        ssize_t got = recv(PQsocket(pg.get()), &byte, 1, MSG_DONTWAIT);
        if (got == 0) return true;
        if (got < 0 && errno != EAGAIN && errno != EINTR) return errno == ECONNRESET;
    }
    return false;
}

}  // namespace howdah::pool
