#include "server.hpp"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>
#include <mcp.grpc.pb.h>

#include "front.hpp"

namespace howdah::grpc_transport {
namespace {

namespace wire = howdah::mcp::v1;

constexpr int kKeepaliveMs = 20'000;         // of silence, then the peer is asked whether it lives
constexpr int kKeepaliveTimeoutMs = 10'000;  // for its answer
constexpr int kPingIntervalMs = 10'000;      // pings of a client closer together are strikes
constexpr int kPingStrikesMax = 2;           // then its connection is closed
constexpr int kIdleMs = 300'000;             // a connection without a stream
constexpr int kReadBytes = 8192;             // what one read takes, up to eight times that
constexpr int kThreadsMax = 16;              // gRPC's own, for callbacks

// What gRPC itself has to say goes where everything else goes, not past the log to stderr. One process has one gRPC,
// so the newest instance speaks for it.
class LogRoute {
public:
    static void to(const Host* host) {
        std::lock_guard lock(mutex());
        current() = host;
        gpr_set_log_function(&write);
    }
    static void leave(const Host* host) {
        std::lock_guard lock(mutex());
        if (current() == host) current() = nullptr;
    }

private:
    static std::mutex& mutex() {
        static std::mutex& it = *new std::mutex;  // outlives gRPC's threads
        return it;
    }
    static const Host*& current() {
        static const Host* host = nullptr;
        return host;
    }
    static void write(gpr_log_func_args* line) {
        std::lock_guard lock(mutex());  // the log takes the line and never waits
        if (!current()) return;
        const LogLevel level = line->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::warn : LogLevel::debug;
        current()->log(level, "gRPC: ", std::string_view(line->message));
    }
};

std::string_view view(const grpc::string_ref& text) {
    return {text.data(), text.size()};
}

grpc::Status statusOf(Ending ending, const std::string& text) {
    switch (ending) {
        case Ending::ok: return grpc::Status::OK;
        case Ending::unauthenticated: return {grpc::StatusCode::UNAUTHENTICATED, text};
        case Ending::exhausted: return {grpc::StatusCode::RESOURCE_EXHAUSTED, text};
        case Ending::unavailable: break;
    }
    return {grpc::StatusCode::UNAVAILABLE, text};
}

// gRPC calls a descriptor that it was handed "fd:17".
int descriptorOf(const std::string& peer) {
    int descriptor = -1;
    if (peer.starts_with("fd:")) std::from_chars(peer.data() + 3, peer.data() + peer.size(), descriptor);
    return descriptor;
}

// A call that is not served.
class Refusal final : public grpc::ServerBidiReactor<wire::Message, wire::Message> {
public:
    explicit Refusal(grpc::Status status) { Finish(std::move(status)); }
    void OnDone() override { delete this; }
};

}  // namespace

struct GrpcServer::State final : wire::Mcp::CallbackService {
    State(const Config& its_config, const Host& its_host, StreamHandler& its_handler)
        : config(its_config), host(its_host), handler(its_handler) {}

    grpc::ServerBidiReactor<wire::Message, wire::Message>* Connect(grpc::CallbackServerContext* context) override;
    grpc::Status refused(const grpc::CallbackServerContext& context) const;
    void leave() {
        std::lock_guard lock(mutex);
        --calls;
        none_left.notify_all();
    }

    const Config config;
    const Host& host;
    StreamHandler& handler;
    std::unique_ptr<grpc::Server> server;
    std::unique_ptr<Front> front;  // its connections end before the server does
    std::mutex starting;           // until front is set
    std::mutex mutex;
    std::condition_variable none_left;
    std::size_t calls = 0;  // whose reactor exists
};

namespace {

// One stream as gRPC sees it.
class Call final : public grpc::ServerBidiReactor<wire::Message, wire::Message>, public Wire {
public:
    Call(GrpcServer::State& server, grpc::CallbackServerContext& context, Stream::Caller caller)
        : server_(server),
          context_(context),
          stream_(std::make_shared<Stream>(server.host, *this, std::move(caller), server.config.stall_limit)) {}

    void begin() { server_.handler.serve(stream_); }

    // --- Wire
    void startRead() override { StartRead(&in_); }
    void startWrite(std::string_view json) override {
        out_.set_json(json.data(), json.size());
        StartWrite(&out_);
    }
    void finish(Ending ending, const std::string& text, bool cut) override {
        if (cut) context_.TryCancel();
        Finish(statusOf(ending, text));
    }

