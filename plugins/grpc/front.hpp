// Front: the listening socket, and one thread that carries bytes between clients and gRPC, past a FrameGuard. gRPC
// itself accepts nothing: it is handed one end of a socket pair for each client, so that the number of connections has
// a bound and a client that is no client can be cut off.
//
// Threads: start() and stop() [control]; addressOf() any; hand_over is called on the front's thread.
// Owns:    its thread, the clients' sockets, its ends of the pairs, at most 32 KiB for each connection. The listening
//          socket is shared with an instance that takes this one's place: the newest accepts.
// Errors:  start(): unavailable when the address is taken.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <howdah/host.hpp>

#include "frame_guard.hpp"

namespace howdah::grpc_transport {

class Front {
public:
    struct Config {
        std::string listen;  // HOST:PORT, an address
        std::size_t connections_max = 100;
        FrameGuard::Limits guard;
        std::chrono::milliseconds greeting_limit{5'000};  // from connecting to the HTTP/2 preface
    };
    using HandOver = std::function<void(int descriptor)>;  // takes ownership

    static Result<std::unique_ptr<Front>> start(Config config, const Host& host, HandOver hand_over);
    ~Front();
    Front(const Front&) = delete;
    Front& operator=(const Front&) = delete;

    const std::string& address() const { return address_; }
    std::string addressOf(int descriptor) const;  // of the client behind what was handed over
    std::size_t connectionCount() const;
    void stopAccepting() { accepting_ = false; }
    void stop();  // cuts off what is left

private:
    struct Listener;
    struct Connection;
    Front(Config config, const Host& host, HandOver hand_over, std::shared_ptr<Listener> listener);
    void run();
    void accept();
    bool mayAccept() const;

    const Config config_;
    const Host& host_;
    const HandOver hand_over_;
    const std::shared_ptr<Listener> listener_;
    std::string address_;
    int wake_ = -1;
    std::atomic<bool> accepting_{true};
    std::atomic<bool> stopping_{false};
    std::list<Connection> connections_;             // of the thread
    FrameGuard::Clock::time_point accept_again_{};  // after the system had no descriptor
    mutable std::mutex mutex_;
    std::map<int, std::string> clients_;  // by the descriptor that was handed over
    std::thread thread_;
};

}  // namespace howdah::grpc_transport
