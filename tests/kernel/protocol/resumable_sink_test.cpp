#include "kernel/protocol/resumable_sink.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace howdah::kernel;
using namespace howdah;

namespace {

// A connection that can begin an event stream when it is told to, or with its first piece.
class Connection final : public ReplySink {
public:
    void status(int) override {}
    void header(std::string_view, std::string_view) override {}
    Result<void> notify(std::string_view json) override {
        events = true;
        return take(json);
    }
    Result<void> write(std::string_view bytes) override {
        events = events || events_only;
        return take(bytes);
    }
    Result<void> finish() override { return {}; }
    void resumable(const std::string& its_stream, bool) override { stream = its_stream; }
    bool primed() const override { return events && !stream.empty(); }

    bool events = false;
    bool events_only = false;
    bool broken = false;
    std::string stream;
    std::vector<std::string> said;

private:
    Result<void> take(std::string_view bytes) {
        if (broken) return Error::cancelled("the client has gone");
        said.emplace_back(bytes);
        return {};
    }
};

class Back final : public PeerLink {
public:
    bool push(std::string) override { return false; }
    bool pushEvent(std::string json, std::string_view) override {
        said.push_back(std::move(json));
        return true;
    }
    std::vector<std::string> said;
};

struct Call {
    std::shared_ptr<Session> session = std::make_shared<Session>("id", Revision::v2025_11_25, Client{}, Principal{});
    Connection connection;
    ResumableSink sink{connection, session, "7", true};

    std::vector<std::string> since(const std::string& event) {
        auto back = std::make_shared<Back>();
        if (session->streams.resume(connection.stream + "-" + event, {back, nullptr}) != StreamLog::Resumed::yes)
            return {"not resumed"};
        return back->said;
    }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("resumable: what is said and answered can be heard again, on the connection and after it broke") {
    Call call;
    REQUIRE(call.sink.notify("one"));
    call.connection.broken = true;
    REQUIRE(call.sink.notify("two"));
    REQUIRE(call.sink.write("ans"));
    REQUIRE(call.sink.write("wer"));
    REQUIRE(call.sink.finish());
    CHECK(call.connection.said == Texts{"one"});
    CHECK(call.since("0") == Texts{"one", "two", "answer"});
    CHECK(call.since("2") == Texts{"answer"});
}

TEST_CASE("resumable: the answer is whole for a client that takes events only") {
    Call call;
    call.connection.events_only = true;
    REQUIRE(call.sink.write("ans"));
    REQUIRE(call.sink.write("wer"));
    REQUIRE(call.sink.finish());
    CHECK(call.since("0") == Texts{"answer"});
}

TEST_CASE("resumable: once its client is back elsewhere, nothing more goes to the old connection") {
    Call call;
    REQUIRE(call.sink.notify("one"));
    auto back = std::make_shared<Back>();
    REQUIRE(call.session->streams.resume(call.connection.stream + "-1", {back, nullptr}) == StreamLog::Resumed::yes);
    REQUIRE(call.sink.notify("two"));
    REQUIRE(call.sink.write("answer"));
    REQUIRE(call.sink.notify("after the answer has begun"));
    REQUIRE(call.sink.finish());
    CHECK(call.connection.said == Texts{"one"});
    CHECK(back->said == Texts{"two", "answer"});
    CHECK(back.use_count() == 1);
}

TEST_CASE("resumable: an answer up to the bound is kept, a larger one is an error that says so") {
    for (const std::size_t more : {0, 1}) {
        Call call;
        REQUIRE(call.sink.notify("one"));
        REQUIRE(call.sink.write(std::string(StreamLog::kBytesMax - 10 + more * 10, 'x')));
        REQUIRE(call.sink.write(std::string(more, 'x')));
        REQUIRE(call.sink.finish());
        const std::string answer = call.since("1").back();
        if (more == 0) CHECK(answer.size() == StreamLog::kBytesMax - 10);
        if (more == 1) CHECK(answer.find(R"("id":7,"error":{"code":-32603)") != std::string::npos);
    }
}

TEST_CASE("resumable: an answer that came as JSON leaves nothing to come back for") {
    Call call;
    REQUIRE(call.sink.write("answer"));
    REQUIRE(call.sink.finish());
    CHECK(call.since("0") == Texts{"not resumed"});

    ResumableSink plain(call.connection, call.session, "8", false);
    call.connection.stream.clear();
    REQUIRE(plain.write("answer"));
    CHECK(call.connection.stream.empty());
}
