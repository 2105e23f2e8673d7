// The plugin: finds the stream a task is for, and starts and stops the server.
#include <map>
#include <mutex>

#include <howdah/plugin.hpp>

#include "server.hpp"

namespace howdah::grpc_transport {
namespace {

// Long enough for a client to take the last word, short enough for a reload.
constexpr std::chrono::milliseconds kStopGrace{500};

class GrpcTransport final : public Plugin, private StreamHandler {
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        config_ = std::move(*config);
        return {};
    }

    Result<void> start(Offer&) override {
        if (!Channel::served(host())) return {};  // howdah doctor, howdah call: the port may be the running server's
        auto started = GrpcServer::start(config_, host(), *this);
        if (!started) return started.error();
        server_ = std::move(*started);
        host().log(LogLevel::info, "listening on ", server_->address());
        return {};
    }

    void stop() override {
        if (server_) server_->stop(kStopGrace);
    }

    // Two tasks for each stream; the lowest bit of a token says which.
    void task(Context& context, std::uint64_t token) override {
        auto stream = find(token);
        if (!stream) return;
        if (token & 1) return stream->down(context);
        stream->up(context, [&] { return host().reactor().spawn(host().raw(), token | 1) >= 0; });
    }

    void drop(std::uint64_t token) override {
        auto stream = find(token);
        if (!stream) return;
        if (token & 1) return stream->neverDown();
        stream->neverUp();
    }

    void serve(const std::shared_ptr<Stream>& stream) override {
        std::uint64_t token = 0;
        {
            std::lock_guard lock(mutex_);
            token = next_;
            next_ += 2;
            streams_.emplace(token, stream);
        }
        if (host().reactor().spawn(host().raw(), token) < 0) stream->neverUp();
    }

    void ended(const Stream& stream) override {
        std::lock_guard lock(mutex_);
        std::erase_if(streams_, [&](const auto& entry) { return entry.second.get() == &stream; });
    }

    std::shared_ptr<Stream> find(std::uint64_t token) {
        std::lock_guard lock(mutex_);
        auto found = streams_.find(token & ~std::uint64_t{1});
        return found == streams_.end() ? nullptr : found->second;
    }

    Result<Json> report(Context&) override {
        if (!server_) return Json::object();
        return Json{
            {"status", "ok"},
            {"address", server_->address()},
            {"streams", server_->streamCount()},
            {"checks", Json::array({{{"name", "grpc"},
                                     {"status", "ok"},
                                     {"text", concat("listens on ", server_->address(), ", ", server_->streamCount(),
                                                     " streams open; gRPC ", GrpcServer::libraryVersion(),
                                                     ", for this machine only")}}})}};
    }

    Config config_;
    std::mutex mutex_;
    std::map<std::uint64_t, std::shared_ptr<Stream>> streams_;
    std::uint64_t next_ = 2;
    std::unique_ptr<GrpcServer> server_;
};

}  // namespace
}  // namespace howdah::grpc_transport

HOWDAH_PLUGIN(howdah::grpc_transport::GrpcTransport)
