#include "kernel/protocol/stream_log.hpp"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace howdah::kernel;

namespace {

class Stream final : public PeerLink {
public:
    explicit Stream(bool takes = true) : takes_(takes) {}
    bool push(std::string) override { return false; }  // a log gives every message an id
    bool pushEvent(std::string json, std::string_view id) override {
        if (!takes_) return false;
        said.emplace_back(std::string(id), std::move(json));
        return true;
    }
    std::vector<std::pair<std::string, std::string>> said;
    void breakOff() { takes_ = false; }

private:
    bool takes_;
};

using Said = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("stream log: a client that comes back for an answer gets what it has not seen, and then the rest") {
    StreamLog log(Revision::v2025_11_25);
    const auto answer = log.beginAnswer("1");
    const std::string id = std::to_string(answer);
    log.append(answer, "one");
    log.append(answer, "two");
    CHECK_FALSE(log.continuesElsewhere(answer));

    auto back = std::make_shared<Stream>();
    CHECK(log.resume(id + "-1", {back, nullptr}) == StreamLog::Resumed::yes);
    CHECK(log.continuesElsewhere(answer));
    CHECK(back->said == Said{{id + "-2", "two"}});
    log.append(answer, "three");
    std::weak_ptr<Stream> open = back;
    back.reset();
    CHECK(open.lock()->said.back().second == "three");
    log.finishAnswer(answer, "the answer");
    CHECK(open.expired());  // nobody holds it: the transport closes it

    auto late = std::make_shared<Stream>();
    CHECK(log.resume(id + "-3", {late, nullptr}) == StreamLog::Resumed::yes);
    CHECK(late->said == Said{{id + "-4", "the answer"}});
    CHECK(late.use_count() == 1);
}

TEST_CASE("stream log: ids that name no event are told apart from events no longer kept") {
    StreamLog log(Revision::v2025_11_25);
    const auto answer = log.beginAnswer("1");
    const std::string id = std::to_string(answer);
    auto stream = std::make_shared<Stream>();
    for (const std::string& wrong : {std::string(), id, id + "-", id + "-x", id + "-1", id + "-1x", std::string("99-0"),
                                     std::string("99999999999999999999-0"), "-" + id})
        CHECK(log.resume(wrong, {stream, nullptr}) == StreamLog::Resumed::unknown);
    CHECK(log.resume(id + "-0", {stream, nullptr}) == StreamLog::Resumed::yes);
    for (int i = 0; i < 3; ++i)
        log.append(answer, std::string(StreamLog::kBytesMax / 2, 'x'));
    CHECK(log.resume(id + "-0", {stream, nullptr}) == StreamLog::Resumed::forgotten);
    CHECK(log.resume(id + "-1", {stream, nullptr}) == StreamLog::Resumed::yes);
}

TEST_CASE("stream log: an answer whose client was given no id leaves nothing behind") {
    StreamLog log(Revision::v2025_11_25);
    for (std::size_t i = 0; i < 10 * StreamLog::kStreamsMax; ++i)
        log.finishAnswer(log.beginAnswer("1"), "");
    CHECK(log.beginAnswer("1") == 10 * StreamLog::kStreamsMax + 1);
    CHECK(StreamLog(Revision::v2024_11_05).beginAnswer("1") == 0);
}

TEST_CASE("stream log: a message goes to one open stream, and waits for its client when all have broken") {
    StreamLog log(Revision::v2025_11_25);
    CHECK_FALSE(log.push("nobody"));
    auto first = std::make_shared<Stream>(), second = std::make_shared<Stream>();
    CHECK(log.listen({first, nullptr}, 2));
    CHECK(log.listen({second, nullptr}, 2));
    CHECK_FALSE(log.listen({std::make_shared<Stream>(), nullptr}, 2));
    CHECK(second->said == Said{{"2-0", ""}});
    CHECK(log.push("a"));
    CHECK(second->said.back().second == "a");
    second->breakOff();
    CHECK(log.push("b"));
    CHECK(first->said.back().second == "b");
    first->breakOff();
    CHECK(log.push("c"));
    CHECK_FALSE(log.listening());

    auto back = std::make_shared<Stream>();
    CHECK(log.resume("2-1", {back, nullptr}) == StreamLog::Resumed::yes);
    CHECK(back->said == Said{{"2-2", "c"}});
    CHECK(log.push("d"));
    CHECK(back->said.back() == std::pair<std::string, std::string>{"2-3", "d"});
}

TEST_CASE("stream log: ids of a session that instances share tell the instance and the request, whatever its id") {
    CHECK_FALSE(StreamLog::positionOf(""));
    CHECK_FALSE(StreamLog::positionOf("1"));
    CHECK_FALSE(StreamLog::positionOf("-1"));
    CHECK_FALSE(StreamLog::positionOf("1-x"));
    CHECK_FALSE(StreamLog::positionOf("a.1.-2"));
    CHECK_FALSE(StreamLog::positionOf("a.b-2"));
    const auto plain = StreamLog::positionOf("12-34");
    REQUIRE(plain);
    CHECK(plain->instance == "");
    CHECK(plain->stream == 12);
    CHECK(plain->event == 34);

    struct Written final : StreamLog::Mirror {
        StreamLog::Number nextStream() override { return ++given; }
        void said(StreamLog::Number stream, std::uint64_t event, const std::string& json, bool followed) override {
            lines.push_back(howdah::concat(stream, "-", event, " ", json, followed ? " followed" : ""));
        }
        void ended(StreamLog::Number stream, std::uint64_t event, bool) override {
            lines.push_back(howdah::concat(stream, "-", event, " end"));
        }
        void forgot(StreamLog::Number, std::uint64_t) override {}
        std::vector<std::string> lines;
        StreamLog::Number given = 0;
    } written;
    StreamLog log(Revision::v2025_11_25, "here", &written);
    // Its base64url has a dash.
    const std::string request = "\"\xfb\xef\xbe\"";
    const auto answer = log.beginAnswer(request);
    const std::string name = log.nameOf(answer);
    const auto position = StreamLog::positionOf(name + "-7");
    REQUIRE(position);
    CHECK(position->instance == "here");
    CHECK(position->stream == answer);
    CHECK(position->request == request);
    CHECK(position->event == 7);
    CHECK(position->stream_name == name);

    log.append(answer, "one");
    CHECK(log.resume("there.1-1", {std::make_shared<Stream>(), nullptr}) == StreamLog::Resumed::elsewhere);
    CHECK_FALSE(log.follow(answer + 1, request, 0));
    CHECK_FALSE(log.follow(answer, "2", 1));
    CHECK(log.resume("here.1.Mg-1", {std::make_shared<Stream>(), nullptr}) == StreamLog::Resumed::unknown);
    CHECK(log.resume("here.1-1", {std::make_shared<Stream>(), nullptr}) == StreamLog::Resumed::unknown);
    CHECK_FALSE(log.continuesElsewhere(answer));
    CHECK(log.follow(answer, request, 1));
    CHECK(log.continuesElsewhere(answer));
    log.finishAnswer(answer, "two");
    CHECK(written.lines == std::vector<std::string>{"1-1 one", "1-2 two followed", "1-2 end"});
    // What is asked for is written again; what is no longer kept is not known.
    written.lines.clear();
    CHECK(log.follow(answer, request, 1));
    CHECK(written.lines == std::vector<std::string>{"1-2 two", "1-2 end"});
    for (int i = 0; i < 3; ++i)
        log.append(answer, std::string(StreamLog::kBytesMax / 2, 'x'));
    CHECK_FALSE(log.follow(answer, request, 1));

    // A stream of no call that is listened to elsewhere: what it has said since goes there, and nothing more comes.
    auto listening = std::make_shared<Stream>();
    REQUIRE(log.listen({listening, nullptr}, 8));
    REQUIRE(log.push("a"));
    REQUIRE(log.push("b"));
    CHECK(listening->said.back().first == "here.2-2");
    CHECK(log.moveAway(2, 1) == std::vector<std::string>{"b"});
    CHECK_FALSE(log.push("c"));
    CHECK(listening.use_count() == 2);
    CHECK(listening->said.back().second == "b");
    CHECK(log.resume("here.2-1", {std::make_shared<Stream>(), nullptr}) == StreamLog::Resumed::elsewhere);
}
