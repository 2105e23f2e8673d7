// What instances tell one another: read back as it was written, and nothing else.
#include "plugins/cache/peer_message.hpp"

#include <doctest/doctest.h>

using namespace howdah::cache;

TEST_CASE("peer message: each kind is read back as it was written") {
    const WriteMessage write{"a1-7", 16384, WriteMessage::kWhole | WriteMessage::kDefines, {0, 17, 65535}};
    const auto begun = peerMessage(begunText(18446744073709551615u, write));
    REQUIRE(begun);
    CHECK(begun->kind == 'b');
    CHECK(begun->number == 18446744073709551615u);
    CHECK(begun->write == write);
    for (const bool settled : {false, true}) {
        const auto ended = peerMessage(endedText(3, settled));
        REQUIRE(ended);
        CHECK(ended->kind == 'e');
        CHECK(ended->number == 3);
        CHECK(ended->settled == settled);
    }
    const auto heard = peerMessage(heardText(9, "b2-1"));
    REQUIRE(heard);
    CHECK(heard->kind == 'a');
    CHECK(heard->number == 9);
    CHECK(heard->member == "b2-1");
}

TEST_CASE("peer message: what is none to the last byte is nothing") {
    for (const char* text : {"",
                             " ",
                             "b",
                             "b 1",
                             "b 1 x",
                             "b 1 x 2 3",
                             "b 1 x 2 3 ",
                             "b 1 x 2 3 4,",
                             "b 1 x 2 3 ,4",
                             "b 1 x 2 3 4 5",
                             "b 0 x 2 3 4",
                             "b -1 x 2 3 4",
                             "b 1 x 2 3 65536",
                             "b 1 x 2 3 -4",
                             "b 1 x y 2 3 4",
                             "b 1 x_ 2 3 4",
                             "b 1  2 3 4",
                             "b 18446744073709551616 x 2 3 4",
                             "b 1 x 4294967296 3 4",
                             "bb 1 x 2 3 4",
                             "e 1",
                             "e 1 2",
                             "e 1 1 ",
                             "e 1 11",
                             "a 1",
                             "a 1 ",
                             "a 1 x y",
                             "a 1 x\n",
                             "c 1 x",
                             "b\t1 x 2 3 4"})
        CHECK_MESSAGE(!peerMessage(text), text);
    CHECK(peerMessage("b 1 x 2 3 4"));
}

TEST_CASE("peer message: as many slots as may be, and not one more") {
    WriteMessage write{"x", 1, 0, std::vector<std::uint32_t>(WriteMessage::kSlotsMax, 1)};
    CHECK(peerMessage(begunText(1, write)));
    CHECK(begunText(1, write).size() < 64 * 1024);
    write.slots.push_back(1);
    CHECK_FALSE(peerMessage(begunText(1, write)));
}

TEST_CASE("peer message: a list of members is read as it was written, and nothing else is one") {
    std::vector<std::string> members;
    CHECK(membersIn(membersText(members)) == members);
    for (std::size_t i = 0; i < kMembersMax; ++i)
        members.push_back("m-" + std::to_string(i));
    CHECK(membersIn(membersText(members)) == members);
    members.emplace_back("one-more");
    CHECK_FALSE(membersIn(membersText(members)));
    for (const char* text : {" ", "a ", " a", "a  b", "a,b", "a\n"})
        CHECK_FALSE_MESSAGE(membersIn(text), text);
}

TEST_CASE("peer message: a name is short and plain") {
    CHECK(isPeerName(std::string(64, 'a')));
    CHECK_FALSE(isPeerName(std::string(65, 'a')));
    for (const char* name : {"", "a b", "a,b", "a/b", "a\n"})
        CHECK_FALSE(isPeerName(name));
}
