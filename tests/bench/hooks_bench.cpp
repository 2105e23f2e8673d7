// What hooks and dispatch cost, in ns: the CPU time of one shard, best of 200 short rounds rounds. Runs for about two
// seconds.
//
// A hook is called through the library's own trampoline (exception barrier), with mode, attribution and changes on;
// "16 hooks" is what sixteen of them add to a query, beforeQuery and afterQuery together; an empty slot is one whose
// plugin has nothing to be called for on the way of this query.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <future>
#include <limits>

#include <simdjson.h>

#include <howdah/host.hpp>

#include "kernel/host/host_services.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/host/library.hpp"
#include "kernel/pipeline/calls.hpp"
#include "kernel/pipeline/query_run.hpp"
#include "kernel/runtime/runtime.hpp"

using namespace howdah;
using namespace howdah::kernel;

namespace {

constexpr int kCount = 2000;

template <typename T>
T need(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
}
void need(const Result<void>& result) {
    if (result) return;
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
}

double cpuNs() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <typename Once>
double measure(Once once) {
    double best = std::numeric_limits<double>::max();
    for (int round = 0; round < 200; ++round) {
        const double begin = cpuNs();
        for (int i = 0; i < kCount; ++i)
            once();
        best = std::min(best, (cpuNs() - begin) / kCount);
    }
    return best;
}

// --- an executor that answers at once with one row

howdah_status execute(void*, howdah_ctx*, const howdah_execution*, std::uint64_t* cursor) {
    *cursor = 1;
    return HOWDAH_OK;
}
howdah_status columns(void*, howdah_ctx*, std::uint64_t, const howdah_column** columns, std::uint64_t* count) {
    static const howdah_column kColumn{{"one", 3}, 23, -1};
    *columns = &kColumn;
    *count = 1;
    return HOWDAH_OK;
}
howdah_status next(void*, howdah_ctx*, std::uint64_t, howdah_batch*) {
    return 0;
}
howdah_status trailer(void*, howdah_ctx*, std::uint64_t, howdah_trailer* out) {
    *out = {sizeof *out, 0, 0, -1, 0, {"SELECT 0", 8}};
    return HOWDAH_OK;
}
void close(void*, howdah_ctx*, std::uint64_t) {}
constexpr howdah_sql_v1 kSql{sizeof kSql, 0, &execute, &columns, &next, &trailer, &close};

class NoAnswer final : public Answer {
    Result<void> text(std::string_view) override { return {}; }
    Result<void> structured(std::string_view) override { return {}; }
    Result<void> content(std::string_view) override { return {}; }
    Result<void> progress(double, double, std::string_view) override { return {}; }
    bool wantsProgress() const override { return false; }
    Result<void> log(std::uint32_t, std::string_view, std::string_view) override { return {}; }
};

void run(HostServices& services, const std::filesystem::path& folder) {
    auto manifest = need(Manifest::fromFile(folder / "plugin.json"));
    manifest.permissions.emplace_back("db.read");
    auto library = need(Library::load(folder, manifest, folder / "images"));
    std::vector<std::shared_ptr<Instance>> instances;
    for (int i = 0; i < 16; ++i) {
        auto& made = instances.emplace_back(std::make_shared<Instance>(
            manifest, library, services, Instance::Placement{.folder = folder.string(), .worker = false, .key = ""}));
        need(made->create());
        need(made->configure("{}"));
        need(made->start({}));
    }
    howdah_hooks_v1 only_errors{};
    only_errors.struct_size = sizeof only_errors;
    only_errors.on_error = instances[0]->hooks().on_error;
    auto generationOf = [&](int hooks, bool empty = false) {
        auto generation = std::make_shared<Generation>();
        generation->databases = {{"main", false}};
        generation->sql = {nullptr, &kSql, instances[0].get()};
        for (int i = 0; i < hooks; ++i) {
            HookSlot slot;
            slot.instance = instances[static_cast<std::size_t>(i)].get();
            slot.self = slot.instance->self();
            slot.table = empty ? &only_errors : &slot.instance->hooks();
            generation->before_query.push_back(slot);
        }
        Tool tool;
        tool.name = "noop";
        tool.arguments = manifest.tools.at(0).arguments;
        tool.self = instances[0]->self();
        tool.table = instances[0]->interface<howdah_handlers_v1>(HOWDAH_TOOLS_1);
        tool.bound = tool.table->bind(tool.self, toAbi(tool.name));
        tool.instance = instances[0].get();
        generation->tools.push_back(std::move(tool));
        generation->tools_by_name.emplace(generation->tools[0].name, generation->tools.data());
        return generation;
    };

    howdah_query_request query{};
    query.struct_size = sizeof query;
    query.access = HOWDAH_ACCESS_READ;
    query.provenance = HOWDAH_PROVENANCE_CLIENT;
    query.sql = {"select 1", 8};
    auto cancellation = Cancellation::create(*Shard::current());
    auto queryWith = [&](int hooks, bool empty = false) {
        GenerationPin generation = generationOf(hooks, empty);
        Request request;
        request.generation = generation;
        request.cancellation = cancellation.get();
        request.deadline = Deadline::in(std::chrono::seconds(60));
        return measure([&] {
            howdah_ctx ctx(instances[15].get(), request);
            QueryRun one(ctx, generation);
            if (!one.run(query)) std::exit(1);
        });
    };
    const double none = queryWith(0);
    const double one = queryWith(1);
    const double sixteen = queryWith(16);
    const double slots = (queryWith(16, true) - queryWith(1, true)) / 15;
    std::printf("query without hooks, executor that answers at once: %.0f ns\n", none);
    std::printf("first hook, with the clock read at the start: %.1f ns\n", one - none);
    std::printf("16 hooks, before and after together: %.1f ns (goal 150)\n", sixteen - none);
    std::printf("one more hook: %.1f ns\n", (sixteen - one) / 15);
    std::printf("empty hook slot: %.1f ns (goal 5)\n", slots);

    simdjson::dom::parser parser;
    simdjson::dom::element arguments;
    if (parser.parse(simdjson::padded_string(std::string_view{R"({"sql":"select 1","limit":10})"})).get(arguments) !=
        simdjson::SUCCESS)
        std::exit(1);
    GenerationPin generation = generationOf(0);
    NoAnswer answer;
    const double dispatch = measure([&] {
        Request request;
        request.generation = generation;
        request.cancellation = cancellation.get();
        auto tool = findTool(*generation, "noop");
        if (!tool || !callTool(request, **tool, arguments, answer)) std::exit(1);
    });
    std::printf("dispatch (look up, validate, call): %.0f ns (goal 2000)\n", dispatch);
    for (auto& instance : instances)
        instance->stop(Deadline::in(std::chrono::seconds(1)));
}

}  // namespace

int main() {
    auto runtime = need(Runtime::start({}));
    GenerationStore generations;
    KvStore kv;
    HostServices services{generations, *runtime, kv};
    std::promise<void> done;
    std::printf("ns of CPU, best of 200 short rounds\n");
    runtime->shard(0).post([&] {
        runtime->shard(0).spawn([&] {
            run(services, std::filesystem::path(HOWDAH_TEST_PLUGINS) / "hooknoop");
            done.set_value();
        });
    });
    done.get_future().wait();
    return runtime->stop(Deadline::in(std::chrono::seconds(5))).clean() ? 0 : 1;
}
