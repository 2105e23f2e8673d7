// GrpcServer: the listening half, and all that is known of gRPC here (server.cpp includes its headers, nobody else).
//
// Threads: start() and stop() [control]; the handler's functions on gRPC's threads.
// Owns:    gRPC's threads and sockets; every call until its Wire was finished and gRPC is done with it.
// Errors:  start(): unavailable when the address is taken or cannot be listened on.
// Source:  gRPC C++ callback API; gRPC over HTTP/2 (PROTOCOL-HTTP2.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <howdah/plugin.hpp>

#include "config.hpp"
#include "stream.hpp"

namespace howdah::grpc_transport {

class StreamHandler {
public:
    virtual ~StreamHandler() = default;
    // A client came through the door: somebody is to serve the stream, which ends with Wire::finish().
    virtual void serve(const std::shared_ptr<Stream>& stream) = 0;
    // gRPC is done with a stream that was finished.
    virtual void ended(const Stream& stream) = 0;
};

class GrpcServer {
public:
    static Result<std::unique_ptr<GrpcServer>> start(const Config& config, const Host& host, StreamHandler& handler);
    ~GrpcServer();
    GrpcServer(const GrpcServer&) = delete;
    GrpcServer& operator=(const GrpcServer&) = delete;

    const std::string& address() const;  // as listened on, with the port
    std::size_t streamCount() const;
    static std::string libraryVersion();

    // Accepts nothing more, waits until what is open has ended, at most `grace`, then cuts it off. Blocks.
    void stop(std::chrono::milliseconds grace);

    struct State;

private:
    explicit GrpcServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace howdah::grpc_transport
