// The rules of docs/hooks.md that are not verdicts: changes, scope, nesting, cancel, time, reload.
#include <stdexcept>

#include <doctest/doctest.h>

#include "kernel/pipeline/probe.hpp"

namespace howdah::kernel {
namespace {

using std::chrono::milliseconds;

constexpr Stage kStages[] = {Stage::observe, Stage::admit, Stage::scope, Stage::rewrite, Stage::guard, Stage::recall};

}  // namespace

TEST_CASE("hooks: each setter works in its stages and is refused in all others") {
    Bench bench;
    bench.on([&] {
        for (Stage stage : kStages) {
            CAPTURE(stageName(stage));
            Chain chain(bench);
            Probe& probe = chain.add("p", stage);
            bool sql = false, parameters = false, limits = false, setting = false, database = false, facts = false;
            probe.before = [&](Query& query) {
                howdah_facts found{};
                found.struct_size = sizeof found;
                sql = query.setSql("select 2").has_value();
                parameters = query.setParameters({}).has_value();
                limits = query.setLimits(10, 0, 0).has_value();
                setting = query.setSetting("role", "reader").has_value();
                database = query.setDatabase("other").has_value();
                facts = query.setFacts(found).has_value();
                CHECK(query.tags().add("seen"));
                CHECK(query.tags().contains("seen"));
                return Probe::go();
            };
            probe.after = [&](Query& query, const howdah_result&) {
                CHECK(query.tags().contains("seen"));
                CHECK_FALSE(query.setSql("select 3"));
                CHECK_FALSE(query.setSetting("role", "late"));
                return Probe::go();
            };
            CHECK(chain.run());
            CHECK(sql == (stage == Stage::rewrite));
            CHECK(parameters == (stage == Stage::rewrite));
            CHECK(limits == (stage == Stage::admit || stage == Stage::scope || stage == Stage::rewrite));
            CHECK(setting == (stage == Stage::scope));
            CHECK(database == (stage == Stage::scope));
            CHECK(facts == (stage == Stage::guard));
            CHECK(chain.executor.sql == (stage == Stage::rewrite ? "select 2" : "select 1"));
            CHECK(chain.executor.database == (stage == Stage::scope ? "other" : "main"));
            CHECK(chain.executor.settings == (stage == Stage::scope ? "role=reader;" : ""));
            CHECK((chain.executor.facts != nullptr) == (stage == Stage::guard));
        }
    });
}

TEST_CASE("hooks: what a hook changed is dropped when it throws, is audited, or spends its budget") {
    Bench bench;
    bench.services().hook_budget = milliseconds(0);
    bench.on([&] {
        for (int way = 0; way < 3; ++way) {
            CAPTURE(way);
            Chain chain(bench);
            Probe& probe = chain.add("p", Stage::rewrite, OnFailure::ignore, way == 1 ? Mode::audit : Mode::enforce);
            Probe& inner = chain.add("inner", Stage::guard);
            probe.before = [&](Query& query) {
                CHECK(query.setSql("select 2"));
                CHECK(query.tags().add("mine"));
                if (way == 0) throw std::runtime_error("boom");
                if (way == 2) CHECK(nested(query, "select 3") != "");
                return Probe::go();
            };
            inner.before = [&](Query& query) {
                CHECK(query.sql() == "select 1");
                CHECK_FALSE(query.tags().contains("mine"));
                return Probe::go();
            };
            CHECK(chain.run());
            CHECK(chain.executor.sql == "select 1");
            CHECK(probe.calls == (way == 1 ? "ba" : "b"));
        }
    });
}

TEST_CASE("hooks: an exception in any hook of the SDK is a fault that names the plugin and what was thrown") {
    Bench bench;
    bench.on([&] {
        for (int event = 0; event < 3; ++event) {
            Chain chain(bench);
            Probe& probe = chain.add("thrower", Stage::observe);
            auto boom = []() -> Verdict { throw std::runtime_error("boom"); };
            if (event == 0) probe.before = [&](Query&) { return boom(); };
            if (event == 1) probe.after = [&](Query&, const howdah_result&) { return boom(); };
            if (event == 2) probe.error = [&](Query&, const Error&) { return boom(); };
            if (event == 2) chain.executor.ends = Ends::error;
            auto done = chain.run();
            REQUIRE_FALSE(done);
            if (event == 2) {
                CHECK(done.error().code == Code::database);  // never hidden
            } else {
                CHECK(done.error().code == Code::internal);
                CHECK(done.error().message == concat("plugin \"thrower\" failed in ",
                                                     event == 0 ? "beforeQuery" : "afterQuery",
                                                     ": the plugin threw: boom"));
            }
        }
    });
}

TEST_CASE("hooks: scope_hash is there after scope, and tells database, settings and principal apart") {
    Bench bench;
    bench.on([&] {
        std::vector<std::uint64_t> hashes;
        for (int way = 0; way < 4; ++way) {
            Chain chain(bench);
            Probe& admit = chain.add("a", Stage::admit);
            Probe& scope = chain.add("s", Stage::scope);
            Probe& recall = chain.add("r", Stage::recall);
            std::uint64_t early = 1;
            admit.before = [&](Query& query) {
                early = query.scopeHash();
                return Probe::go();
            };
            scope.before = [&](Query& query) {
                if (way == 1) CHECK(query.setSetting("role", "x"));
                if (way == 2) CHECK(query.setDatabase("other"));
                return Probe::go();
            };
            recall.before = [&](Query& query) {
                hashes.push_back(query.scopeHash());
                return Probe::go();
            };
            Principal other;
            other.tenant = "acme";
            Request served;
            if (way == 3) served.principal = &other;
            CHECK(chain.run(served));
            CHECK(early == 0);
        }
        REQUIRE(hashes.size() == 4);
        for (std::size_t i = 0; i < 4; ++i) {
            CHECK(hashes[i] != 0);
            for (std::size_t j = 0; j < i; ++j)
                CHECK(hashes[i] != hashes[j]);
        }
    });
}

TEST_CASE("hooks: a rewrite takes back the facts found about the text before it") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        // Out of stage order on purpose: facts first, then another text.
        chain.add("g", Stage::guard).before = [](Query& query) {
            howdah_facts found{};
            found.struct_size = sizeof found;
            CHECK(query.setFacts(found));
            return Probe::go();
        };
        chain.add("w", Stage::rewrite).before = [](Query& query) {
            CHECK(query.facts() != nullptr);
            CHECK(query.setSql("select 2"));
            return Probe::go();
        };
        CHECK(chain.run());
        CHECK(chain.executor.facts == nullptr);
    });
}

