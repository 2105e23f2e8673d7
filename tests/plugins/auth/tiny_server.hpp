// An HTTP server small enough to be part of a test: every connection gets the same answer.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <howdah/result.hpp>

namespace howdah::auth::test {

// A server on loopback that answers each connection with one text.
class TinyServer {
public:
    explicit TinyServer(std::string answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(listener_, 8) == 0);
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~TinyServer() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    std::string url(std::string_view host = "127.0.0.1") const { return concat("http://", host, ":", port_, "/keys"); }
    int connections() const { return connections_; }
    void answer(std::string text) {
        std::lock_guard lock(mutex_);
        answer_ = std::move(text);
    }
    // While held, requests wait for their answer.
    std::unique_lock<std::mutex> hold() { return std::unique_lock(mutex_); }

private:
    void serve() {
        for (int client = ::accept(listener_, nullptr, nullptr); client >= 0;
             client = ::accept(listener_, nullptr, nullptr)) {
            ++connections_;
            char request[4096];
            if (::recv(client, request, sizeof request, 0) > 0) {
                std::lock_guard lock(mutex_);
                static_cast<void>(::send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL));
            }
            ::close(client);
        }
    }
    std::mutex mutex_;
    std::string answer_;
    int listener_;
    std::uint16_t port_ = 0;
    std::atomic<int> connections_{0};
    std::thread thread_;
};

inline std::string answerOf(std::string_view body) {
    return concat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n\r\n", body);
}

}  // namespace howdah::auth::test
