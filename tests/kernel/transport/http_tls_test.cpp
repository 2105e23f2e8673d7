// TLS on the HTTP transport: what is negotiated, what is refused, how connections end, and how certificates change.
#include <atomic>
#include <fstream>
#include <thread>

#include "http_fixture.hpp"
#include "tls_support.hpp"
#include "websocket_client.hpp"

namespace howdah::kernel::test {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct TlsFixture {
    explicit TlsFixture(HttpServer::Config config = {}, unsigned shards = 2) {
        certificates.write("first");
        auto loaded = TlsCertificate::load(certificates.files());
        REQUIRE_MESSAGE(loaded, loaded.error().message);
        certificate = *loaded;
        config.tls = certificate;
        http.emplace(std::move(config), nullptr, shards);
    }
    std::uint16_t port() const { return http->port(); }

    Certificates certificates;
    std::shared_ptr<TlsCertificate> certificate;
    std::optional<HttpFixture> http;
};

TlsClient::Options upTo(int version) {
    TlsClient::Options options;
    options.version_max = version;
    return options;
}

TlsClient::Options offering(std::string_view alpn) {
    TlsClient::Options options;
    options.alpn = alpn;
    return options;
}

}  // namespace

TEST_CASE("tls: requests are answered over 1.3 and 1.2, and nothing older") {
    TlsFixture fixture;
    for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
        TlsClient client(fixture.port(), upTo(version));
        CHECK(client.version() == version);
        for (int i = 0; i < 3; ++i)
            CHECK(client.exchange(post(kEcho)).body == kEcho);
    }
    CHECK_THROWS(TlsClient(fixture.port(), upTo(TLS1_1_VERSION)));
    CHECK(TlsClient(fixture.port()).exchange(post(kEcho)).body == kEcho);
}

TEST_CASE("tls: the protocol agreed on is http/1.1; a client that knows only others is refused") {
    TlsFixture fixture;
    CHECK(TlsClient(fixture.port(), offering("\x02h2\x08http/1.1")).alpn() == "http/1.1");
    CHECK(TlsClient(fixture.port(), offering("")).alpn().empty());
    CHECK_THROWS(TlsClient(fixture.port(), offering("\x02h2")));
}

TEST_CASE("tls: a client that speaks plain HTTP is told so") {
    TlsFixture fixture;
    Client client(fixture.port());
    const Response response = client.exchange(post(kEcho));
    CHECK(response.status == 400);
    CHECK(response.body.find("https://") != std::string::npos);
    CHECK(fixture.http->empties());
    CHECK(fixture.http->handler.handled.value() == 0);
}

TEST_CASE("tls: handshakes that end early are counted once each; those that were whole are not") {
    TlsFixture fixture;
    CHECK(TlsClient(fixture.port()).exchange(post(kEcho)).body == kEcho);
    CHECK_THROWS(TlsClient(fixture.port(), upTo(TLS1_1_VERSION)));
    Client(fixture.port()).send("no TLS at all");
    Client(fixture.port()).close();
    for (int i = 0; i < 20'000 && fixture.certificate->failedHandshakes() < 3; ++i)
        ::poll(nullptr, 0, 1);
    CHECK(fixture.http->empties());
    CHECK(fixture.certificate->failedHandshakes() == 3);
}

TEST_CASE("tls: other files serve from the moment they are given, and are the ones read again") {
    TlsFixture fixture;
    const TlsFiles moved{fixture.certificates.path("moved.pem"), fixture.certificates.path("moved.key")};
    CHECK_FALSE(TlsCertificate::read(moved));
    fixture.certificates.write("second");
    std::filesystem::rename(fixture.certificates.files().certificate, moved.certificate);
    std::filesystem::rename(fixture.certificates.files().key, moved.key);
    auto pair = TlsCertificate::read(moved);
    REQUIRE(pair);
    CHECK(TlsClient(fixture.port()).servedBy() == "first");
    CHECK(fixture.certificate->serve(std::move(*pair)));
    CHECK(TlsClient(fixture.port()).servedBy() == "second");
    auto again = fixture.certificate->reload();
    REQUIRE(again);
    CHECK_FALSE(*again);
}

TEST_CASE("tls: Unix sockets beside it stay plain, and a page of this server is https") {
    HttpServer::Config config;
    const std::string path = fs::temp_directory_path() / concat("howdah-tls-", ::getpid(), ".sock");
    config.listen = {*ListenAddress::parse("127.0.0.1:0"), *ListenAddress::parse("unix:" + path)};
    TlsFixture fixture(std::move(config));
    CHECK(Client(path).exchange(post(kEcho)).body == kEcho);
    auto from = [&](std::string_view scheme) {
        const std::string page = concat("Origin: ", scheme, "localhost:", fixture.port(), "\r\n");
        return TlsClient(fixture.port()).exchange(post(kEcho, page)).status;
    };
    CHECK(from("https://") == 200);
    CHECK(from("http://") == 403);
    fs::remove(path + ".lock");
}

TEST_CASE("tls: who does not finish the handshake in time is dropped") {
    HttpServer::Config config;
    config.settings.head_limit = 50ms;
    TlsFixture fixture(std::move(config));
    Client silent(fixture.port());
    CHECK(silent.atEnd());
    Client half(fixture.port());
    half.send(
        std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));  // the first bytes of a ClientHello
    CHECK(half.atEnd());
    Client garbage(fixture.port());
    garbage.send(std::string(100, '\xff'));
    CHECK(garbage.atEnd());
    CHECK(fixture.http->empties());
}

