// Where clients connect: several addresses, Unix sockets and who may use them, sockets the process was started with.
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http_fixture.hpp"
#include "kernel/transport/http_listener.hpp"
#include "tls_support.hpp"

namespace howdah::kernel::test {

namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() : path(fs::temp_directory_path() / concat("howdah-listen-", ::getpid())) { fs::create_directory(path); }
    ~Folder() { fs::remove_all(path); }
    std::string socket() const { return path / "mcp.sock"; }
    const fs::path path;
};

ListenAddress at(const std::string& text) {
    auto address = ListenAddress::parse(text);
    REQUIRE_MESSAGE(address, text);
    return *address;
}

HttpServer::Config listening(const std::vector<std::string>& addresses) {
    HttpServer::Config config;
    config.listen.clear();
    for (const std::string& address : addresses)
        config.listen.push_back(at(address));
    return config;
}

std::string startError(HttpServer::Config config) {
    auto runtime = Runtime::start({});
    REQUIRE(runtime);
    FakeHandler handler;
    auto server = HttpServer::start(**runtime, std::move(config), handler, nullptr);
    std::string text = server ? "" : server.error().message;
    if (server) server->reset();
    CHECK((*runtime)->stop(Deadline::in(std::chrono::seconds(10))).clean());
    return text;
}

Descriptor listeningSocket() {
    Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(socket.get() >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket.get(), 8) == 0);
    return socket;
}

struct Anybody final : Authenticator {
    Result<std::shared_ptr<const Principal>> authenticate(const Inbound&) override {
        return std::shared_ptr<const Principal>();
    }
};

// One of this machine's that is not of loopback, in network order; 0 = none.
in_addr_t networkAddress() {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return 0;
    in_addr_t found = 0;
    for (const ifaddrs* one = all; one && found == 0; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
        found = reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr.s_addr;
    }
    ::freeifaddrs(all);
    return found;
}

// Runs it as another user and gives what it returned.
template <typename Function>
int asNobody(Function function) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(::setuid(65534) == 0 ? function() : 99);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("http: an address is written one way and read back as itself; what is none says what would be") {
    for (const char* text :
         {"127.0.0.1:8642", "[::1]:0", "localhost:1", "0.0.0.0:65535", "unix:/run/howdah/mcp.sock", "systemd"})
        CHECK(at(text).text() == text);
    for (const char* text : {"", ":", "8642", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "::1:80",
                             "[127.0.0.1]:80", "[localhost]:80", "example.org:80", "127.1:80", "unix:", "systemd:1"}) {
        CAPTURE(text);
        CHECK_FALSE(ListenAddress::parse(text));
    }
    const std::string longest = "unix:/" + std::string(106, 'x');
    CHECK(ListenAddress::parse(longest));
    CHECK_FALSE(ListenAddress::parse(longest + "x"));
    for (const char* local : {"127.9.8.7:1", "[::1]:1", "localhost:1", "unix:/x"})
        CHECK_FALSE(at(local).reachedFromElsewhere());
    for (const char* far : {"0.0.0.0:1", "192.0.2.1:1", "[::]:1", "[::ffff:127.0.0.1]:1"})
        CHECK(at(far).reachedFromElsewhere());
}

TEST_CASE("http: several addresses serve alike, each knows its own name and port") {
    Folder folder;
    HttpFixture fixture(listening({"127.0.0.1:0", "127.0.0.1:0", "unix:" + folder.socket()}));
    const auto addresses = fixture.server->addresses();
    REQUIRE(addresses.size() == 3);
    CHECK(addresses[0].port == fixture.port());
    CHECK(addresses[1].port != addresses[0].port);
    CHECK(Client(addresses[0].port).exchange(post(kEcho)).body == kEcho);
    CHECK(Client(addresses[1].port).exchange(post(kEcho)).body == kEcho);
    CHECK(Client(folder.socket()).exchange(post(kEcho)).body == kEcho);
    const std::string page = concat("Origin: http://localhost:", addresses[1].port, "\r\n");
    CHECK(Client(addresses[0].port).exchange(post(kEcho, page)).status == 200);
}

TEST_CASE("http: an address other machines reach needs auth and TLS, here or at a proxy, and says which is missing") {
    const ListenAddress far = at("0.0.0.0:8642");
    const auto refusal = [&](bool auth, bool tls) {
        const auto safe = checkReach(far, {.by_auth = auth, .by_tls = tls});
        return safe ? std::string() : safe.error().message;
    };
    constexpr std::string_view kAuth = "it needs a plugin as auth, not auth: none";
    constexpr std::string_view kTls = "tls: {certificate: FILE, key: FILE}, or behind_proxy: true";
    CHECK(refusal(true, true).empty());
    CHECK(refusal(false, true).find(kAuth) != std::string::npos);
    CHECK(refusal(false, true).find(kTls) == std::string::npos);
    CHECK(refusal(true, false).find(kTls) != std::string::npos);
    CHECK(refusal(true, false).find(kAuth) == std::string::npos);
    CHECK(refusal(false, false).find(kAuth) != std::string::npos);
    CHECK(refusal(false, false).find(kTls) != std::string::npos);
    CHECK(checkReach(at("127.0.0.1:1"), {}));
    CHECK(checkReach(at("unix:/x"), {}));

    Anybody authenticator;
    auto config = listening({"0.0.0.0:0"});
    config.behind_proxy = true;
    HttpFixture fixture(std::move(config), &authenticator);
    CHECK(Client(fixture.port()).exchange(post(kEcho)).status == 200);
    // "Any address" is no name of this server.
    CHECK(Client(fixture.port()).exchange("GET /healthz HTTP/1.1\r\nHost: 0.0.0.0\r\n\r\n").status == 403);
}

