// The transcripts over every transport. protocol_test plays them at the seam; here each byte crosses a pipe or a
// socket.
#include "tests/kernel/protocol/wires.hpp"

#include <doctest/doctest.h>

using namespace howdah::kernel;
using namespace howdah::kernel::test;

TEST_CASE("wires: every transcript holds over every transport in each revision it names") {
    const auto transcripts = howdah::conformance::readTranscripts(HOWDAH_TRANSCRIPTS);
    REQUIRE(transcripts.size() >= 20);
    for (const Wire& wire : wires()) {
        int played = 0;
        for (const auto& transcript : transcripts) {
            for (const std::string& revision : howdah::conformance::kRevisions) {
                if (!transcript.covers(revision)) continue;
                Server server({.progress_interval = std::chrono::milliseconds(0)});
                const auto client = wire.open(server);
                if (!transcript.covers(*client)) continue;
                CHECK_MESSAGE(howdah::conformance::run(transcript, revision, *client) == "", transcript.title);
                ++played;
            }
        }
        CAPTURE(wire.name);
        CHECK(played >= 60);
    }
}
