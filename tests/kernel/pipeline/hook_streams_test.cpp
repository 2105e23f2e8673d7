// Hooks and what is open meanwhile: streams of rows, batches, cursors.
#include <stdexcept>

#include <doctest/doctest.h>

#include "kernel/pipeline/probe.hpp"

namespace howdah::kernel {

TEST_CASE("hooks: what a hook leaves open is closed when it returns") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        Probe& outer = chain.add("outer", Stage::observe);
        Probe& inner = chain.add("inner", Stage::observe);
        chain.executor.ends = Ends::streamed;
        outer.before = [&](Query& query) {
            CHECK(nested(query, "select 2") == "");
            CHECK(chain.executor.open == 1);
            return Probe::go();
        };
        inner.before = [&](Query& query) {
            if (query.depth() == 0) CHECK(chain.executor.open == 0);
            return Probe::go();
        };
        CHECK(chain.run());
        CHECK(inner.calls == "bebrra");
        CHECK(chain.executor.open == 0);
    });
}

TEST_CASE("hooks: a stream shows each batch in reverse order, and a deny there ends it with onError") {
    Bench bench;
    bench.on([&] {
        for (bool deny : {false, true}) {
            Chain chain(bench);
            chain.executor.ends = Ends::streamed;
            Probe& outer = chain.add("outer", Stage::observe);
            Probe& inner = chain.add("inner", Stage::observe);
            inner.rows = [&](Query&, const howdah_batch&, howdah_batch&) {
                CHECK(outer.calls.size() < inner.calls.size());
                return deny ? Verdict::deny(Error::refused("enough")) : Probe::go();
            };
            auto done = chain.run();
            CHECK(done.has_value() == !deny);
            CHECK(inner.calls == (deny ? "bre" : "brra"));
            CHECK(outer.calls == (deny ? "be" : "brra"));
        }
    });
}

TEST_CASE("hooks: a batch handed on by a transform reaches the hooks further out, one by an observer reaches nobody") {
    Bench bench;
    bench.on([&] {
        for (bool transforms : {false, true}) {
            Chain chain(bench);
            chain.executor.ends = Ends::streamed;
            Probe& outer = chain.add("outer", Stage::observe);
            Probe& inner = chain.add("inner", Stage::observe);
            chain.slot(1).transforms_rows = transforms;
            const std::uint8_t null_cell[] = {0xff, 0xff, 0xff, 0xff};
            std::vector<std::uint64_t> seen;
            inner.rows = [&](Query&, const howdah_batch&, howdah_batch& out) {
                out = {null_cell, sizeof null_cell, 1};
                return Probe::go();
            };
            outer.rows = [&](Query&, const howdah_batch& in, howdah_batch&) {
                seen.push_back(in.size);
                return Probe::go();
            };
            CHECK(chain.run());
            REQUIRE(seen.size() == 2);
            CHECK((seen[0] == sizeof null_cell) == transforms);
            CHECK((seen[1] == sizeof null_cell) == transforms);
        }
    });
}

TEST_CASE("hooks: an executor that fails gives its cursor back before a hook can recover") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        chain.executor.ends = Ends::error_in_stream;
        chain.executor.batch_bytes = 8;  // still whole: the error comes before the way back
        chain.add("p", Stage::observe).error = [&](Query&, const Error&) {
            CHECK(chain.executor.open == 0);
            return Probe::go();
        };
        CHECK_FALSE(chain.run());
    });
}

}  // namespace howdah::kernel