TEST_CASE("http: one address that cannot be had refuses them all, and leaves none open") {
    Folder folder;
    HttpFixture fixture;
    const std::string taken = concat("127.0.0.1:", fixture.port());
    CHECK(startError(listening({"unix:" + folder.socket(), taken})).find("in use") != std::string::npos);
    CHECK_FALSE(fs::exists(folder.socket()));
}

TEST_CASE("http: a Unix socket is its owner's alone, tells who connected and goes with the server") {
    Folder folder;
    {
        HttpFixture fixture(listening({"unix:" + folder.socket()}));
        struct stat status{};
        REQUIRE(::stat(folder.socket().c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);
        CHECK(fixture.port() == 0);
        std::int64_t uid = -1;
        fixture.handler.on_message = [&](const Inbound& message) { uid = message.peer_uid; };
        Client client(folder.socket());
        CHECK(client.exchange(post(kEcho)).status == 200);
        CHECK(Client(folder.socket()).exchange("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n").status == 403);
        REQUIRE(fixture.handler.handled.reaches(1));
        CHECK(uid == std::int64_t{::geteuid()});
    }
    CHECK_FALSE(fs::exists(folder.socket()));
    HttpFixture tcp;
    std::int64_t uid = 0;
    tcp.handler.on_message = [&](const Inbound& message) { uid = message.peer_uid; };
    CHECK(Client(tcp.port()).exchange(post(kEcho)).status == 200);
    CHECK(uid == -1);
}

TEST_CASE("http: a dead server's Unix socket is replaced, a live one's and a plain file are not") {
    Folder folder;
    const std::string path = folder.socket();
    {
        const auto address = unixAddress(path);
        const Descriptor dead(::socket(AF_UNIX, SOCK_STREAM, 0));
        REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0);
    }
    {
        HttpFixture fixture(listening({"unix:" + path}));
        CHECK(startError(listening({"unix:" + path}))
                  .starts_with(concat("transports.http.listen: another howdah (process ", ::getpid(), ") is serving")));
        CHECK(Client(path).exchange(post(kEcho)).status == 200);
    }
    {
        const auto address = unixAddress(path);
        const Descriptor foreign(::socket(AF_UNIX, SOCK_STREAM, 0));
        REQUIRE(::bind(foreign.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0);
        REQUIRE(::listen(foreign.get(), 1) == 0);
        CHECK(startError(listening({"unix:" + path})).find("another program is serving on") != std::string::npos);
        CHECK(fs::exists(path));
    }
    fs::remove(path);
    std::ofstream(path) << "mine";
    CHECK(startError(listening({"unix:" + path})).find("is there already and is no socket") != std::string::npos);
    CHECK(fs::file_size(path) == 4);
    CHECK(startError(listening({"unix:" + path + "/no/such/folder"})).find("cannot open") != std::string::npos);
}

TEST_CASE("http: another user is refused on a Unix socket unless it is named") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: becoming another user needs root");
        return;
    }
    Folder folder;
    fs::permissions(folder.path, fs::perms::all);
    const auto status = [&] {
        try {
            return Client(folder.socket()).exchange(post(kEcho)).status == 200 ? 20 : 43;
        } catch (const std::runtime_error&) {
            return 1;  // no right to connect at all
        }
    };
    {
        HttpFixture fixture(listening({"unix:" + folder.socket()}));
        CHECK(asNobody(status) == 1);
        fs::permissions(folder.socket(), fs::perms::all);  // as systemd's own default would have it
        CHECK(asNobody(status) == 43);
        CHECK(fixture.handler.handled.value() == 0);
    }
    for (const std::uint32_t named : {65534u, 65533u}) {
        auto config = listening({"unix:" + folder.socket()});
        config.unix_uids = {named};
        HttpFixture fixture(std::move(config));
        CHECK(asNobody(status) == (named == 65534 ? 20 : 43));
    }
}

TEST_CASE("http: sockets the process was started with are served when the configuration says systemd") {
    auto config = listening({"systemd"});
    config.passed.push_back(listeningSocket());
    HttpFixture fixture(std::move(config));
    CHECK(Client(fixture.port()).exchange(post(kEcho)).body == kEcho);

    CHECK(startError(listening({"systemd"})).find("was started with no sockets") != std::string::npos);
    auto wrong = listening({"systemd"});
    wrong.passed.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));  // nobody listens on it
    CHECK(startError(std::move(wrong)).find("is no listening stream socket") != std::string::npos);
    auto far = listening({"systemd"});
    far.passed.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
    REQUIRE(::listen(far.passed.front().get(), 1) == 0);  // on 0.0.0.0
    CHECK(startError(std::move(far)).find("0.0.0.0") != std::string::npos);
}