TEST_CASE("tls: requests in pieces, many at once, and a large body") {
    TlsFixture fixture;
    TlsClient client(fixture.port());
    const std::string request = post(kEcho);
    for (const char& byte : request)
        client.send({&byte, 1});
    CHECK(client.read().body == kEcho);
    std::string many;
    for (int i = 0; i < 50; ++i)
        many += post(concat(R"({"do":"echo","id":)", i, "}"));
    client.send(many);
    for (int i = 0; i < 50; ++i)
        REQUIRE(client.read().body == concat(R"({"do":"echo","id":)", i, "}"));
    const std::string large = concat(R"({"do":"echo","pad":")", std::string(300'000, 'p'), "\"}");
    CHECK(client.exchange(post(large)).body == large);
    CHECK(client.exchange(post(R"({"do":"notify"})")).body.find("data: {\"result\":\"after\"}") != std::string::npos);
}

TEST_CASE("tls: a WebSocket works over it, both ways, in fragments, to the goodbye of both layers") {
    TlsFixture fixture;
    TlsClient client(fixture.port());
    client.send(upgrade() + frame(kText, "first"));
    CHECK(client.readUntil("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    CHECK(client.readUntil("first") ==
          "\x81\x05"
          "first");
    client.send(frame(kTextBegin, "ab") + frame(kPing, "p") + frame(kLast, "cd"));
    CHECK(client.readUntil("abcd") ==
          "\x8A\x01p\x81\x04"
          "abcd");
    const std::string large(200'000, 'x');
    client.send(frame(kText, large));
    client.readUntil(large);
    CHECK(client.readUntil(std::string("\x80\x00", 2)).size() == 2);  // the end of the message, an empty fragment
    client.send(frame(kText, R"({"do":"hold"})"));
    REQUIRE(fixture.http->handler.holding.reaches(1));
    client.send(frame(kClose, closePayload(1000)));
    CHECK(client.readUntil(closePayload(1000)).size() == 4);
    CHECK(fixture.http->handler.cancelled.reaches(1));
    CHECK(client.endsProperly());
}

TEST_CASE("tls: a slow reader parks the handler and gets every byte") {
    TlsFixture fixture;
    TlsClient::Options small;
    small.receive_buffer = 4096;
    TlsClient client(fixture.port(), small);
    constexpr std::size_t kBytes = 8u << 20;
    client.send(post(concat(R"({"do":"bytes","n":)", kBytes, "}")));
    const std::string head = client.readUntil("\r\n");
    CHECK(head.find("200") != std::string::npos);
    REQUIRE(fixture.http->handler.handled.reaches(1));
    CHECK(fixture.http->handler.bytes_written.load() < kBytes);
    client.readUntil("\r\n\r\n");
    std::size_t bytes = 0;
    for (;;) {
        const std::size_t size = std::strtoul(client.readUntil("\r\n").c_str(), nullptr, 16);
        if (size == 0) break;
        bytes += client.readUntil("\r\n").size() - 2;
    }
    CHECK(bytes == kBytes + 2);
    CHECK(fixture.http->handler.answered.reaches(1));
}

TEST_CASE("tls: a client that says goodbye, and one that only hangs up, cancel what they asked for") {
    TlsFixture fixture;
    auto& handler = fixture.http->handler;
    TlsClient polite(fixture.port());
    polite.send(post(R"({"do":"hold"})"));
    REQUIRE(handler.holding.reaches(1));
    polite.closeNotify();
    CHECK(handler.cancelled.reaches(1));
    TlsClient rude(fixture.port());
    rude.send(post(R"({"do":"hold"})"));
    REQUIRE(handler.holding.reaches(2));
    rude.closeSocket();
    CHECK(handler.cancelled.reaches(2));
    CHECK(fixture.http->empties());
}

TEST_CASE("tls: the server says goodbye too, after a refusal and when it drains") {
    TlsFixture fixture;
    TlsClient refused(fixture.port());
    CHECK(refused.exchange("PUT /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 405);
    CHECK(refused.endsProperly());
    TlsClient idle(fixture.port());
    CHECK(idle.exchange(post(kEcho)).status == 200);
    fixture.http->server->drain();
    CHECK(idle.endsProperly());
}

TEST_CASE("tls: beyond the limit of connections nothing is said, and others go on") {
    HttpServer::Config config;
    config.settings.connections_max = 1;
    TlsFixture fixture(std::move(config));
    TlsClient first(fixture.port());
    CHECK(first.exchange(post(kEcho)).status == 200);
    CHECK_THROWS(TlsClient(fixture.port()));
    CHECK(first.exchange(post(kEcho)).status == 200);
}

TEST_CASE("tls: a new pair serves new connections while old ones go on; a bad one changes nothing") {
    TlsFixture fixture;
    TlsClient before(fixture.port());
    CHECK(before.servedBy() == "first");
    const Result<bool> same = fixture.certificate->reload();
    REQUIRE(same);
    CHECK_FALSE(*same);

    fixture.certificates.write("second");
    const Result<bool> changed = fixture.certificate->reload();
    REQUIRE(changed);
    CHECK(*changed);
    CHECK(TlsClient(fixture.port()).servedBy() == "second");
    CHECK(before.exchange(post(kEcho)).body == kEcho);

    const Key other = makeKey();
    fixture.certificates.writeKey(other.get());
    const Result<bool> foreign = fixture.certificate->reload();
    REQUIRE_FALSE(foreign);
    CHECK(foreign.error().message.find("is not that of the certificate") != std::string::npos);
    CHECK(TlsClient(fixture.port()).servedBy() == "second");
    CHECK(before.exchange(post(kEcho)).body == kEcho);
}

TEST_CASE("tls: files that change are seen without being told, once both are there") {
    TlsFixture fixture;
    Counter changed, refused;
    fixture.certificate->watch(5ms, [&](const Result<bool>& result) {
        if (!result) return refused.add();
        if (*result) changed.add();
    });
    fixture.certificates.write("second");
    REQUIRE(changed.reaches(1));
    CHECK(TlsClient(fixture.port()).servedBy() == "second");
    std::ofstream(fixture.certificates.files().certificate) << "nothing";
    REQUIRE(refused.reaches(1));
    CHECK(TlsClient(fixture.port()).servedBy() == "second");
    const int tries = changed.value();
    fixture.certificates.write("third");
    REQUIRE(changed.reaches(tries + 1));
    CHECK(TlsClient(fixture.port()).servedBy() == "third");
}

TEST_CASE("tls: what cannot be served is refused with the file and the reason") {
    Certificates certificates;
    const auto problem = [&] {
        auto loaded = TlsCertificate::load(certificates.files());
        return loaded ? std::string() : loaded.error().message;
    };
    CHECK(problem() == concat("transports.http.tls.certificate: ", certificates.files().certificate, " is not there"));
    certificates.write("fine");
    CHECK(problem().empty());
    const Key key = makeKey();
    certificates.writeKey(key.get());
    CHECK(problem().find("is not that of the certificate") != std::string::npos);
    certificates.writeCertificate("fine", key.get());
    CHECK(problem().empty());
    certificates.writeKey(key.get(), "secret");
    CHECK(problem().find("is no PEM key without a passphrase") != std::string::npos);
    std::ofstream(certificates.files().certificate) << "no certificate";
    CHECK(problem().find("is no PEM certificate") != std::string::npos);
    fs::remove(certificates.files().key);
    CHECK(problem() == concat("transports.http.tls.key: ", certificates.files().key, " is not there"));
}

TEST_CASE("tls: an expired certificate and a key everybody can read are served with a warning") {
    Certificates certificates;
    certificates.write("old", -1);
    fs::permissions(certificates.files().key, fs::perms::owner_read);
    auto loaded = TlsCertificate::load(certificates.files());
    REQUIRE(loaded);
    REQUIRE((*loaded)->warnings().size() == 1);
    CHECK((*loaded)->warnings().front().find("has expired: /CN=old, until 2") != std::string::npos);
    fs::permissions(certificates.files().key, fs::perms::others_read, fs::perm_options::add);
    CHECK((*loaded)->warnings().size() == 2);
    certificates.write("new");
    REQUIRE((*loaded)->reload());
    fs::permissions(certificates.files().key, fs::perms::owner_read);
    CHECK((*loaded)->warnings().empty());
}

TEST_CASE("tls: many connections on several shards, while the certificate changes under them") {
    TlsFixture fixture({}, 2);
    std::atomic<int> right{0};
    std::vector<std::thread> clients;
    clients.reserve(4);
    for (int c = 0; c < 4; ++c) {
        clients.emplace_back([&, c] {
            for (int connection = 0; connection < 5; ++connection) {
                TlsClient client(fixture.port());
                for (int i = 0; i < 10; ++i) {
                    const std::string body = concat(R"({"do":"echo","id":")", c, "-", i, "\"}");
                    if (client.exchange(post(body)).body == body) ++right;
                }
            }
        });
    }
    for (int i = 0; i < 5; ++i) {
        fixture.certificates.write(concat("pair ", i));
        CHECK(fixture.certificate->reload());
    }
    for (auto& client : clients)
        client.join();
    CHECK(right.load() == 4 * 5 * 10);
}

}  // namespace howdah::kernel::test
