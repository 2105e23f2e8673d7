// A TCP port in front of a PostgreSQL on a unix socket, which can stop answering: from then on connections are accepted
// and nothing comes of them, as with a host behind a firewall that drops packets. What is held passes later.
//
// Threads: one of its own for each connection. Owns: its sockets.
#pragma once

#include <atomic>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace howdah::test {

class ToyProxy {
public:
    explicit ToyProxy(std::string unix_socket) : unix_socket_(std::move(unix_socket)) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0)
            throw std::runtime_error("the proxy cannot listen");
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        threads_.emplace_back([this] { acceptAll(); });
    }
    ToyProxy(const ToyProxy&) = delete;
    ToyProxy& operator=(const ToyProxy&) = delete;
    ~ToyProxy() {
        stopping_ = true;
        for (std::size_t i = 0;; ++i) {
            std::unique_lock lock(mutex_);
            if (i == threads_.size()) break;
            std::thread thread = std::move(threads_[i]);
            lock.unlock();
            thread.join();
        }
        close(listener_);
    }

    std::string dsn(const std::string& more = "") const {
        return "host=127.0.0.1 port=" + std::to_string(port_) + " user=postgres dbname=postgres sslmode=disable" + more;
    }
    // New connections get no answer; those there are work on.
    void swallowNew(bool swallow) { swallow_new_ = swallow; }
    // Nothing passes any more, in either direction, on any connection.
    void swallowAll() { swallow_all_ = true; }
    // The same, until release(): then they are served.
    void holdNew() { hold_new_ = true; }
    void release() { hold_new_ = false; }
    int accepted() const { return accepted_; }
    int closed() const { return closed_; }  // of those that were served
    int swallowed() const { return swallowed_; }

private:
    void acceptAll() {
        while (!stopping_) {
            pollfd watched{listener_, POLLIN, 0};
            if (poll(&watched, 1, 20) <= 0) continue;
            int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) continue;
            ++accepted_;
            const bool swallow = swallow_new_ || swallow_all_;
            if (swallow) ++swallowed_;
            std::lock_guard lock(mutex_);
            threads_.emplace_back([this, client, swallow] { serve(client, swallow); });
        }
    }
    void serve(int client, bool swallow) {
        const bool held = hold_new_;
        int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, unix_socket_.c_str(), sizeof address.sun_path - 1);
        bool passes = !swallow && connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        while (!stopping_) {
            if (swallow || swallow_all_) {
                poll(nullptr, 0, 20);
                continue;
            }
            if (!passes) break;
            if (held && hold_new_) {
                poll(nullptr, 0, 20);
                continue;
            }
            pollfd both[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
            if (poll(both, 2, 20) <= 0) continue;
            passes = pass(both[0], server) && pass(both[1], client);
        }
        if (!swallow) ++closed_;
        close(client);
        close(server);
    }
    static bool pass(const pollfd& from, int to) {
        if (from.revents == 0) return true;
        char bytes[65536];
        ssize_t got = recv(from.fd, bytes, sizeof bytes, 0);
        return got > 0 && send(to, bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
    }

    const std::string unix_socket_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<bool> stopping_{false}, swallow_new_{false}, swallow_all_{false}, hold_new_{false};
    std::atomic<int> accepted_{0}, swallowed_{0}, closed_{0};
    std::mutex mutex_;
    std::vector<std::thread> threads_;
};

}  // namespace howdah::test