TEST_CASE("http: sockets are taken over only when LISTEN_PID names this process") {
    auto environment = [](const std::string& pid, const std::string& count) {
        return [pid, count](const std::string& name) -> std::optional<std::string> {
            return name == "LISTEN_PID" ? pid : count;
        };
    };
    const std::string own = std::to_string(::getpid());
    CHECK(passedSockets([](const std::string&) { return std::optional<std::string>(); }).empty());
    CHECK(passedSockets(environment("1", "1")).empty());
    CHECK(passedSockets(environment(own + "x", "1")).empty());
    CHECK(passedSockets(environment(own, "")).empty());
    CHECK(passedSockets(environment(own, "-1")).empty());
    // In a child: descriptor 3 of this process is somebody's.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
        if (socket < 0) ::_exit(2);
        for (int descriptor : {3, 4})
            ::dup2(socket, descriptor);
        const auto passed = passedSockets(environment(std::to_string(::getpid()), "2"));
        const bool right = passed.size() == 2 && passed[0].get() == 3 && passed[1].get() == 4 &&
                           (::fcntl(3, F_GETFD) & FD_CLOEXEC) != 0;
        ::_exit(right ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("http: connections are counted in all and by address, and each gives its place back") {
    using Entry = ConnectionCount::Entry;
    ConnectionCount count;
    CHECK(count.enter("a", 4, 2) == Entry::ok);
    CHECK(count.enter("a", 4, 2) == Entry::ok);
    CHECK(count.enter("a", 4, 2) == Entry::address_full);
    CHECK(count.enter("b", 4, 2) == Entry::ok);
    CHECK(count.enter("", 4, 0) == Entry::ok);  // not counted under an address
    CHECK(count.enter("b", 4, 2) == Entry::full);
    CHECK(count.value() == 4);
    count.left("a");
    CHECK(count.enter("a", 4, 2) == Entry::ok);
    for (const char* address : {"a", "a", "b", ""})
        count.left(address);
    CHECK(count.value() == 0);
    CHECK(count.enter("a", 1, 1) == Entry::ok);
    count.left("a");
}

TEST_CASE(
    "http: connections from one address of the network are bounded, those of this machine and of a proxy are not") {
    Folder folder;
    auto config = listening({"127.0.0.1:0", "unix:" + folder.socket()});
    config.settings.connections_per_address_max = 1;
    HttpFixture fixture(std::move(config));
    {
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 3; ++i) {
            clients.push_back(std::make_unique<Client>(fixture.port()));
            clients.push_back(std::make_unique<Client>(folder.socket()));
        }
        for (const auto& client : clients)
            CHECK(client->exchange(post(kEcho)).status == 200);
    }
    const in_addr_t own = networkAddress();
    if (own == 0) {
        MESSAGE("skipped: this machine has no address beside loopback");
        return;
    }
    char text[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &own, text, sizeof text);
    Anybody anybody;
    for (const bool behind_proxy : {true, false}) {
        CAPTURE(behind_proxy);
        Certificates certificates;
        certificates.write("own");
        auto far = listening({concat(text, ":0")});
        far.settings.connections_per_address_max = 2;
        far.behind_proxy = behind_proxy;
        if (!behind_proxy) far.tls = *TlsCertificate::load(certificates.files());
        HttpFixture network(std::move(far), &anybody);
        Client first(network.port(), 0, own), second(network.port(), 0, own), third(network.port(), 0, own);
        if (behind_proxy) {
            CHECK(third.exchange(post(kEcho)).status == 200);
            continue;
        }
        CHECK(third.atEnd());                              // nothing is said before a handshake
        CHECK(first.exchange(post(kEcho)).status == 400);  // plain HTTP to TLS: it was let in
    }
}

TEST_CASE("http: a peer that vanishes without a word is noticed by the system") {
    HttpFixture fixture;
    Client client(fixture.port());
    CHECK(client.exchange(post(kEcho)).status == 200);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    REQUIRE(::getsockname(client.descriptor(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
    // The other end lives in this process too.
    int server_end = -1;
    for (int descriptor = 3; descriptor < 1024 && server_end < 0; ++descriptor) {
        sockaddr_in peer{};
        size = sizeof peer;
        if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && peer.sin_family == AF_INET &&
            peer.sin_port == own.sin_port)
            server_end = descriptor;
    }
    REQUIRE(server_end >= 0);
    auto option = [&](int level, int name) {
        int value = 0;
        size = sizeof value;
        ::getsockopt(server_end, level, name, &value, &size);
        return value;
    };
    CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) + option(IPPROTO_TCP, TCP_KEEPINTVL) * option(IPPROTO_TCP, TCP_KEEPCNT) ==
          60);
    CHECK(option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 60'000);
    CHECK(option(IPPROTO_TCP, TCP_NODELAY) == 1);
}

}  // namespace howdah::kernel::test
