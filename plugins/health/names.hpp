// Looking up a host's name, on a thread that may block.
//
// Threads: run() on a worker, error() after it; the waiter may have gone by then.
// Source:  getaddrinfo(3).
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

namespace howdah::health {

// Not a path of a socket, not an address.
inline bool needsLookup(const std::string& host) {
    if (host.empty() || host[0] == '/' || host[0] == '@') return false;
    unsigned char address[sizeof(in6_addr)];
    return inet_pton(AF_INET, host.c_str(), address) != 1 && inet_pton(AF_INET6, host.c_str(), address) != 1;
}

class Lookup {
public:
    explicit Lookup(std::string name) : name_(std::move(name)) {}

    void run() {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        const int failed = getaddrinfo(name_.c_str(), nullptr, &hints, &found);
        if (found) freeaddrinfo(found);
        const std::lock_guard lock(mutex_);
        if (failed) error_ = gai_strerror(failed);
    }
    std::string error() const {
        const std::lock_guard lock(mutex_);
        return error_;
    }

private:
    const std::string name_;
    mutable std::mutex mutex_;
    std::string error_;
};

}  // namespace howdah::health