TEST_CASE("hooks: a nested query skips its originators and recall, and ends at depth 4") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        Probe& outer = chain.add("outer", Stage::observe);
        Probe& inner = chain.add("inner", Stage::observe);
        Probe& cache = chain.add("cache", Stage::recall);
        outer.before = [&](Query& query) {
            CHECK(nested(query, "select 2") == "");
            return Probe::go();
        };
        CHECK(chain.run());
        CHECK(outer.calls == "ba");
        CHECK(inner.calls == "baba");
        CHECK(cache.calls == "ba");
    });
    bench.on([&] {
        Chain chain(bench);
        std::vector<Probe*> probes;
        std::string refused;
        for (int i = 0; i < 6; ++i) {
            Probe& probe = chain.add(concat("p", i), Stage::observe);
            probes.push_back(&probe);
            probe.before = [&](Query& query) {
                auto said = nested(query, "select 2");
                if (!said.empty()) refused = said;
                return Probe::go();
            };
        }
        CHECK(chain.run());
        CHECK(refused == "queries inside hooks are nested deeper than 4 levels");
        CHECK(chain.executor.open == 0);
    });
}

TEST_CASE("hooks: scope and guard run registered text only, and that passes neither rewrite nor guard") {
    Bench bench;
    bench.on([&] {
        for (Stage stage : {Stage::scope, Stage::guard}) {
            Chain chain(bench);
            Probe& probe = chain.add("own", stage, OnFailure::deny, Mode::enforce, {"select own"});
            Probe& rewrite = chain.add("w", Stage::rewrite);
            Probe& guard = chain.add("g", Stage::guard);
            Probe& observe = chain.add("o", Stage::observe);
            probe.before = [&](Query& query) {
                CHECK(nested(query, "select text").find("registered text only") != std::string::npos);
                CHECK(nested(query, "select text", HOWDAH_PROVENANCE_PLUGIN).find("did not register") !=
                      std::string::npos);
                CHECK(nested(query, "select own", HOWDAH_PROVENANCE_PLUGIN) == "");
                return Probe::go();
            };
            CHECK(chain.run());
            CHECK(rewrite.calls == "ba");
            CHECK(guard.calls == "ba");
            CHECK(observe.calls == "baba");
        }
    });
}

