#include "tests/kernel/protocol/wires.hpp"

#include <stdexcept>
#include <thread>
#include <utility>

#include <fcntl.h>

#include "kernel/transport/http.hpp"
#include "kernel/transport/stdio.hpp"
#include "tests/kernel/transport/http_client.hpp"
#include "tests/kernel/transport/websocket_client.hpp"

namespace howdah::kernel::test {
namespace {

// Two pipes and a StdioServer at their other ends.
class StdioWire final : public conformance::TranscriptClient {
public:
    explicit StdioWire(Server& server) {
        int in[2], out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        to_server_ = in[1];
        from_server_ = out[0];
        auto started =
            StdioServer::start(server.runtime->shard(0), StdioChannel::adopt(in[0], out[1]), {}, server.protocol);
        if (!started) throw std::runtime_error(started.error().message);
        server_ = std::move(*started);
    }
    ~StdioWire() override {
        ::close(to_server_);
        server_.reset();
        ::close(from_server_);
    }

    bool http() const override { return false; }
    void send(const std::string& body, const Headers&) override {
        const std::string line = body + "\n";
        if (::write(to_server_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
            throw std::runtime_error("a pipe took part of a line");
    }
    std::optional<Received> receive() override {
        std::size_t end = 0;
        while ((end = buffer_.find('\n')) == std::string::npos) {
            pollfd readable{from_server_, POLLIN, 0};
            char bytes[65536];
            const ssize_t count = ::poll(&readable, 1, 10'000) == 1 ? ::read(from_server_, bytes, sizeof bytes) : 0;
            if (count <= 0) return std::nullopt;
            buffer_.append(bytes, static_cast<std::size_t>(count));
        }
        Received received{.json = buffer_.substr(0, end)};
        buffer_.erase(0, end + 1);
        return received;
    }

private:
    int to_server_, from_server_;
    std::unique_ptr<StdioServer> server_;
    std::string buffer_;
};

std::unique_ptr<HttpServer> listening(Server& server) {
    HttpServer::Config config;
    config.listen = {*ListenAddress::parse("127.0.0.1:0")};
    auto started = HttpServer::start(*server.runtime, std::move(config), server.protocol, nullptr);
    if (!started) throw std::runtime_error(started.error().message);
    return std::move(*started);
}

// Streamable HTTP: each message is a POST on a connection of its own, read by a thread of its own, so that several can
// be in flight.
class HttpWire final : public conformance::TranscriptClient {
public:
    explicit HttpWire(Server& server) : server_(server), http_(listening(server)) {}
    ~HttpWire() override {
        http_.reset();  // ends what is still open
        for (std::thread& reader : readers_)
            reader.join();
    }

    bool http() const override { return true; }
    void send(const std::string& body, const Headers& headers) override {
        std::string lines;
        for (const auto& [name, value] : headers)
            lines += concat(name, ": ", value, "\r\n");
        const std::size_t before = server_.protocol.inFlight();
        auto client = std::make_shared<Client>(http_->port());
        client->send(post(body, lines));
        auto answered = std::make_shared<std::atomic<bool>>(false);
        readers_.emplace_back([this, client, answered] {
            read(*client);
            *answered = true;
        });
        // Messages of one client arrive in order elsewhere; here the next may overtake this one until it has begun.
        while (!*answered && server_.protocol.inFlight() <= before)
            std::this_thread::yield();
    }
    std::optional<Received> receive() override { return mailbox_.take(); }

private:
    static Headers headersIn(const std::string& head) {
        Headers headers;
        for (std::size_t at = head.find("\r\n") + 2, end = 0; (end = head.find("\r\n", at)) != at; at = end + 2) {
            const std::size_t colon = head.find(": ", at);
            headers[head.substr(at, colon - at)] = head.substr(colon + 2, end - colon - 2);
        }
        return headers;
    }

    void read(Client& client) {
        try {
            Received received;
            std::string head = client.readUntil("\r\n\r\n");
            // NOLINTNEXTLINE(cert-err34-c): what is no number is no status either, 0
            received.status = std::atoi(head.c_str() + 9);
            received.headers = headersIn(head);
            if (received.headers["Content-Type"] == "text/event-stream") return readEvents(client, received);
            const bool chunked = received.headers.contains("Transfer-Encoding");
            if (!chunked) {
                received.json = client.readBytes(std::strtoul(received.headers["Content-Length"].c_str(), nullptr, 10));
            } else {
                for (std::string chunk; !(chunk = client.readChunk()).empty();)
                    received.json += chunk;
            }
            mailbox_.put(std::move(received));
        } catch (const std::runtime_error&) {  // NOLINT(bugprone-empty-catch): as follows
            // The end of the test closed the connection; a message that was expected is missed by receive().
        }
    }

    void readEvents(Client& client, Received received) {
        constexpr std::string_view kData = "data: ";
        bool answered = false;
        std::string stream;
        for (std::string chunk; !(chunk = client.readChunk()).empty();) {
            stream += chunk;
            for (std::size_t end = 0; (end = stream.find("\n\n")) != std::string::npos; stream.erase(0, end + 2)) {
                const std::string event = "\n" + stream.substr(0, end);
                const std::size_t data = event.find(concat("\n", kData));
                if (data == std::string::npos) continue;
                const std::size_t begin = data + 1 + kData.size();
                received.json = event.substr(begin, event.find('\n', begin) - begin);
                if (received.json.empty()) continue;
                answered = answered || received.json.find("\"method\"") == std::string::npos;
                mailbox_.put(received);
            }
        }
        received.json.clear();
        if (!answered) mailbox_.put(std::move(received));
    }

    Server& server_;
    Mailbox mailbox_;
    std::unique_ptr<HttpServer> http_;
    std::vector<std::thread> readers_;
};

class WebSocketWire final : public conformance::TranscriptClient {
public:
    explicit WebSocketWire(Server& server) : http_(listening(server)), client_(http_->port()) {}
    ~WebSocketWire() override {
        client_.close();
        http_.reset();
    }

    bool http() const override { return false; }
    std::string_view name() const override { return "websocket"; }
    void send(const std::string& body, const Headers&) override { client_.text(body); }
    std::optional<Received> receive() override {
        try {
            return Received{.json = client_.message()};
        } catch (const std::runtime_error&) {
            return std::nullopt;
        }
    }

private:
    std::unique_ptr<HttpServer> http_;
    WebSocketClient client_;
};

template <typename Client>
std::unique_ptr<conformance::TranscriptClient> opened(Server& server) {
    return std::make_unique<Client>(server);
}

constexpr Wire kWires[] = {
    {"stdio", &opened<StdioWire>},
    {"http", &opened<HttpWire>},
    {"websocket", &opened<WebSocketWire>},
};

}  // namespace

std::span<const Wire> wires() {
    return kWires;
}

}  // namespace howdah::kernel::test
