// ns for an admitted call: both hooks as the kernel calls them, with one limit, with limits of every scope, and for as
// many principals as there may be. howdah_benchmarks builds it; run it in a release build.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <howdah/abi/hooks.h>
#include <howdah/test/fake_host.hpp>

extern "C" const howdah_entry_v1 howdah_plugin_v1;

using namespace howdah;
using namespace howdah::test;

namespace {

constexpr std::uint64_t kCalls = 2'000'000;
constexpr int kRounds = 5;

struct Caller {
    std::string subject;
    howdah_principal principal{};
    howdah_call call{};
};

double bestNsPerCall(const char* section, std::size_t principals) {
    FakeHost host;
    char folder[] = "/tmp/bench-rate-limit-XXXXXX";
    if (!mkdtemp(folder)) std::abort();
    host.state_folder = folder;
    if (!host.load(&howdah_plugin_v1).empty() || !host.start(section).empty()) std::abort();
    const auto* hooks = host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
    std::vector<Caller> callers(principals);
    for (std::size_t i = 0; i < principals; ++i) {
        Caller& caller = callers[i];
        caller.subject = concat("token:principal-", i);
        caller.principal = {
            sizeof(howdah_principal), 0, toAbi(caller.subject), toAbi("acme"), toAbi("gold"), nullptr, 0};
        caller.call.struct_size = sizeof caller.call;
        caller.call.kind = HOWDAH_CALL_TOOL;
        caller.call.name = toAbi("query");
        caller.call.plugin = toAbi("query");
        caller.call.client_name = toAbi("bench");
        caller.call.principal = &caller.principal;
    }
    FakeCall request(host);
    double best = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        const auto begin = std::chrono::steady_clock::now();
        for (std::uint64_t i = 0; i < kCalls; ++i) {
            howdah_call& call = callers[i % principals].call;
            call.request_id = i;
            if (hooks->before_call(host.self(), request.ctx(), &call) != HOWDAH_PROCEED) std::abort();
            hooks->after_call(host.self(), request.ctx(), &call, nullptr);
        }
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        best = std::min(best, took.count() / static_cast<double>(kCalls));
    }
    return best;
}

constexpr const char* kOne = R"({"tiers":{"default":{"principal":{"calls":{"second":1000000,"burst":1000000000}}}}})";
constexpr const char* kAll = R"({"tiers":{"default":{
    "principal":{"calls":{"second":1000000,"burst":1000000000,"hour":1000000000,"day":1000000000},"concurrency":100},
    "tenant":{"calls":{"second":1000000,"burst":1000000000,"hour":1000000000,"day":1000000000},"concurrency":100},
    "tools":{"query":{"calls":{"second":1000000,"burst":1000000000,"hour":1000000000,"day":1000000000},"concurrency":100}},
    "clients":{"*":{"calls":{"second":1000000,"burst":1000000000,"hour":1000000000,"day":1000000000},"concurrency":100}}}}})";

}  // namespace

int main() {
    std::printf("one limit, one principal:              %6.0f ns\n", bestNsPerCall(kOne, 1));
    std::printf("one limit, 10000 principals:           %6.0f ns\n", bestNsPerCall(kOne, 10'000));
    std::printf("four scopes, 16 limits, one principal: %6.0f ns\n", bestNsPerCall(kAll, 1));
}
