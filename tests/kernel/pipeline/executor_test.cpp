// What the executor is told beside the statement: how much time it has, and whether the session is reset behind it.
#include <doctest/doctest.h>

#include "kernel/pipeline/probe.hpp"

namespace howdah::kernel {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
constexpr milliseconds kAsked{200};
constexpr milliseconds kDatabasesWord{50};  // beyond it, for the database to say itself that time is over

howdah_query_request inTime(milliseconds timeout) {
    howdah_query_request asked = request("select 1");
    asked.timeout_ms = static_cast<std::uint64_t>(timeout.count());
    return asked;
}

}  // namespace

TEST_CASE("executor: the time a call asks for bounds connecting, waiting and each batch, and 50 ms more") {
    Bench bench;
    bench.on([&] {
        for (Ends ends : {Ends::result, Ends::streamed}) {
            Chain chain(bench);
            chain.executor.never_answers = true;
            chain.executor.ends = ends;
            Request served;  // has no end of its own
            const auto begun = Deadline::Clock::now();
            auto done = chain.run(served, inTime(kAsked));
            REQUIRE_FALSE(done);
            CHECK(done.error().code == Code::timeout);
            CHECK(Deadline::Clock::now() - begun >= kAsked + kDatabasesWord);
            CHECK(nanoseconds(chain.executor.time_ns) <= kAsked + kDatabasesWord);
            CHECK(chain.executor.open == 0);
        }
    });
}

TEST_CASE("executor: a request that ends sooner than the time asked for, or is cancelled, ends the wait") {
    Bench bench;
    bench.on([&] {
        for (bool cancelled : {false, true}) {
            Chain chain(bench);
            chain.executor.never_answers = true;
            auto cancellation = Cancellation::create(bench.shard());
            Request served;
            served.cancellation = cancellation.get();
            if (cancelled) {
                bench.shard().spawn([&] { cancellation->cancel(CancelReason::client_gone); });
            } else {
                served.deadline = Deadline::in(milliseconds(20));
            }
            auto done = chain.run(served, inTime(milliseconds(600'000)));
            REQUIRE_FALSE(done);
            CHECK(done.error().code == (cancelled ? Code::cancelled : Code::timeout));
        }
    });
}

TEST_CASE("executor: the session is reset behind client text that nobody judged or that calls what may be VOLATILE") {
    Bench bench;
    const auto flagsFor = [&](std::optional<std::uint32_t> facts) {
        std::uint32_t flags = 0;
        bench.on([&] {
            Chain chain(bench);
            chain.add("g", Stage::guard).before = [facts](Query& query) {
                howdah_facts found{};
                found.struct_size = sizeof found;
                found.flags = facts.value_or(0);
                if (facts) CHECK(query.setFacts(found));
                return Probe::go();
            };
            CHECK(chain.run());
            flags = chain.executor.flags;
        });
        return flags;
    };
    CHECK(flagsFor(std::nullopt) == HOWDAH_RUN_RESET);
    CHECK(flagsFor(HOWDAH_FACT_VOLATILE | HOWDAH_FACT_WRAPPABLE) == HOWDAH_RUN_RESET);
    CHECK(flagsFor(HOWDAH_FACT_WRAPPABLE) == 0);

    bench.on([&] {
        Chain chain(bench);
        chain.add("own", Stage::observe, OnFailure::deny, Mode::enforce, {"select own"});
        Request served;
        howdah_ctx ctx(chain.slot(0).instance, served);
        served.generation = chain.pin();
        howdah_query_request own = request("select own");
        own.provenance = HOWDAH_PROVENANCE_PLUGIN;
        QueryRun query(ctx, served.generation);
        CHECK(query.run(own));
        CHECK(chain.executor.flags == 0);  // a plugin's text is known to be what it is
    });
}

}  // namespace howdah::kernel