TEST_CASE("hooks: a request cancelled or late before any hook calls none and asks no database") {
    Bench bench;
    bench.on([&] {
        for (bool late : {false, true}) {
            Chain chain(bench);
            Probe& probe = chain.add("p", Stage::observe);
            auto cancellation = Cancellation::create(bench.shard());
            Request served;
            served.cancellation = cancellation.get();
            if (late) {
                served.deadline = Deadline::in(milliseconds(0));
            } else {
                cancellation->cancel(CancelReason::requested);
            }
            auto done = chain.run(served);
            REQUIRE_FALSE(done);
            CHECK(done.error().code == (late ? Code::timeout : Code::cancelled));
            CHECK(probe.calls == "");
            CHECK(chain.executor.calls == "");
        }
    });
}

TEST_CASE("hooks: cancelled in a hook, the hooks entered before hear of it and the rest are not called") {
    Bench bench;
    bench.on([&] {
        for (bool faults : {false, true}) {
            Chain chain(bench);
            Probe& first = chain.add("first", Stage::observe);
            Probe& second = chain.add("second", Stage::observe);
            Probe& third = chain.add("third", Stage::observe);
            auto cancellation = Cancellation::create(bench.shard());
            second.before = [&](Query&) {
                cancellation->cancel(CancelReason::client_gone);
                if (faults) throw std::runtime_error("a host call ended");
                return Probe::go();
            };
            Request served;
            served.cancellation = cancellation.get();
            auto done = chain.run(served);
            REQUIRE_FALSE(done);
            CHECK(done.error().code == Code::cancelled);
            CHECK(first.calls == "be");
            CHECK(second.calls == (faults ? "b" : "be"));
            CHECK(third.calls == "");
            CHECK(chain.executor.calls == "");
        }
    });
}

TEST_CASE("hooks: a request goes on with the generation it pinned while another one is published") {
    Bench bench;
    bench.on([&] {
        Chain old_chain(bench);
        Probe& old_probe = old_chain.add("p", Stage::observe);
        Chain new_chain(bench);
        Probe& new_probe = new_chain.add("p", Stage::observe);
        bench.generations.publish(old_chain.pin());
        old_probe.before = [&](Query& query) {
            bench.generations.publish(new_chain.pin());
            CHECK(nested(query, "select 2") == "");
            return Probe::go();
        };
        CHECK(old_chain.run());
        CHECK(old_probe.calls == "ba");
        CHECK(new_probe.calls == "");
        bench.generations.clear();
    });
}

TEST_CASE("hooks: a result left behind by another verdict is never taken for a later reply") {
    // In C: the SDK cannot say reply without a result.
    static constexpr howdah_hooks_v1 kRepliesWithNothing{
        .struct_size = sizeof(howdah_hooks_v1),
        .after_query = [](void*, howdah_ctx*, howdah_query*, const howdah_result*) -> std::uint32_t {
            return HOWDAH_REPLY;
        }};
    static constexpr howdah_hooks_v1 kLeavesAResult{
        .struct_size = sizeof(howdah_hooks_v1),
        .after_query = [](void*, howdah_ctx* ctx, howdah_query* query, const howdah_result*) -> std::uint32_t {
            CHECK(replyWith(ctx, query, "stale") == HOWDAH_OK);
            return HOWDAH_PROCEED;
        }};
    Bench bench;
    bench.on([&] {
        FakeExecutor executor;
        auto outer = bench.instance("outer");
        auto inner = bench.instance("inner");
        auto generation = bench.generation();
        generation->sql = executor.service(*outer);
        for (auto [instance, table] : {std::pair{outer.get(), &kRepliesWithNothing}, {inner.get(), &kLeavesAResult}}) {
            HookSlot slot;
            slot.instance = instance;
            slot.table = table;
            generation->before_query.push_back(slot);
        }
        Request served;
        served.generation = GenerationPin(std::move(generation));
        howdah_ctx ctx(outer.get(), served);
        QueryRun run(ctx, served.generation);
        auto done = run.run(request("select 1"));
        REQUIRE_FALSE(done);
        CHECK(done.error().message.find("plugin \"outer\" failed in afterQuery: it replied") == 0);
    });
}

TEST_CASE("hooks: the text of one hook's failed host call is never another hook's reason") {
    Bench bench;
    bench.on([&] {
        Chain chain(bench);
        chain.add("first", Stage::observe).before = [](Query& query) {
            CHECK_FALSE(query.setSql("select 2"));
            return Probe::go();
        };
        chain.add("second", Stage::observe).before = [](Query&) { return Verdict::deny(Error{Code::refused, ""}); };
        auto done = chain.run();
        REQUIRE_FALSE(done);
        CHECK(done.error().message == "plugin \"second\" refused without a reason");
        CHECK(done.error().code == Code::refused);
    });
}

}  // namespace howdah::kernel
