// Bounds what libpq reads in one go while a large row arrives.
//
// libpq gives no part of a row: once it has seen a row's length it makes room for all of it and then reads for as long
// as the server is quick enough, 200 MB in a single call if need be. So from the second read of an answer on,
// libpq's descriptor is exchanged for one end of a socket pair, and this object carries the bytes across, counted, a
// piece at a time. TLS is not touched: what is carried is what the server sent.
//
// Threads: the connection's.
// Owns:    the pair. The connection's own descriptor is put back by leave(), which must come before anything is sent.
#pragma once

#include <cstddef>
#include <cstdint>

#include <libpq-fe.h>

namespace howdah::pool {

class MeteredInput {
public:
    explicit MeteredInput(int server) : server_(server) {}
    MeteredInput(const MeteredInput&) = delete;
    MeteredInput& operator=(const MeteredInput&) = delete;
    ~MeteredInput();

    bool isActive() const { return active_; }
    // False when the system has no descriptors left.
    bool enter(PGconn* connection);
    // Carries at most 64 KiB and lets libpq read them: how many, or -1 when the connection is broken.
    std::int64_t carry(PGconn* connection);
    // False when the connection is broken.
    bool leave(PGconn* connection);

private:
    bool holdsBytes() const;

    int server_;
    int ours_ = -1;
    int libpqs_ = -1;  // kept beside libpq's own number, to look into
    bool active_ = false;
};

}  // namespace howdah::pool
