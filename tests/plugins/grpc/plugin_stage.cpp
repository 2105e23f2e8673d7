#include "tests/plugins/grpc/plugin_stage.hpp"

#include <stdexcept>

#include <howdah/abi/transport.h>
#include <howdah/test/fake_host.hpp>

namespace howdah::grpc_transport {
namespace {

class Stage;
Stage* current = nullptr;

class Stage final : public PluginStage {
public:
    Stage(const char* library, ChannelCalls its_calls) : calls(std::move(its_calls)) {
        current = this;
        host_.interfaces = {{HOWDAH_TRANSPORT_1, &kTable}};
        for (const std::string& wrong : {host_.loadFile(library), host_.start(R"({"listen":"127.0.0.1:0"})")})
            if (!wrong.empty()) throw std::runtime_error(wrong);
    }
    ~Stage() override { host_.stop(); }
    std::string address() const override {
        constexpr std::string_view kSaid = "listening on ";
        for (const std::string& line : host_.logLines())
            if (const std::size_t at = line.find(kSaid); at != std::string::npos) return line.substr(at + kSaid.size());
        return "";
    }
    ChannelCalls calls;

private:
    template <typename T>
    static howdah_status settle(howdah_ctx* ctx, const Result<T>& done) {
        if (done) return HOWDAH_OK;
        ctx->error = done.error();
        return static_cast<howdah_status>(ctx->error.code);
    }
    static howdah_status open(howdah_ctx* ctx, const howdah_channel_peer* peer, std::uint64_t* channel) {
        auto opened = current->calls.open(fromAbi(peer->transport));
        if (opened) *channel = *opened;
        return settle(ctx, opened);
    }
    static howdah_status submit(howdah_ctx* ctx, std::uint64_t channel, howdah_str message, std::uint64_t) {
        return settle(ctx, current->calls.submit(channel, fromAbi(message)));
    }
    static howdah_status receive(howdah_ctx* ctx, std::uint64_t channel, std::uint64_t, howdah_str* message) {
        auto received = current->calls.receive(channel);
        if (!received) return settle(ctx, received);
        thread_local std::string last;  // one task, one thread
        last = std::move(*received);
        *message = toAbi(last);
        return HOWDAH_OK;
    }
    static howdah_status finish(howdah_ctx* ctx, std::uint64_t channel) {
        return settle(ctx, current->calls.finish(channel));
    }
    static void close(const howdah_host*, std::uint64_t channel) { current->calls.close(channel); }
    static constexpr howdah_transport_v1 kTable{
        sizeof(howdah_transport_v1), 0, &open, &submit, &receive, &finish, &close};

    mutable test::FakeHost host_;
};

}  // namespace

std::unique_ptr<PluginStage> PluginStage::start(const char* library, ChannelCalls calls) {
    return std::make_unique<Stage>(library, std::move(calls));
}

}  // namespace howdah::grpc_transport
