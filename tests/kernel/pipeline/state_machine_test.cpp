// Every verdict at every position, compared with hook_model.hpp.
#include <random>

#include <doctest/doctest.h>

#include "kernel/base/log.hpp"
#include "kernel/pipeline/hook_model.hpp"

namespace howdah::kernel {
namespace {

// A reply is sound in one stage only, so each script stands in a stage where it is and in one where it is not.
std::vector<Script> allScripts() {
    std::vector<Script> out;
    for (int f = 0; f <= static_cast<int>(Forward::reload); ++f)
        for (int b = 0; b < 4; ++b)
            for (int o = 0; o < 3; ++o)
                for (int m = 0; m < 2; ++m)
                    for (Stage stage : {Stage::scope, Stage::recall})
                        out.push_back({static_cast<Forward>(f), static_cast<Backward>(b), static_cast<OnFailure>(o),
                                       static_cast<Mode>(m), stage});
    return out;
}

std::string outcomeOf(const Error& error) {
    auto at = error.message.find("plugin \"h");
    if (error.code == Code::cancelled && error.message.find("stopped reading") == std::string::npos)
        return "error cancelled";
    if (error.code == Code::timeout) return "error timeout";
    if (error.code == Code::internal && at == 0) return concat("error fault ", error.message.substr(9, 1));
    return concat("error ", error.message);
}

class Machine {
public:
    explicit Machine(bool worker) {
        bench.services().hook_budget = std::chrono::milliseconds(0);
        tool_ = bench.instance("tool");
        for (unsigned i = 0; i < instances_.size(); ++i)
            instances_[i] = bench.instance(concat("h", i), worker);
    }

    // On a fiber.
    Seen run(const std::vector<Script>& chain, Ends ends) {
        Seen seen;
        executor_.ends = ends;
        executor_.calls.clear();
        std::string& calls = executor_.calls;
        std::array<FakeHook, 4> hooks;
        auto generation = bench.generation();
        auto cancellation = Cancellation::create(bench.shard());
        for (unsigned i = 0; i < chain.size(); ++i) {
            hooks[i] = {chain[i], i, &calls, cancellation.get(), &bench.generations};
            generation->before_query.push_back(hooks[i].slot(*instances_[i]));
        }
        generation->sql = executor_.service(*tool_);
        bench.quarantined = 0;
        Request served;
        served.generation = GenerationPin(std::move(generation));
        served.cancellation = cancellation.get();
        {
            howdah_ctx ctx(tool_.get(), served);
            QueryRun run(ctx, served.generation);
            auto done = run.run(request("select 1"));
            if (!done) {
                seen.outcome = outcomeOf(done.error());
            } else if (!run.complete()) {
                read(run, ends, seen);
            } else {
                seen.outcome = concat("rows ", fromAbi(run.columns().at(0).name));
            }
        }
        if (executor_.open != 0) seen.outcome += " and a cursor left open";
        seen.calls = calls;
        seen.quarantined = bench.quarantined;
        return seen;
    }

    // The first disagreement with the model, or "".
    std::string compare(const std::vector<Script>& chain, Ends ends) {
        Seen seen = run(chain, ends);
        Seen wanted = modelOf(chain, ends);
        if (seen == wanted) return {};
        std::string text = concat("ends ", static_cast<int>(ends));
        for (const Script& hook : chain)
            text += concat(" [f", static_cast<int>(hook.forward), " b", static_cast<int>(hook.backward), " o",
                           static_cast<int>(hook.on_failure), " m", static_cast<int>(hook.mode), " ",
                           stageName(hook.stage), "]");
        return concat(text, ": saw '", seen.calls, "' ", seen.outcome, " q", seen.quarantined, ", wanted '",
                      wanted.calls, "' ", wanted.outcome, " q", wanted.quarantined);
    }

    Bench bench;

private:
    static void read(QueryRun& run, Ends ends, Seen& seen) {
        howdah_batch batch{};
        Result<bool> more = run.next(batch);
        if (ends == Ends::stops_reading) return;
        while (more && *more)
            more = run.next(batch);
        seen.outcome = more ? concat("rows ", fromAbi(run.columns().at(0).name)) : outcomeOf(more.error());
    }

    FakeExecutor executor_;
    std::shared_ptr<Instance> tool_;
    std::array<std::shared_ptr<Instance>, 4> instances_;
};

constexpr Ends kEnds[] = {Ends::result, Ends::error, Ends::streamed, Ends::error_in_stream, Ends::stops_reading};

void quiet() {
    static const bool once = static_cast<bool>(startLog({LogLevel::error, "/dev/null"}));
    CHECK(once);
}

}  // namespace

TEST_CASE("hooks: every chain of one and two does what the specification says, for every end of the query") {
    quiet();
    Machine machine(false);
    std::string wrong;
    std::size_t tried = 0;
    machine.bench.on([&] {
        const auto scripts = allScripts();
        for (Ends ends : kEnds) {
            for (const Script& outer : scripts) {
                if (wrong.empty()) wrong = machine.compare({outer}, ends);
                for (const Script& inner : scripts) {
                    if (!wrong.empty()) return;
                    wrong = machine.compare({outer, inner}, ends);
                    ++tried;
                }
            }
        }
    });
    CHECK(wrong == "");
    CHECK(tried == 5 * allScripts().size() * allScripts().size());
}

TEST_CASE("hooks: in chains of three and four every script stands at every position among every kind of neighbour") {
    quiet();
    Machine machine(false);
    std::string wrong;
    machine.bench.on([&] {
        const auto scripts = allScripts();
        for (Ends ends : kEnds) {
            for (std::size_t length : {3u, 4u}) {
                for (std::size_t position = 0; position < length; ++position) {
                    for (const Script& script : scripts) {
                        // All the others proceed, and differ in what they do on the way back.
                        for (int kinds = 0; kinds < (length == 3 ? 16 : 64); ++kinds) {
                            std::vector<Script> chain;
                            for (std::size_t i = 0, kind = static_cast<std::size_t>(kinds); i < length; ++i) {
                                Script neighbour;
                                neighbour.backward = static_cast<Backward>(kind % 4);
                                if (i != position) kind /= 4;
                                chain.push_back(i == position ? script : neighbour);
                            }
                            if (wrong.empty()) wrong = machine.compare(chain, ends);
                        }
                    }
                }
            }
        }
        std::mt19937 random(20261);
        for (int i = 0; i < 100'000 && wrong.empty(); ++i) {
            std::vector<Script> chain(3 + random() % 2);
            for (Script& script : chain)
                script = scripts[random() % scripts.size()];
            wrong = machine.compare(chain, kEnds[random() % 5]);
        }
    });
    CHECK(wrong == "");
}

TEST_CASE("hooks: on a worker every script ends as on the shard") {
    quiet();
    Machine machine(true);
    std::string wrong;
    machine.bench.on([&] {
        const auto scripts = allScripts();
        std::mt19937 random(7);
        for (Ends ends : kEnds) {
            for (const Script& script : scripts) {
                if (wrong.empty()) wrong = machine.compare({script}, ends);
                if (wrong.empty()) wrong = machine.compare({scripts[random() % scripts.size()], script}, ends);
            }
        }
    });
    CHECK(wrong == "");
}

}  // namespace howdah::kernel
