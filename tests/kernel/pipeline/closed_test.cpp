// A database that is closed to text of clients: what still runs there, and what nobody can send there.
#include <doctest/doctest.h>

#include "kernel/pipeline/gate.hpp"
#include "kernel/pipeline/probe.hpp"

namespace howdah::kernel {

TEST_CASE("closed: text of clients is refused with reason and remedy, on that database only") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        Probe& probe = chain.add("p", Stage::observe);
        chain.close(0, "nobody judges them");
        auto done = chain.run();
        REQUIRE_FALSE(done);
        CHECK(done.error().code == Code::unavailable);
        CHECK(done.error().message == "queries to database \"main\" are refused: nobody judges them");
        CHECK(done.error().hint.find("databases.main.allow_unguarded: true") != std::string::npos);
        CHECK(probe.calls == "");
    });
    bench.on([&] {
        Chain chain(bench);
        chain.close(1, "nobody judges them");
        CHECK(chain.run());
    });
}

TEST_CASE("closed: a hook cannot send text of a client to a closed database") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        chain.close(1, "nobody judges them");
        std::string refused;
        chain.add("p", Stage::scope).before = [&](Query& query) {
            auto moved = query.setDatabase("other");
            if (!moved) refused = moved.error().message;
            return Probe::go();
        };
        CHECK(chain.run());
        CHECK(refused == "queries to database \"other\" are refused: nobody judges them");
        CHECK(chain.executor.database == "main");
    });
}

TEST_CASE("closed: a text a plugin registered still runs") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        chain.close(0, "nobody judges them");
        chain.add("own", Stage::observe, OnFailure::deny, Mode::enforce, {"select own"});
        Request served;
        howdah_ctx ctx(chain.slot(0).instance, served);
        served.generation = chain.pin();
        howdah_query_request own = request("select own");
        own.provenance = HOWDAH_PROVENANCE_PLUGIN;
        QueryRun query(ctx, served.generation);
        CHECK(query.run(own));
    });
}

TEST_CASE("gate: a hook around a call that fails is gone on without, but not where it keeps tenants apart") {
    Bench bench;
    const auto instance = bench.instance("h");
    Request served;
    const auto allows = [&](Stage stage, OnFailure on_failure, Mode mode = Mode::enforce) {
        howdah_ctx ctx(instance.get(), served);
        HookSlot slot;
        slot.instance = instance.get();
        slot.stage = stage;
        slot.on_failure = on_failure;
        slot.mode = mode;
        return static_cast<bool>(judgeGate(ctx, slot, "beforeCall", HOWDAH_FAULT));
    };
    CHECK_FALSE(allows(Stage::observe, OnFailure::deny));
    CHECK(allows(Stage::observe, OnFailure::ignore));
    CHECK(bench.quarantined == 0);
    CHECK(allows(Stage::observe, OnFailure::quarantine));
    CHECK(allows(Stage::admit, OnFailure::quarantine));
    CHECK_FALSE(allows(Stage::scope, OnFailure::quarantine));
    CHECK_FALSE(allows(Stage::guard, OnFailure::quarantine));
    CHECK(bench.quarantined == 4);
    CHECK(allows(Stage::scope, OnFailure::ignore));
    CHECK(allows(Stage::scope, OnFailure::quarantine, Mode::audit));
}

}  // namespace howdah::kernel
