// The transcripts over gRPC: the plugin as it is installed, the kernel's channels behind it, and a client generated
// from the published .proto.
#include <functional>
#include <future>
#include <thread>

#include <doctest/doctest.h>
#include <grpcpp/grpcpp.h>
#include <mcp.grpc.pb.h>

#include "kernel/transport/client_channels.hpp"
#include "tests/conformance/transcript.hpp"
#include "tests/kernel/protocol/fake_peer.hpp"
#include "tests/plugins/grpc/plugin_stage.hpp"

namespace howdah::kernel::test {
namespace {

namespace wire = howdah::mcp::v1;

using grpc_transport::ChannelCalls;
using grpc_transport::PluginStage;

class GrpcWire final : public conformance::TranscriptClient {
public:
    explicit GrpcWire(Server& server) : runtime_(*server.runtime), channels_(runtime_, server.protocol, {}) {
        channels_.letIn(nullptr, "", nullptr);
        stage_ = PluginStage::start(HOWDAH_GRPC_PLUGIN, calls());
        stub_ = wire::Mcp::NewStub(grpc::CreateChannel(stage_->address(), grpc::InsecureChannelCredentials()));
        stream_ = stub_->Connect(&context_);
        reader_ = std::thread([this] {
            for (wire::Message message; stream_->Read(&message);)
                mailbox_.put({.json = message.json()});
        });
    }
    ~GrpcWire() override {
        context_.TryCancel();
        reader_.join();
        (void)stream_->Finish();
        onFiber([&] { channels_.beginDrain(nullptr, "the test is over"); });
        stage_.reset();
    }

    bool http() const override { return false; }
    std::string_view name() const override { return "grpc"; }
    void send(const std::string& body, const Headers&) override {
        wire::Message message;
        message.set_json(body);
        CHECK(stream_->Write(message));
    }
    std::optional<Received> receive() override { return mailbox_.take(); }

private:
    // What the kernel's host does: each call on a fiber, while the caller waits.
    ChannelCalls calls() {
        constexpr auto kNever = Deadline::never();
        return {
            .open =
                [this](std::string_view name) {
                    Result<std::uint64_t> done{Error{}};
                    onFiber([&] { done = channels_.open(this, {name, "", "here"}, nullptr); });
                    return done;
                },
            .submit =
                [this, kNever](std::uint64_t channel, std::string_view message) {
                    Result<void> done;
                    onFiber([&] { done = channels_.submit(channel, message, nullptr, kNever); });
                    return done;
                },
            .receive =
                [this, kNever](std::uint64_t channel) {
                    Result<std::string> done{Error{}};
                    onFiber([&] { done = channels_.receive(channel, nullptr, kNever); });
                    return done;
                },
            .finish = [this](std::uint64_t channel) { return channels_.finish(channel); },
            .close = [this](std::uint64_t channel) { channels_.close(channel); },
        };
    }
    void onFiber(const std::function<void()>& body) {
        auto done = std::make_shared<std::promise<void>>();
        auto over = done->get_future();
        Shard& shard = runtime_.nextShard();
        shard.post([&shard, &body, done] {
            shard.spawn(Task([&body, done] {
                body();
                done->set_value();
            }));
        });
        over.wait();
    }

    Runtime& runtime_;
    ClientChannels channels_;
    Mailbox mailbox_;
    std::unique_ptr<PluginStage> stage_;
    grpc::ClientContext context_;
    std::unique_ptr<wire::Mcp::Stub> stub_;
    std::unique_ptr<grpc::ClientReaderWriter<wire::Message, wire::Message>> stream_;
    std::thread reader_;
};

}  // namespace

TEST_CASE("grpc: every transcript holds over gRPC in each revision it names") {
    const auto transcripts = howdah::conformance::readTranscripts(HOWDAH_TRANSCRIPTS);
    REQUIRE(transcripts.size() >= 20);
    int played = 0;
    for (const auto& transcript : transcripts) {
        for (const std::string& revision : howdah::conformance::kRevisions) {
            if (!transcript.covers(revision)) continue;
            Server server({.progress_interval = std::chrono::milliseconds(0)});
            GrpcWire client(server);
            if (!transcript.covers(client)) continue;
            CHECK_MESSAGE(howdah::conformance::run(transcript, revision, client) == "", transcript.title);
            ++played;
        }
    }
    CHECK(played >= 60);
}

}  // namespace howdah::kernel::test
