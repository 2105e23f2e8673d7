// The transports a transcript runs over, each a real one: a server's own transport on one side, a client that speaks it
// byte by byte on the other. A new transport is one more row.
#pragma once

#include <memory>
#include <span>

#include "tests/conformance/transcript.hpp"
#include "tests/kernel/protocol/fake_peer.hpp"

namespace howdah::kernel::test {

struct Wire {
    const char* name;
    // Opens the transport on that server and connects to it. The client owns both ends.
    std::unique_ptr<conformance::TranscriptClient> (*open)(Server& server);
};
std::span<const Wire> wires();

}  // namespace howdah::kernel::test