    // --- gRPC's callbacks
    void OnReadDone(bool ok) override {
        if (!ok) return stream_->inputEnded();
        stream_->arrived(std::move(*in_.mutable_json()));
    }
    void OnWriteDone(bool ok) override { stream_->written(ok); }
    void OnCancel() override { stream_->gone(); }
    void OnDone() override {
        GrpcServer::State& server = server_;
        server.handler.ended(*stream_);
        delete this;
        server.leave();
    }

private:
    GrpcServer::State& server_;
    grpc::CallbackServerContext& context_;
    wire::Message in_;
    wire::Message out_;
    const std::shared_ptr<Stream> stream_;
};

}  // namespace

// The door: what HTTP checks as Host and Origin.
grpc::Status GrpcServer::State::refused(const grpc::CallbackServerContext& context) const {
    const std::string_view authority = view(context.ExperimentalGetAuthority());
    if (!isLoopbackName(authority)) {
        return {grpc::StatusCode::PERMISSION_DENIED,
                concat("this server is not \"", authority.substr(0, 100), "\"; connect to ", config.listen)};
    }
    if (context.client_metadata().contains("origin"))
        return {grpc::StatusCode::PERMISSION_DENIED, "web pages are not served over gRPC; use HTTP or WebSocket"};
    if (context.client_metadata().count("authorization") > 1)
        return {grpc::StatusCode::UNAUTHENTICATED, "send one authorization, not several"};
    return grpc::Status::OK;
}

grpc::ServerBidiReactor<wire::Message, wire::Message>* GrpcServer::State::Connect(
    grpc::CallbackServerContext* context) {
    if (auto status = refused(*context); !status.ok()) return new Refusal(std::move(status));
    {
        std::lock_guard lock(mutex);
        if (calls >= config.streams_max) {
            return new Refusal({grpc::StatusCode::RESOURCE_EXHAUSTED,
                                concat(config.streams_max, " streams are open (grpc.streams_max), try again later")});
        }
        ++calls;
    }
    Stream::Caller caller;
    const auto& metadata = context->client_metadata();
    if (auto found = metadata.find("authorization"); found != metadata.end())
        caller.authorization = view(found->second);
    {
        std::lock_guard lock(starting);
        caller.address = front->addressOf(descriptorOf(context->peer()));
    }
    auto* call = new Call(*this, *context, std::move(caller));  // deletes itself when gRPC is done
    call->begin();
    return call;
}

Result<std::unique_ptr<GrpcServer>> GrpcServer::start(const Config& config, const Host& host, StreamHandler& handler) {
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    LogRoute::to(&host);
    auto state = std::make_unique<State>(config, host, handler);
    grpc::ServerBuilder builder;
    grpc::ResourceQuota quota("howdah");
    quota.Resize(config.memory_bytes_max);
    quota.SetMaxThreads(kThreadsMax);
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(static_cast<int>(config.message_bytes_max));
    builder.SetMaxSendMessageSize(-1);  // the kernel bounds what it sends
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(config.streams_max));
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(config.metadata_bytes_max));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingIntervalMs);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kPingStrikesMax);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
    builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, kReadBytes);
    builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, 8 * kReadBytes);
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    builder.RegisterService(state.get());
    state->server = builder.BuildAndStart();
    if (!state->server) {
        LogRoute::leave(&host);
        return Error::internal("gRPC does not start; the log says why");
    }
    Front::Config front;
    front.listen = config.listen;
    front.connections_max = config.connections_max;
    front.guard.header_block_bytes_max = 2 * std::size_t{config.metadata_bytes_max};
    front.guard.calls_per_second_max =
        std::max(front.guard.calls_per_second_max, static_cast<unsigned>(config.streams_max));
    // The first client may come before start() returns; State::Connect needs the front for its address.
    std::unique_lock ready(state->starting);
    auto started = Front::start(std::move(front), host, [raw = state->server.get()](int descriptor) {
        grpc::AddInsecureChannelFromFd(raw, descriptor);
    });
    if (!started) {
        state->server->Shutdown();
        LogRoute::leave(&host);
        return std::move(started).error();
    }
    state->front = std::move(*started);
    ready.unlock();
    return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(state)));
}

GrpcServer::GrpcServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcServer::~GrpcServer() {
    stop(std::chrono::milliseconds(0));
}

const std::string& GrpcServer::address() const {
    return state_->front->address();
}

std::size_t GrpcServer::streamCount() const {
    std::lock_guard lock(state_->mutex);
    return state_->calls;
}

std::string GrpcServer::libraryVersion() {
    return grpc::Version();
}

void GrpcServer::stop(std::chrono::milliseconds grace) {
    if (!state_->server) return;
    state_->front->stopAccepting();
    state_->server->Shutdown(std::chrono::system_clock::now() + grace);  // cancels what is left
    {
        std::unique_lock lock(state_->mutex);
        state_->none_left.wait(lock, [this] { return state_->calls == 0; });
    }
    state_->front->stop();
    state_->server->Wait();
    state_->server.reset();
    LogRoute::leave(&state_->host);
}

}  // namespace howdah::grpc_transport
