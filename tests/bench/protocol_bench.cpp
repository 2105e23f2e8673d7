// What the protocol costs without a database: parse, era, in-flight bookkeeping, envelope. Not a test.
//
//   protocol_bench [calls]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>

#include "kernel/protocol/protocol.hpp"
#include "kernel/runtime/runtime.hpp"
#include "tests/kernel/protocol/fake_tools.hpp"

using namespace howdah::kernel;

namespace {

class CountingSink final : public ReplySink {
public:
    void status(int) override {}
    void header(std::string_view, std::string_view) override {}
    howdah::Result<void> notify(std::string_view) override { return {}; }
    howdah::Result<void> write(std::string_view bytes) override {
        written += bytes.size();
        any_ = true;
        return {};
    }
    howdah::Result<void> finish() override {
        answers += any_ ? 1 : 0;
        any_ = false;
        return {};
    }
    std::size_t written = 0;
    std::size_t answers = 0;

private:
    bool any_ = false;
};

void measure(Protocol& protocol, const char* label, std::string body, const char* method, const char* tool, int calls) {
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    Shard& shard = *Shard::current();
    CountingSink sink;
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) {
        Inbound inbound{.transport = "http", .body = body};
        inbound.protocol_version = "2026-07-28";
        inbound.mcp_method = method;
        inbound.mcp_name = tool;
        auto cancellation = Cancellation::create(shard);
        inbound.cancellation = cancellation.get();
        protocol.handle(inbound, sink);
    }
    std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    // A time for calls that were not answered would say nothing.
    if (calls <= 0 || sink.answers != static_cast<std::size_t>(calls)) {
        std::fprintf(stderr, "%s: %zu of %d calls were answered\n", label, sink.answers, calls);
        std::exit(1);
    }
    std::printf("%-12s %8.0f ns a call, %zu bytes an answer\n", label, spent.count() / calls,
                sink.written / static_cast<std::size_t>(calls));
}

}  // namespace

int main(int argc, char** argv) {
    const int calls = argc > 1 ? std::stoi(argv[1]) : 200'000;
    GenerationStore generations;
    const Sealer sealer;
    Protocol protocol(generations, sealer);
    generations.publish(test::fakeGeneration());
    auto runtime = Runtime::start({.shards = 1});
    if (!runtime) return 1;
    const std::string meta =
        R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0"},"io.modelcontextprotocol/clientCapabilities":{}})";
    std::promise<void> done;
    Shard& shard = (*runtime)->shard(0);
    shard.post([&] {
        shard.spawn([&] {
            measure(
                protocol, "tools/call",
                R"({"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"rows","arguments":{"sql":"select 1"},)" +
                    meta + "}}",
                "tools/call", "rows", calls);
            measure(protocol, "tools/list",
                    R"({"jsonrpc":"2.0","id":17,"method":"tools/list","params":{)" + meta + "}}", "tools/list", "",
                    calls);
            done.set_value();
        });
    });
    done.get_future().wait();
    return 0;
}
