// MessageOutput: how whole messages leave over one duplex channel (a pipe, a WebSocket, a gRPC stream). Whole messages
// and one message in pieces at a time; what others write meanwhile goes out behind it.
//
// Threads: push() any; the rest in fibers.
// Errors:  cancelled once the peer is gone or the output was closed.
#pragma once

#include <string_view>

#include <howdah/result.hpp>

namespace howdah::kernel {

class MessageOutput {
public:
    virtual ~MessageOutput() = default;

    // [any] Queues a whole message without waiting; false when there is no room or nobody to read it.
    virtual bool push(std::string_view json) = 0;
    // Queues a whole message; parks while there is no room.
    virtual Result<void> write(std::string_view json) = 0;

    // A message in pieces. begin() parks until nobody else is at one, piece() while there is no room; after a begin()
    // that went well end() must follow, also when a piece failed.
    virtual Result<void> begin() = 0;
    virtual Result<void> piece(std::string_view bytes) = 0;
    virtual void end() = 0;
};

inline Error peerGone() {
    return Error::cancelled("the client has gone");
}

}  // namespace howdah::kernel
