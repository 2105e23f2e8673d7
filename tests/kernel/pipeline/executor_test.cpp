// What the executor is told beside the statement: how much time it has, and whether the session is reset behind it.
#include <cstring>

#include <doctest/doctest.h>

#include <howdah/rows.hpp>

#include "kernel/host/host_tables.hpp"
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

TEST_CASE("executor: the trailer has the bytes the tool was given, whole, streamed and transformed") {
    Bench bench;
    bench.on([&] {
        for (const bool halved : {false, true}) {
            Chain chain(bench);
            chain.add("t", Stage::observe).rows = [halved](Query&, const howdah_batch& in, howdah_batch& out) {
                if (halved) out.size = in.size / 2;
                return Probe::go();
            };
            CHECK(chain.run());
            CHECK(chain.trailer.bytes == 8);
            CHECK(chain.trailer.source == HOWDAH_FROM_DATABASE);
            chain.executor = FakeExecutor{};
            chain.executor.ends = Ends::streamed;
            const std::uint64_t batch = chain.executor.batch_bytes;
            CHECK(chain.run());
            CHECK(chain.trailer.bytes == 2 * (halved ? batch / 2 : batch));
        }
    });
}

TEST_CASE("executor: a reply keeps its source and age, and the kernel counts its bytes") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        std::uint32_t seen = 0;
        chain.add("o", Stage::observe).after = [&](Query&, const howdah_result& result) {
            seen = wholeTrailer(result.trailer).source;
            return Probe::go();
        };
        chain.add("c", Stage::recall).before = [](Query&) {
            static constexpr std::uint8_t kRow[] = {0, 0, 0, 0};
            ReplyData data{{{toAbi("c"), 25, -1}}, {{kRow, 4, 1}, {kRow, 4, 1}}, {}};
            data.trailer.source = HOWDAH_FROM_SHARED;
            data.trailer.age_ns = 12;
            data.trailer.bytes = 99;
            return Verdict::reply(std::move(data));
        };
        CHECK(chain.run());
        CHECK(chain.trailer.source == HOWDAH_FROM_SHARED);
        CHECK(chain.trailer.age_ns == 12);
        CHECK(chain.trailer.bytes == 8);
        CHECK(seen == HOWDAH_FROM_SHARED);
    });
}

TEST_CASE("executor: a trailer of somebody built before its last members is neither read nor written beyond them") {
    constexpr std::uint32_t kBefore = offsetof(howdah_trailer, source);
    howdah_trailer filled{};
    std::memset(&filled, 0x5A, sizeof filled);
    for (const std::uint32_t size : {0u, kBefore}) {
        filled.struct_size = size;
        const howdah_trailer read = wholeTrailer(filled);
        CHECK(read.struct_size == sizeof read);
        CHECK(read.elapsed_ns == 0x5A5A5A5A5A5A5A5A);
        CHECK(read.source == HOWDAH_FROM_DATABASE);
        CHECK(read.bytes == 0);
    }
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        Request served;
        served.generation = chain.pin();
        howdah_ctx ctx(&chain.tool(), served);
        const howdah_query_request asked = request("select 1");
        howdah_rows* rows = nullptr;
        REQUIRE(kHostQuery.run(&ctx, &asked, &rows) == HOWDAH_OK);
        howdah_batch batch{};
        while (kHostRows.next(&ctx, rows, &batch) == 1) {
        }
        filled.struct_size = kBefore;
        REQUIRE(kHostRows.trailer(&ctx, rows, &filled) == HOWDAH_OK);
        CHECK(filled.row_count == 1);
        CHECK(filled.source == 0x5A5A5A5A);
        CHECK(filled.bytes == 0x5A5A5A5A5A5A5A5A);
        howdah_trailer whole{};
        whole.struct_size = sizeof whole;
        REQUIRE(kHostRows.trailer(&ctx, rows, &whole) == HOWDAH_OK);
        CHECK(whole.bytes == 8);
        kHostRows.close(&ctx, rows);
    });
}

}  // namespace howdah::kernel
