// A raw HTTP client: sends bytes as they are, reads one response at a time. Every wait ends after 20 s.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace howdah::kernel::test {

struct Response {
    int status = 0;
    std::string head;
    std::string body;  // chunks put together
    bool chunked = false;
    bool closes = false;

    bool has(std::string_view header_line) const { return head.find(header_line) != std::string::npos; }
};

// Takes responses out of the bytes of a connection, one at a time.
class ResponseReader {
public:
    virtual ~ResponseReader() = default;
    // More bytes into the buffer; false at the end of the stream.
    virtual bool more() = 0;

    bool atEnd() {
        while (more())
            buffer_.clear();
        return true;
    }

    std::string readUntil(std::string_view mark) {
        std::size_t at;
        while ((at = buffer_.find(mark)) == std::string::npos)
            if (!more()) throw std::runtime_error("the server closed; so far: " + buffer_.substr(0, 500));
        std::string text = buffer_.substr(0, at + mark.size());
        buffer_.erase(0, text.size());
        return text;
    }
    std::string readBytes(std::size_t count) {
        while (buffer_.size() < count)
            if (!more()) throw std::runtime_error("the server closed within a body");
        std::string text = buffer_.substr(0, count);
        buffer_.erase(0, count);
        return text;
    }
    std::string readToEnd() {
        while (more()) {
        }
        return std::exchange(buffer_, {});
    }

    // Status 0: the server closed without a response.
    Response read() {
        Response response;
        try {
            response.head = readUntil("\r\n\r\n");
        } catch (const std::runtime_error&) {
            return response;
        }
        // NOLINTNEXTLINE(cert-err34-c): what is no number is no status either, 0
        response.status = std::atoi(response.head.c_str() + 9);
        response.closes = response.has("Connection: close\r\n");
        response.chunked = response.has("Transfer-Encoding: chunked\r\n");
        if (response.chunked) {
            for (;;) {
                const std::string chunk = readChunk();
                if (chunk.empty()) break;
                response.body += chunk;
            }
        } else if (const auto at = response.head.find("Content-Length: "); at != std::string::npos) {
            response.body = readBytes(std::strtoul(response.head.c_str() + at + 16, nullptr, 10));
        } else if (response.status != 204 && response.status != 100) {
            response.body = readToEnd();
        }
        return response;
    }
    // "" is the last one.
    std::string readChunk() {
        const std::size_t size = std::strtoul(readUntil("\r\n").c_str(), nullptr, 16);
        std::string chunk = readBytes(size + 2);
        chunk.resize(size);
        return chunk;
    }

protected:
    std::string buffer_;
};

class Client : public ResponseReader {
public:
    // `to`: in network order.
    explicit Client(std::uint16_t port, int receive_buffer = 0, in_addr_t to = htonl(INADDR_LOOPBACK))
        : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = to;
        connectTo(&address, sizeof address);
    }
    explicit Client(const std::string& unix_path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
        connectTo(&address, sizeof address);
    }
    ~Client() override { close(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void close() {
        if (socket_ >= 0) ::close(socket_);
        socket_ = -1;
    }
    void reset() {  // an RST instead of a FIN
        const linger at_once{1, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }
    int descriptor() const { return socket_; }
    void closeSending() { ::shutdown(socket_, SHUT_WR); }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;  // refused early: the response tells why
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    // Sends what fits now; the bytes taken.
    std::size_t sendSome(std::string_view bytes) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }

    bool more() override {
        pollfd readable{socket_, POLLIN, 0};
        if (::poll(&readable, 1, 20'000) != 1) throw std::runtime_error("no bytes from the server within 20 s");
        char bytes[65536];
        const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
        if (count <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(count));
        return true;
    }

    Response exchange(std::string_view request) {
        send(request);
        return read();
    }

private:
    void connectTo(const void* address, socklen_t size) {
        if (socket_ >= 0 && ::connect(socket_, static_cast<const sockaddr*>(address), size) == 0) return;
        close();
        throw std::runtime_error("connect");
    }

    int socket_;
};

inline std::string post(std::string_view body, std::string_view extra = {},
                        std::string_view accept = "application/json, text/event-stream") {
    return std::string("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: ")
        .append(accept)
        .append("\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n")
        .append(extra)
        .append("\r\n")
        .append(body);
}

inline const std::string kEcho = R"({"do":"echo"})";

}  // namespace howdah::kernel::test
